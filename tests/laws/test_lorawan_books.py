"""Law: any order, duplication and loss with repair of LoRaWAN frames, over restarts, gives the same books as the clean run."""

import asyncio
import random
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import col

from community.attestation.evidence_gaps import GapKind
from community.clock import slot_start
from community.store.evidence_gaps import gaps_not_ended
from community.store.tables.measuring import IntervalRow, MeasurementRow, StatementRow
from community.store.unit_of_work import Store
from standalone.lora_month import FIRST_SLOT
from tests.conformance.ingest.test_repairs import RadioBackend
from tests.support.lora_radio_books import OnAir, RadioDevice, register_radio
from tests.support.stores import new_sqlite_url, opened

SLOTS = 24
SETTLING = 36


async def books_of(store: Store) -> dict[str, Any]:
    """Everything that is derived, without when it was recorded."""
    async with store.read() as work:
        statements = await work.session.execute(
            select(col(StatementRow.ctr), col(StatementRow.first_at), col(StatementRow.span))
        )
        measured = await work.session.execute(select(col(MeasurementRow.at), col(MeasurementRow.register_wh)))
        intervals = await work.session.execute(select(col(IntervalRow.starts_at), col(IntervalRow.energy_wh)))
        end = slot_start(FIRST_SLOT + SLOTS)
        return {
            "statements": sorted(tuple(row) for row in statements if row.first_at < end),
            "measured": sorted(tuple(row) for row in measured if row.at < end),
            "intervals": sorted(tuple(row) for row in intervals if row.starts_at < end - timedelta(minutes=15)),
            "gaps": [
                gap
                for gap in await gaps_not_ended(work, "dev-house")
                if gap.kind is GapKind.SLOTS and gap.first < FIRST_SLOT + SLOTS
            ],
        }


async def lived(folder: Path, seed: int, loss: float, disorder: int, restarts: int) -> dict[str, Any]:
    """The books after the device's day, with what the air and the network do to its frames."""
    async with opened(await new_sqlite_url(folder, f"{seed}-{loss}-{disorder}-{restarts}.db")) as store:
        device, draw = RadioDevice(5, seed=31), random.Random(seed)
        await register_radio(store, device.identity)
        backend = RadioBackend(store, device, "things_stack", 0.0, seed)
        waiting: list[OnAir] = []
        for slot in range(FIRST_SLOT, FIRST_SLOT + SLOTS + SETTLING):
            for frame in device.quarter(slot):
                if slot < FIRST_SLOT + SLOTS and draw.random() < loss:
                    continue
                waiting += [frame] * (2 if draw.random() < 0.2 else 1)
            draw.shuffle(waiting)
            backend.clock.instant = max(backend.clock.instant, slot_start(slot + 1))
            while len(waiting) > (disorder if slot < FIRST_SLOT + SLOTS + SETTLING - 1 else 0):
                await backend.hear(waiting.pop(), backend.clock.instant)
            if draw.random() < restarts / 40:
                backend.restart()
            await backend.repairs.look()
        assert backend.verdicts["rejected"] == backend.verdicts["quarantined"] == 0
        assert all(device.truth[(int(at.timestamp())) // 900] == wh for at, wh in (await books_of(store))["measured"])
        return await books_of(store)


CLEAN: dict[str, Any] = {}


def agree(seed: int, loss: float, disorder: int, restarts: int) -> None:
    """The books of a troubled day are those of the undisturbed one."""
    with TemporaryDirectory() as name:
        if not CLEAN:
            CLEAN.update(asyncio.run(lived(Path(name), 0, 0.0, 0, 0)))
            assert len(CLEAN["measured"]) == SLOTS and CLEAN["gaps"] == []
        assert asyncio.run(lived(Path(name), seed, loss, disorder, restarts)) == CLEAN


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.integers(0, 1 << 32), st.sampled_from([0.2, 0.4]), st.integers(0, 6), st.integers(1, 10))
def test_the_books_do_not_depend_on_what_happens_to_the_frames(
    seed: int, loss: float, disorder: int, restarts: int
) -> None:
    agree(seed, loss, disorder, restarts)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.integers(0, 1 << 32), st.sampled_from([0.0, 0.2, 0.4]), st.integers(0, 6), st.integers(0, 10))
def test_the_books_of_many_days_do_not_depend_on_what_happens_to_the_frames(
    seed: int, loss: float, disorder: int, restarts: int
) -> None:
    agree(seed, loss, disorder, restarts)
