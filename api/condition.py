"""How the API is: can the books be read, who is connected, what was answered."""

from collections import Counter

from prometheus_client.metrics_core import Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.asked import Asked
from api.live import Hub
from community.runtime.figures import figure
from community.store.unit_of_work import Store
from community.store.views import chain


class ApiCondition:
    """What the API reports of itself."""

    def __init__(self, store: Store, hub: Hub, asked: Asked | None = None) -> None:
        self._store = store
        self._hub = hub
        self._asked = asked or Asked()
        self.answers: Counter[str] = Counter()
        self.sockets = 0

    def why_not_alive(self) -> str:
        """Nothing: whoever answers this has a loop that turns."""
        return ""

    async def why_not_ready(self) -> str:
        """Raises StoreUnavailable where the books cannot be read."""
        async with self._store.read() as work:
            await chain.head(work)
        return "" if self._hub.following else "the follower of the outbox has not begun"

    async def figures(self) -> list[Metric]:
        """Answers by status class, operations, open sockets, and what live readers cost."""
        live, asked = self._hub.figures, self._asked
        return [
            figure("counter", "api_responses_total", "HTTP answers by status class", dict(self.answers), "status"),
            figure("gauge", "api_websockets", "open WebSockets", self.sockets),
            figure("gauge", "api_live_readers", "subscriptions that are being served", self._hub.reader_count),
            figure("gauge", "api_live_groups", "groups of readers that are shown the same", self._hub.group_count),
            figure("counter", "api_live_states_total", "states read for groups", live.states_read),
            figure("counter", "api_live_read_seconds_total", "time taken to read them", live.read_s),
            figure("counter", "api_live_pushes_total", "states offered to readers", live.pushed),
            figure("counter", "api_live_push_seconds_total", "time taken to offer them", live.push_s),
            figure("counter", "api_operations_total", "operations by name", dict(asked.by_name), "operation"),
            figure("counter", "api_ways_total", "operations by the way they took", dict(asked.by_way), "way"),
        ]


class Counting:
    """An ASGI application with its answers and sockets counted."""

    def __init__(self, app: ASGIApp, condition: ApiCondition) -> None:
        self._app = app
        self._condition = condition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        condition = self._condition
        if scope["type"] == "websocket":
            condition.sockets += 1
            try:
                await self._app(scope, receive, send)
            finally:
                condition.sockets -= 1
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                condition.answers[f"{message['status'] // 100}xx"] += 1
            await send(message)

        await self._app(scope, receive, sent)
