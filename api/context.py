"""What one operation carries: its viewer, one snapshot of the books, and loaders that batch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from api.auth import Authenticator, Viewer
from api.errors import TOO_COSTLY, Refused
from api.live import Hub
from api.loaders import Loaders
from api.sessions import Sessions
from community.clock import Clock
from community.store.sealed_columns import ColumnSeal
from community.store.unit_of_work import Store, Work
from community.store.views.scope import Scope

INTERVALS_MAX = 80_000
"""Quarter-hours that one operation may have added up in Python: two years of a member."""


@dataclass(frozen=True, slots=True)
class Options:
    """What of the settings an operation depends on: the token whose balances count, and whether developers look on."""

    token: str | None = None
    development: bool = False
    column_keys: ColumnSeal | None = None
    sessions: Sessions | None = None


class Snapshot:
    """One read snapshot for all parts of an answer, opened at first use; statements take turns on its connection."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = asyncio.Lock()
        self._open: AbstractAsyncContextManager[Work] | None = None
        self._work: Work | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Work]:
        async with self._turn:
            if self._work is None:
                self._open = self._store.read()
                self._work = await self._open.__aenter__()
            yield self._work

    async def close(self) -> None:
        async with self._turn:
            opened, self._open, self._work = self._open, None, None
            if opened is not None:
                await opened.__aexit__(None, None, None)


@dataclass(slots=True)
class Context:
    """The context of one operation; a WebSocket's messages each get their own by `fork`."""

    store: Store
    clock: Clock
    hub: Hub
    options: Options
    authenticator: Authenticator
    viewer: Viewer | None = None
    snapshot: Snapshot = field(init=False)
    _loaders: Loaders | None = field(init=False, default=None)
    intervals_left: int = field(init=False, default=INTERVALS_MAX)

    def __post_init__(self) -> None:
        self.snapshot = Snapshot(self.store)

    @property
    def loaders(self) -> Loaders:
        """The operation's loaders, made at first use: what has a plan needs none."""
        if self._loaders is None:
            self._loaders = Loaders(self, self.options.token)
        return self._loaders

    def fork(self) -> "Context":
        """The same asker with a snapshot and loaders of his own."""
        return Context(self.store, self.clock, self.hub, self.options, self.authenticator, self.viewer)

    def credential_ends_in_s(self) -> float | None:
        """Seconds until what the viewer signed in with expires; None where it does not."""
        if self.viewer is None or self.viewer.expires_at is None:
            return None
        return (self.viewer.expires_at - self.clock.now()).total_seconds()

    async def refresh(self) -> None:
        """Give up the snapshot: what is read next is newer. After a command, and between the events of a stream."""
        await self.snapshot.close()
        self._loaders = None

    def spend(self, intervals: int) -> None:
        """Account for quarter-hours that are to be added up. Raises Refused where the operation wants too many."""
        self.intervals_left -= intervals
        if self.intervals_left < 0:
            raise Refused(TOO_COSTLY, "The operation adds up too much energy at once. Ask for less time, or for fewer.")

    def now(self) -> datetime:
        """The present instant."""
        return self.clock.now()

    def reading(self) -> Any:
        """`async with context.reading() as work` for the operation's snapshot."""
        return self.snapshot.reading()

    @property
    def asker(self) -> Viewer:
        """The viewer, `EVERYBODY` where nobody is signed in."""
        if self.viewer is None:
            raise RuntimeError("an operation runs without a viewer")
        return self.viewer

    @property
    def scope(self) -> Scope:
        return self.asker.scope
