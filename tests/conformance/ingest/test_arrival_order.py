"""The books after any order of arrival, on real databases; wraps, factors, exchanges of order and duplicates."""

import asyncio
import random
from itertools import permutations
from pathlib import Path

import pytest

from community.store.unit_of_work import Store
from ingest.judging import Judge
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.laws.test_arrivals import books_of
from tests.support.sending_device import NOON_SLOT, SendingDevice, register
from tests.support.stores import new_sqlite_url, opened

READINGS = [(0, 1000), (1, 1010), (2, 1030), (5, 1100)]


@pytest.mark.timeout(120)
async def test_every_order_gives_the_same_books(sqlite_store: Store) -> None:
    async with running_intake(sqlite_store) as intake:
        for number, order in enumerate(permutations(READINGS)):
            name = f"plant{number}"
            device = SendingDevice(eui=f"70b3d57ed001{number:04x}")
            await register(sqlite_store, device, name=name)
            frames = [device.frame((NOON_SLOT + slot, wh)) for slot, wh in order]
            for payload in [*frames, frames[1]]:
                await intake.send(payload, device.eui)
            assert await intake.readings(name) == READINGS
            assert await intake.intervals(name) == [(0, 10), (1, 20)]
            assert await intake.gaps(name) == [(2, 5, 70)]
        assert await intake.refused() == []


async def test_a_gap_is_split_narrowed_and_closed(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        await intake.send(device.frame((NOON_SLOT, 1000), (NOON_SLOT + 4, 1400)))
        assert await intake.gaps() == [(0, 4, 400)]
        await intake.send(device.frame((NOON_SLOT + 2, 1150)))
        assert await intake.gaps() == [(0, 2, 150), (2, 4, 250)]
        await intake.send(device.frame((NOON_SLOT + 1, 1100), (NOON_SLOT + 3, 1200)))
        assert await intake.gaps() == []
        assert await intake.intervals() == [(0, 100), (1, 50), (2, 50), (3, 200)]


async def test_a_register_that_wraps_and_a_transformer(store: Store) -> None:
    device = SendingDevice()
    await register(store, device, registers={"1-0:2.8.0": 10_000}, factor=10)
    async with running_intake(store) as intake:
        await intake.send(device.frame((NOON_SLOT, 9_950), (NOON_SLOT + 1, 50)))
        assert await intake.intervals() == [(0, 1000)]  # 100 Wh over the wrap, times ten
        assert await intake.refused() == []


async def test_two_sources_at_once_do_not_double(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    frames = [device.frame((NOON_SLOT + n, 1000 + n)) for n in range(6)]
    async with running_intake(store) as one, running_intake(store) as other:
        outcomes = await asyncio.gather(*(intake.send(frame) for frame in frames for intake in (one, other)))
        assert sorted(outcome.verdict for outcome in outcomes) == ["admitted"] * 6 + ["duplicate"] * 6
        assert await one.intervals() == [(n, 1) for n in range(5)]
        assert await one.gaps() == []


@pytest.mark.parametrize("seed", range(2))
async def test_what_comes_late_is_booked_together_as_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """As two processes that share a subscription bring a device's backlog: out of order, in groups."""
    draw = random.Random(seed)
    devices = [SendingDevice(eui=f"70b3d57ed00000{number:02x}") for number in range(2)]
    frames: list[tuple[str, bytes]] = []
    for device in devices:
        slot, wh = NOON_SLOT, 1000
        for _ in range(9):
            size, skipped = draw.choice([1, 1, 3]), draw.choice([0, 0, 2])
            frames.append((device.eui, device.frame(*[(slot + at, wh + 7 * at) for at in range(size)])))
            slot, wh = slot + size + skipped, wh + 7 * size + 20
    draw.shuffle(frames)
    books = []
    for together in (False, True):
        async with opened(await new_sqlite_url(tmp_path, f"{together}.db")) as store:
            for number, device in enumerate(devices):
                await register(store, device, name=f"plant{number}")
            intake = RunningIntake(store)
            if together:
                monkeypatch.setattr(Judge, "take_in", None)  # nothing is left to the long way
            left = [intake.uplink(payload, eui) for eui, payload in frames]
            while left:
                size = draw.randint(1, 6) if together else 1
                some, left = left[:size], left[size:]
                assert {one.verdict for one in await intake.intake._commit(some, together=together)} == {"admitted"}
            books.append(await books_of(store))
    assert books[0] == books[1]
    assert books[0]["interval"] and books[0]["gap"]
