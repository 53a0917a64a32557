"""A running intake over a store, as the tests of this folder use it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from community.store.gaps import open_gaps
from community.store.intervals import intervals_of
from community.store.measurements import measurements_of
from community.store.quarantine import QuarantineEntry, quarantined
from community.store.unit_of_work import Store
from ingest.intake import Intake
from ingest.judging import Judge
from ingest.outcomes import Outcome
from ingest.uplinks import Uplink
from tests.support.sending_device import EUI, EXPORT, INSTALLED, NOON, StandingClock
from tests.support.stores import COLUMN_KEY


class RunningIntake:
    """Sends frames in and reads the books."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = StandingClock()
        self.batches: list[list[Outcome]] = []
        self.intake = Intake(store, Judge(COLUMN_KEY), self.clock, self._committed)

    async def _committed(self, outcomes: list[Outcome]) -> None:
        self.batches.append(outcomes)

    def uplink(self, payload: bytes, eui: str | None = EUI) -> Uplink:
        return Uplink("device_broker", eui, payload, self.clock.now())

    async def send(self, payload: bytes, eui: str | None = EUI) -> Outcome:
        async with asyncio.timeout(60):
            return await self.intake.take_in(self.uplink(payload, eui))

    async def readings(self, name: str = "plant", obis: str = EXPORT) -> list[tuple[int, int]]:
        """(quarter-hours since noon, Wh) of every measurement."""
        async with self.store.read() as work:
            points = await measurements_of(work, f"meter-{name}-{obis}")
        return [(int((point.at - NOON).total_seconds()) // 900, point.register_wh) for point in points]

    async def intervals(self, name: str = "plant") -> list[tuple[int, int]]:
        """(quarter-hours since noon, Wh) of every interval."""
        async with self.store.read() as work:
            found = await intervals_of(work, f"mp_{name}", INSTALLED, self.clock.now())
        return [(int((one.starts_at - NOON).total_seconds()) // 900, one.energy_wh) for one in found]

    async def gaps(self, name: str = "plant") -> list[tuple[int, int, int]]:
        """(from, to, Wh) of every open gap, in quarter-hours since noon."""
        async with self.store.read() as work:
            found = await open_gaps(work, f"mp_{name}")
        return [
            (
                int((gap.starts_at - NOON).total_seconds()) // 900,
                int((gap.ends_at - NOON).total_seconds()) // 900,
                gap.energy_wh,
            )
            for gap in found
        ]

    async def refused(self) -> list[QuarantineEntry]:
        async with self.store.read() as work:
            return await quarantined(work)


@asynccontextmanager
async def running_intake(store: Store) -> AsyncIterator[RunningIntake]:
    """An intake that writes while the block runs."""
    running = RunningIntake(store)
    stop = asyncio.Event()
    writer = asyncio.create_task(running.intake.run(stop))
    try:
        yield running
    finally:
        stop.set()
        await writer
