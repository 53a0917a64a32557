"""Backfill: finalised history in ranges, a few of them in flight while one is written."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from community.chain.index_checkpoint import IndexCheckpoint
from community.clients.evm import NodeRefused, NodeUnavailable
from community.errors import CommunityError
from indexer.apply import Books, Reached
from indexer.pace import Pace
from indexer.provider_limits import TooFast, limit_in
from indexer.ranges import RangeReader, ReadRange

PAUSE_S = 1.0
"""After a provider said that requests come too fast."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill came to. `linked` is False where the node's chain does not go on from our head."""

    checkpoint: IndexCheckpoint
    linked: bool


Written = Callable[[IndexCheckpoint, ReadRange], None]
"""Told of each range that is committed."""


class Backfill:
    """Reads and writes ranges up to a final block. Each range is one unit of work; stopping loses only what is in flight."""

    def __init__(self, books: Books, reader: RangeReader, pace: Pace, reached: Reached, written: Written) -> None:
        self._books = books
        self._reader = reader
        self._pace = pace
        self._reached = reached
        self._written = written
        self._flying: deque[tuple[int, int, asyncio.Task[ReadRange]]] = deque()

    async def run(
        self, known: IndexCheckpoint, upto: int, *, node_head: int, stopping: Callable[[], bool] = lambda: False
    ) -> Backfilled:
        """Go on from `known` until `upto` is indexed or `stopping`. Raises what reading and writing raise."""
        try:
            while known.head.number < upto and not stopping():
                self._take_off(known.head.number + 1, upto)
                first, last, task = self._flying.popleft()
                try:
                    read = await task
                except (NodeRefused, NodeUnavailable) as error:
                    await self._shrink(error, last - first + 1)
                    continue
                if read.parent_hash != known.head.hash:
                    return Backfilled(known, linked=False)
                self._pace.read(last - first + 1, read.log_count)
                self._take_off(last + 1, upto)
                self._reached("range_read")
                known = await self._books.extend(known, read.blocks, node_head=node_head, final=True)
                self._written(known, read)
            return Backfilled(known, linked=True)
        finally:
            await self._land()

    def _take_off(self, first: int, upto: int) -> None:
        """Have as many ranges in flight as the pace allows, the next one from `first` on."""
        if self._flying:
            first = self._flying[-1][1] + 1
        while len(self._flying) < self._pace.in_flight and first <= upto:
            last = min(upto, first + self._pace.blocks - 1)
            self._flying.append((first, last, asyncio.create_task(self._reader.read(first, last))))
            first = last + 1

    async def _shrink(self, error: CommunityError, blocks: int) -> None:
        """Give up what is in flight and ask for less. Raises `error` where less cannot be asked."""
        limit = limit_in(str(error))
        await self._land()
        if isinstance(error, NodeUnavailable) and not isinstance(limit, TooFast):
            # an answer that never came whole may simply have been too large
            limit = limit_in("response too large")
        if not self._pace.refused(limit, blocks):
            raise error
        _log.info(
            "index_range_refused",
            endpoint=self._reader.endpoint,
            reason=str(error),
            blocks=self._pace.blocks,
            calls=self._pace.calls,
        )
        if isinstance(limit, TooFast):
            await asyncio.sleep(PAUSE_S)

    async def _land(self) -> None:
        tasks = [task for _, _, task in self._flying]
        self._flying.clear()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, CommunityError):
                await task
