"""Live data: one follower of the outbox per process; what changed is read once per group and offered to its readers.

A group is everybody who is to be shown the same: the same stream with the same arguments, and the same rows. Each reader has
room for one event: a reader that is stuck finds the newest one when it comes back, and holds up nobody. Events are states, not
steps, so nothing is lost by it. Groups that differ only in who asks are read together, by one statement.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from community.errors import RetryableError
from community.store import outbox
from community.store.outbox_signal import outbox_signal
from community.store.unit_of_work import Store

_log = structlog.get_logger()
BATCH = 1000
CREDENTIAL_ENDED = "credential_ended"
STOP_LOOK_S = 0.5
"""How long a stop of the process may go unnoticed by the follower."""
FRESH_S = 0.05
"""A state read this shortly before is shown to one who comes now; what is committed later comes to him as a change."""


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


@dataclass(frozen=True, slots=True)
class Member:
    """What a group says of itself to those it is read together with: who asks."""

    together: Hashable
    asker: Any
    load_all: Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]
    """The values for many askers, in their order. The same for all groups with an equal `together`."""


class Reader(Protocol):
    """Somebody to whom events are offered. Neither method waits."""

    credential: str

    def offer(self, event: Event) -> None: ...

    def end(self) -> None:
        """Nothing more is shown to it."""
        ...


@dataclass(slots=True, eq=False)
class _Waiting:
    """A reader that comes for its events."""

    credential: str
    figures: "Figures"
    room: Event | None = None
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def offer(self, event: Event) -> None:
        if self.room is not None:
            self.figures.conflated += 1
        self.room = event
        self.filled.set()

    def end(self) -> None:
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
    member: Member | None = None
    readers: set[Reader] = field(default_factory=set)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    newest: Event | None = None
    newest_s: float = 0.0
    shows: int = 0

    def show(self, event: Event) -> None:
        self.shows += 1
        self.newest, self.newest_s = event, time.monotonic()
        for reader in list(self.readers):
            reader.offer(event)


@dataclass(slots=True)
class Figures:
    """What the hub has done so far."""

    states_read: int = 0
    read_s: float = 0.0
    pushed: int = 0
    push_s: float = 0.0
    conflated: int = 0


class Hub:
    """Follows the outbox while it runs. `watch` is an endless stream of states, `join` offers them to a reader."""

    def __init__(self, store: Store, poll_s: float = 0.2, ended: Callable[[set[str]], None] | None = None) -> None:
        self._store = store
        self._poll_s = poll_s
        self._ended = ended
        self._groups: dict[Hashable, _Group] = {}
        self._cursor: int | None = None
        self._pending: list[outbox.Change] = []
        self._following = asyncio.Event()
        self.figures = Figures()

    @property
    def reader_count(self) -> int:
        return sum(len(group.readers) for group in self._groups.values())

    @property
    def group_count(self) -> int:
        return len(self._groups)

    @property
    def following(self) -> bool:
        """Whether the follower knows its place in the outbox."""
        return self._following.is_set()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set: woken by commits, looking by itself now and then. A database that is away is asked again."""
        while not stop.is_set():
            try:
                async with outbox_signal(self._store) as signal:
                    while not stop.is_set():
                        await self._step()
                        await signal.next(STOP_LOOK_S)
            except RetryableError as error:
                _log.warning("outbox_unreachable", reason=str(error))
                await asyncio.sleep(self._poll_s)

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
        self._end({change.subject for change in changes if change.topic == CREDENTIAL_ENDED})
        concerned = [
            group
            for group in self._groups.values()
            if group.readers and any(group.watch.concerns(change) for change in changes)
        ]
        together: dict[Hashable, list[_Group]] = {}
        for group in concerned:
            together.setdefault(id(group) if group.member is None else group.member.together, []).append(group)
        for groups in together.values():
            try:
                began_s = time.monotonic()
                values = await self._values(groups)
                self.figures.read_s += time.monotonic() - began_s
                self.figures.states_read += len(groups)
            except RetryableError:
                raise
            except Exception as error:  # noqa: BLE001  one group must not silence the others
                _log.exception("live_state_failed", reason=str(error))
                continue
            began_s = time.monotonic()
            for group, value in zip(groups, values, strict=True):
                group.show(Event(cursor, value))
                self.figures.pushed += len(group.readers)
            self.figures.push_s += time.monotonic() - began_s

    async def _values(self, groups: list[_Group]) -> Sequence[Any]:
        first = groups[0].member
        if len(groups) == 1 or first is None:
            return [await groups[0].load()]
        return await first.load_all([group.member.asker for group in groups if group.member is not None])

    def _end(self, credentials: set[str]) -> None:
        if not credentials:
            return
        if self._ended is not None:
            self._ended(credentials)
        for group in list(self._groups.values()):
            for reader in list(group.readers):
                if reader.credential in credentials:
                    reader.end()

    async def join(
        self,
        key: Hashable,
        watch: Watch,
        load: Load,
        reader: Reader,
        *,
        after: int | None,
        member: Member | None = None,
    ) -> None:
        """Offer states to the reader until `leave`: at once (unless nothing changed since `after`), then after every change.

        `key` names the group: equal keys must load the same.
        """
        # Before the follower knows its place, a change could fall between the first state and what it follows.
        await self._following.wait()
        group = self._groups.setdefault(key, _Group(watch, load, member))
        group.readers.add(reader)
        try:
            at_least = 0
            if after is not None:
                at_least, missed = await self._missed(watch, after)
                if not missed:
                    return
            shows = group.shows
            event = await self._present(group, at_least)
            if group.shows == shows:  # else the follower was faster, with something at least as new
                reader.offer(event)
        except BaseException:
            self.leave(key, reader)
            raise

    async def _present(self, group: _Group, at_least: int) -> Event:
        """The state now: one that was read just before, if it is of no earlier place than `at_least`."""
        async with group.reading:
            newest = group.newest
            if newest is None or newest.cursor < at_least or time.monotonic() - group.newest_s > FRESH_S:
                cursor = max(self._cursor or 0, at_least)
                event = Event(cursor, await group.load())
                if group.newest is None or group.newest.cursor <= cursor:
                    # else the follower was faster, with something newer
                    group.newest, group.newest_s = event, time.monotonic()
            newest = group.newest
            if newest is None:
                raise RuntimeError("a state was read and is not there")
            return newest

    def leave(self, key: Hashable, reader: Reader) -> None:
        """Offer nothing more to the reader."""
        group = self._groups.get(key)
        if group is not None:
            group.readers.discard(reader)
            if not group.readers:
                del self._groups[key]

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
        """States of one thing, as `join` offers them. Raises CredentialEnded when the credential is revoked, and after
        `ends_in_s` seconds, when it expires.
        """
        reader = _Waiting(credential, self.figures)
        expiry = None if ends_in_s is None else asyncio.get_running_loop().call_later(max(0.0, ends_in_s), reader.end)
        try:
            await self.join(key, watch, load, reader, after=after)
            while True:
                yield await reader.take()
        finally:
            if expiry is not None:
                expiry.cancel()
            self.leave(key, reader)

    async def _missed(self, watch: Watch, after: int) -> tuple[int, bool]:
        """The present place in the outbox, and whether something that matters changed after `after`."""
        async with self._store.read() as work:
            cursor = await outbox.latest_cursor(work)
            if after > cursor:
                return cursor, True
            changes = await outbox.changes_after(work, after, BATCH)
            return cursor, len(changes) == BATCH or any(watch.concerns(change) for change in changes)
