"""Streams as plans: one statement for each group of readers, its answer made once and offered to all of them."""

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.auth import Viewer
from api.context import Context
from api.errors import Refused
from api.frames import Frame, frame_of
from api.graph.subscriptions import TOPICS, after_of
from api.live import Event, Hub, Member, Reader, Watch
from api.plans.answering import Answering, asker_of
from api.plans.operations import Plan
from api.scalars import address_out
from community.store.plans.marks import finished, with_event_cursor
from community.store.plans.running import Asker, Runner
from community.store.plans.shapes import Argument, NotCompilable
from community.store.views.keyset import CursorInvalid


class NotShown(Exception):
    """The standard way is to say why nothing of this is shown."""


class Rendered:
    """What a group is shown. Its text, and its frame for each id, are made once however many readers there are."""

    __slots__ = ("_data", "_frames", "_text")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._text: str | None = None
        self._frames: dict[str, Frame] = {}

    def text(self, cursor: int) -> str:
        """The value of `data`, read at or after this place in the outbox."""
        if self._text is None:
            self._text = with_event_cursor(self._data, cursor).decode()
        return self._text

    def frame(self, cursor: int, number: str) -> Frame:
        """A message of graphql-transport-ws for the operation whose id is `number`, which is JSON."""
        found = self._frames.get(number)
        if found is None:
            if len(self._frames) > 100:
                self._frames.clear()
            found = frame_of(f'{{"id":{number},"type":"next","payload":{{"data":{self.text(cursor)}}}}}')
            self._frames[number] = found
        return found


@dataclass(frozen=True, slots=True)
class Joined:
    """A reader's place in a group."""

    hub: Hub
    key: Hashable
    reader: Reader

    def leave(self) -> None:
        self.hub.leave(self.key, self.reader)


class Streaming:
    """Opens streams that have a plan."""

    def __init__(self, answering: Answering, runner: Runner, hub: Hub, token: str | None) -> None:
        self._answering = answering
        self._runner = runner
        self._hub = hub
        self._token = token

    async def open(
        self,
        text: str,
        name: str | None,
        given: Mapping[str, Any] | None,
        viewer: Viewer,
        context: Context,
        reader: Reader,
    ) -> Joined | None:
        """The reader's place in its group, after its first event was offered; None where the standard way is to be taken.

        Raises StoreUnavailable.
        """
        planned = self._answering.planned_stream(text, name, given, viewer, context)
        if planned is None:
            return None
        plan, variables = planned
        try:
            values = plan.values(variables)
            cursor = values[plan.after.slot] if plan.after is not None else None
            after = after_of(cursor)
        except (ValueError, Refused):
            return None
        asker = asker_of(viewer, context, self._token)
        together = (
            "plan",
            text,
            name,
            _canonical(plan, values),
            plan.variant,
            viewer.scope.everything,
            viewer.scope.pseudonyms,
        )
        key = (*together, asker.ids) if plan.statement.of_asker else together
        load, member = self._loads(plan, values, asker, together)
        try:
            await self._hub.join(key, _watch(plan, values), load, reader, after=after, member=member)
        except (NotShown, CursorInvalid):
            return None
        except NotCompilable:
            self._answering.give_up(plan)
            return None
        return Joined(self._hub, key, reader)

    def _loads(self, plan: Plan, values: Sequence[Any], asker: Asker, together: Hashable) -> tuple[Any, Member | None]:
        async def load() -> Rendered:
            answer = await self._runner.run(plan.statement, values, asker, plan.rows_max)
            if answer is None:
                raise NotShown
            return Rendered(finished(answer, address_out))

        if plan.many is None:
            return load, None
        many = plan.many

        async def load_all(askers: Sequence[Asker]) -> list[Rendered]:
            found = await self._runner.run_batch(many, values, askers)
            return [Rendered(finished(answer, address_out)) for answer in found]

        return load, Member(together, asker, load_all)


def _watch(plan: Plan, values: Sequence[Any]) -> Watch:
    point = plan.given.get("metering_point_id")
    return Watch(TOPICS[plan.root], values[point.slot] if isinstance(point, Argument) else None)


def _canonical(plan: Plan, values: Sequence[Any]) -> str:
    """The values as a text that is equal for equal ones, but for the place to go on from: it opens no group of its own."""
    after = plan.after.slot if plan.after is not None else None
    return json.dumps([value for slot, value in enumerate(values) if slot != after], default=str)


def text_of(event: Event) -> str:
    """The event's `data` as JSON."""
    rendered: Rendered = event.value
    return rendered.text(event.cursor)
