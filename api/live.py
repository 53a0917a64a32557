"""Live data: one follower of the outbox per process; what changed is loaded once per group and pushed to its readers.

A group is everybody who watches the same thing with the same scope. Each reader has room for one value: a reader that is
stuck finds the newest one when it comes back, and holds up nobody. Values are states, not events, so nothing is lost by it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import structlog

from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from community.store import outbox
from community.store.unit_of_work import Store

_log = structlog.get_logger()
BATCH = 1000
CREDENTIAL_ENDED = "credential_ended"


class CredentialEnded(Exception):
    """The key that a stream was opened with is revoked, or the token has expired."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What a stream depends on: topics, and the subject where only one matters."""

    topics: frozenset[str]
    subject: str | None = None

    def concerns(self, change: outbox.Change) -> bool:
        return change.topic in self.topics and self.subject in (None, change.subject)


@dataclass(frozen=True, slots=True)
class Event:
    """A state and the place in the outbox it was read at or after."""

    cursor: int
    value: Any


Load = Callable[[], Awaitable[Any]]


@dataclass(slots=True, eq=False)
class _Reader:
    credential: str
    room: Event | None = None
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    conflated: int = 0

    def offer(self, event: Event) -> None:
        if self.room is not None:
            self.conflated += 1
        self.room = event
        self.filled.set()

    def end(self) -> None:
        """Nothing more is shown to it."""
        self.ended = True
        self.filled.set()

    async def take(self) -> Event:
        await self.filled.wait()
        if self.ended or self.room is None:
            raise CredentialEnded
        event, self.room = self.room, None
        self.filled.clear()
        return event


@dataclass(slots=True, eq=False)
class _Group:
    watch: Watch
    load: Load
    readers: set[_Reader] = field(default_factory=set)


class Hub:
    """Follows the outbox while it runs. `watch` is an endless stream of states."""

    def __init__(self, store: Store, poll_s: float = 0.2) -> None:
        self._store = store
        self._poll_s = poll_s
        self._groups: dict[Hashable, _Group] = {}
        self._cursor: int | None = None
        self._pending: list[outbox.Change] = []
        self._following = asyncio.Event()

    @property
    def reader_count(self) -> int:
        return sum(len(group.readers) for group in self._groups.values())

    @property
    def following(self) -> bool:
        """Whether the follower knows its place in the outbox."""
        return self._following.is_set()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set. A database that is away is asked again."""
        while not stop.is_set():
            try:
                await self._step()
            except RetryableError as error:
                _log.warning("outbox_unreachable", reason=str(error))
            await wait_or_stop(stop, self._poll_s)

    async def _step(self) -> None:
        async with self._store.read() as work:
            if self._cursor is None:
                self._cursor = await outbox.latest_cursor(work)
                self._following.set()
                return
            while batch := await outbox.changes_after(work, self._cursor, BATCH):
                self._pending += batch
                self._cursor = batch[-1].id
                if len(batch) < BATCH or len(self._pending) >= 20 * BATCH:
                    break
        if self._pending:
            # Kept until every group has its state: a database that fails in between costs no reader a change.
            await self._spread(self._pending, self._cursor)
            self._pending = []

    async def _spread(self, changes: list[outbox.Change], cursor: int) -> None:
        ended = {change.subject for change in changes if change.topic == CREDENTIAL_ENDED}
        for group in list(self._groups.values()):
            for reader in group.readers:
                if reader.credential in ended:
                    reader.end()
            if group.readers and any(group.watch.concerns(change) for change in changes):
                try:
                    event = Event(cursor, await group.load())
                except RetryableError:
                    raise
                except Exception as error:  # noqa: BLE001  one group must not silence the others
                    _log.exception("live_state_failed", reason=str(error))
                    continue
                for reader in list(group.readers):
                    reader.offer(event)

    async def watch(
        self,
        key: Hashable,
        watch: Watch,
        load: Load,
        *,
        credential: str,
        after: int | None,
        ends_in_s: float | None = None,
    ) -> AsyncIterator[Event]:
        """States of one thing: at once (unless nothing changed since `after`), then after every change.

        `key` names the group: equal keys must load the same. Raises CredentialEnded when the credential is revoked, and after
        `ends_in_s` seconds, when it expires.
        """
        # Before the follower knows its place, a change could fall between the first state and what it follows.
        await self._following.wait()
        group = self._groups.setdefault(key, _Group(watch, load))
        reader = _Reader(credential)
        group.readers.add(reader)
        expiry = None if ends_in_s is None else asyncio.get_running_loop().call_later(max(0.0, ends_in_s), reader.end)
        try:
            cursor, missed = await self._missed(watch, after)
            if missed:
                event = Event(cursor, await load())
                if reader.room is None:  # else the follower was faster, with something at least as new
                    reader.offer(event)
            while True:
                yield await reader.take()
        finally:
            if expiry is not None:
                expiry.cancel()
            group.readers.discard(reader)
            if not group.readers and self._groups.get(key) is group:
                del self._groups[key]

    async def _missed(self, watch: Watch, after: int | None) -> tuple[int, bool]:
        """The present cursor, and whether something that matters changed after `after`."""
        async with self._store.read() as work:
            cursor = await outbox.latest_cursor(work)
            if after is None or after > cursor:
                return cursor, True
            changes = await outbox.changes_after(work, after, BATCH)
            return cursor, len(changes) == BATCH or any(watch.concerns(change) for change in changes)
