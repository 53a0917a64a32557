"""Acknowledgements in both directions: that a PUBACK has come, and PUBACKs for whole groups of messages at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_PUBACK = b"\x40\x02"
"""Fixed header of a PUBACK without a reason code: success (MQTT 5 3.4.2.1)."""
RETRY_DELAYS_S = (0.2, 1.0, 5.0, 30.0)
_NO_PROPERTIES: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came."""

    topic: str
    payload: bytes
    properties: Mapping[str, Any]


GroupHandler = Callable[[Sequence[Message]], Awaitable[Sequence[bool]]]
"""What takes messages that arrived together, and says of each whether it may be acknowledged."""


class PubackLedger:
    """gmqtt's store of unacknowledged messages, used as the signal that a PUBACK has come."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[bool]] = {}
        self.newest: asyncio.Future[bool] | None = None
        self.room = asyncio.Event()

    def push_message(self, mid: int, _package: bytes) -> None:
        self.newest = asyncio.get_running_loop().create_future()
        self.waiting[mid] = self.newest

    def remove_message_by_mid(self, mid: int) -> None:
        self.room.set()
        future = self.waiting.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(True)

    def give_up(self) -> None:
        """The connection is gone: no PUBACK comes for what waits. Each publisher is told so."""
        self.room.set()
        for future in self.waiting.values():
            if not future.done():
                future.set_result(False)
        self.waiting.clear()

    @property
    def is_empty(self) -> bool:
        return True

    async def wait_empty(self) -> None:
        """Nothing is kept over connections: each publisher sends its message again itself."""

    def clear(self) -> None:
        """Called for a fresh session, before anything was published."""

    def get_all(self) -> list[tuple[int, bytes]]:
        return []


class Gathering:
    """The messages of one connection, handed on in groups and acknowledged in groups.

    gmqtt starts a task for each message and writes each PUBACK by itself, which costs more than storing a message. What
    arrives in one turn of the loop is one group here. Messages that their handler fails at, or does not want
    acknowledged, are handed to it again, ever more rarely: a broker delivers them again at the next connection only, and
    until then each of them takes a place of the receive maximum.
    """

    def __init__(
        self,
        handler: GroupHandler,
        write: Callable[[bytes], None],
        version: int,
        retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
    ) -> None:
        self._retry_delays_s = retry_delays_s
        self._handler = handler
        self._write = write
        self._with_properties = version == 5
        self._waiting: list[tuple[Message, bytes]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, command: int, content: bytes) -> None:
        """A PUBLISH packet (MQTT 5 3.3), its fixed header cut off. Raises ValueError or IndexError for a broken one."""
        end = 2 + int.from_bytes(content[:2])
        topic = content[2:end].decode()
        mid = b""
        if command & 0x06:
            mid, end = content[end : end + 2], end + 2
        if self._with_properties:
            size, shift = 0, 0
            while True:  # a variable byte integer, 1.5.5
                byte = content[end]
                end += 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            end += size
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._hand_on)
        self._waiting.append((Message(topic, content[end:], _NO_PROPERTIES), mid))

    def stop(self) -> None:
        """Give up what is under way: nothing more is acknowledged on this connection."""
        for task in self._tasks:
            task.cancel()

    def _hand_on(self) -> None:
        group, self._waiting = self._waiting, []
        task = asyncio.create_task(self._deliver(group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, group: list[tuple[Message, bytes]]) -> None:
        """Hand on until every message may be acknowledged."""
        failures = 0
        while group := await self._left_of(group):
            delay_s = self._retry_delays_s[min(failures, len(self._retry_delays_s) - 1)]
            failures += 1
            log.warning("messages_handed_on_again", messages=len(group), retry_s=delay_s)
            await asyncio.sleep(delay_s)

    async def _left_of(self, group: list[tuple[Message, bytes]]) -> list[tuple[Message, bytes]]:
        """Acknowledge those of the group that may be; returns the others."""
        try:
            taken = await self._handler([message for message, _ in group])
        except Exception:
            log.exception("message_group_failed", messages=len(group))
            return group
        mids = [mid for (_, mid), may in zip(group, taken, strict=True) if may and mid]
        if mids:
            self._write(b"".join([_PUBACK + mid for mid in mids]))
        return [one for one, may in zip(group, taken, strict=True) if not may]
