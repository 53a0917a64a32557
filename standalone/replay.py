"""Driving the replayed clock: a boundary passes when every gateway has its reading, and not faster than asked."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from community.clock import slot_at, slot_start
from community.runtime.system_clock import SystemClock
from standalone.replay_clock import ReplayClock

GATEWAY_PATIENCE_S = 5.0
"""How long a boundary waits for a gateway that has no reading. After that the day goes on and leaves a gap."""
_POLL_S = 0.03


def last_spooled_slot(spool: Path) -> int | None:
    """The newest quarter-hour boundary in a gateway's spool, None while there is none."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True, timeout=5)) as connection:
            newest: int | None = connection.execute("SELECT max(slot) FROM reading").fetchone()[0]
            return newest
    except sqlite3.OperationalError:
        return None  # the gateway has not made its spool yet


class ReplayDriver:
    """Moves the clock from boundary to boundary until it has caught up with the present."""

    def __init__(self, clock: ReplayClock, spools: Sequence[Path], slots_per_second: float) -> None:
        self._clock = clock
        self._spools = spools
        self._step_s = 1 / slots_per_second

    async def run(self, stop: asyncio.Event) -> None:
        """Drive until the replay has reached the present, or `stop` is set."""
        slot = slot_at(self._clock.now())
        while not stop.is_set() and self._clock.is_replaying:
            began = time.monotonic()
            await self._wait_for_gateways(slot)
            await asyncio.sleep(max(0.0, self._step_s - (time.monotonic() - began)))
            slot += 1
            if slot_start(slot) > SystemClock().now():
                self._clock.finish()
            else:
                self._clock.set_to(slot_start(slot))

    async def _wait_for_gateways(self, slot: int) -> None:
        waiting = list(self._spools)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATEWAY_PATIENCE_S):
                while waiting:
                    waiting = [spool for spool in waiting if (last_spooled_slot(spool) or 0) < slot]
                    await asyncio.sleep(_POLL_S)
