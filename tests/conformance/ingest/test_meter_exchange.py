"""A meter is exchanged: the readings of both, in whatever order they and the record come, give the same books."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from community.clock import QUARTER_HOUR, slot_at
from community.store import devices
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.devices import Meter
from community.store.exchange_records import ExchangeRecord, record_exchange
from community.store.exchanges import exchanges_at
from community.store.intervals import intervals_of
from community.store.onboarding import Told
from community.store.unit_of_work import Store
from ingest.judging import Judge
from ingest.rebuild import rebuild
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.sending_device import EXPORT, INSTALLED, NOON, NOON_SLOT, SendingDevice, register
from tests.support.stores import COLUMN_KEY

POINT = f"AT{'plant':0>31}"
SWAPPED = NOON + timedelta(minutes=37)
"""In the third quarter-hour after noon."""
PROTOCOL = "5e" * 32
TOLD = Told("grid operator", "calibration ended", "cmd_exchange")


def record(**changes: Any) -> ExchangeRecord:
    values = {"registers": {EXPORT: (1_250, 40)}, "at": SWAPPED, "new_serial": "SN-new", "protocol_digest": PROTOCOL}
    return ExchangeRecord(POINT, **(values | changes))


async def plant(store: Store) -> SendingDevice:
    device = SendingDevice()
    await register(store, device)
    async with store.begin() as work:
        await devices.add_meter(work, Meter("meter-new", "SN-new", "Maker", "Model", {EXPORT: 10**9}), COLUMN_KEY)
    return device


async def decide(running: RunningIntake, what: ExchangeRecord) -> Outcome:
    async with running.store.begin() as work:
        return await record_exchange(work, what, TOLD, running.clock.now())


async def energies(running: RunningIntake) -> list[tuple[int, int, str]]:
    async with running.store.read() as work:
        found = await intervals_of(work, "mp_plant", INSTALLED, running.clock.now())
    return [(slot_at(one.starts_at) - NOON_SLOT, one.energy_wh, one.quality) for one in found]


async def test_the_interval_of_the_exchange_is_calculated(store: Store) -> None:
    device = await plant(store)
    async with running_intake(store) as running:
        await running.send(device.frame(*((NOON_SLOT + n, 1_000 + 100 * n) for n in range(3))))
        assert await decide(running, record()) == Decided()
        await running.send(device.frame((NOON_SLOT + 3, 90), (NOON_SLOT + 4, 190)))
        assert await energies(running) == [
            (0, 100, "measured"),
            (1, 100, "measured"),
            (2, 50 + 50, "calculated"),
            (3, 100, "measured"),
        ]
        assert not await running.refused()
        async with store.read() as work:
            (found,) = await exchanges_at(work, "mp_plant")
        assert (found.exchange.final_wh, found.exchange.initial_wh, found.exchange.at) == (1_250, 40, SWAPPED)
        assert (found.old_register_id, found.new_register_id) == (f"meter-plant-{EXPORT}", f"meter-new-{EXPORT}")
        result = await rebuild(store, Judge(COLUMN_KEY))
        assert (result.different, result.intervals) == (0, 4)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (0, 3, 1, 2)])
async def test_in_any_order_the_gap_across_shrinks_to_the_calculated_interval(
    store: Store, order: tuple[int, ...]
) -> None:
    device = await plant(store)
    frames = [device.frame((NOON_SLOT + n, wh)) for n, wh in ((0, 1_000), (2, 1_200), (3, 90), (6, 390))]
    async with running_intake(store) as running:
        assert await decide(running, record()) == Decided()
        for number in order:
            await running.send(frames[number])
        assert await energies(running) == [(2, 100, "calculated")]
        assert await running.gaps() == [(0, 2, 200), (3, 6, 300)]
        assert not await running.refused()


async def test_a_record_that_comes_last_judges_nothing_anew_and_fills_the_span(store: Store) -> None:
    device = await plant(store)
    async with running_intake(store) as running:
        await running.send(device.frame((NOON_SLOT, 1_000), (NOON_SLOT + 1, 1_100)))
        async with store.begin() as work:
            await devices.end_installation(work, "inst-plant", SWAPPED)
            await devices.install(
                work,
                "inst-new",
                metering_point_id="mp_plant",
                meter_id="meter-new",
                device_id="dev-plant",
                valid_from=SWAPPED,
                max_power_w=30_000,
            )
        await running.send(device.frame((NOON_SLOT + 3, 90)))
        assert await energies(running) == [(0, 100, "measured")]
        assert await decide(running, record()) == Decided()
        assert await decide(running, record()) == Decided()  # the same again is no change
        assert await running.gaps() == [(1, 3, 150 + 50)]
        await running.send(device.frame((NOON_SLOT + 2, 1_200)))
        assert await energies(running) == [(0, 100, "measured"), (1, 100, "measured"), (2, 100, "calculated")]
        assert await running.gaps() == []


async def test_readings_that_do_not_fit_to_the_record_are_refused(store: Store) -> None:
    device = await plant(store)
    async with running_intake(store) as running:
        await running.send(device.frame((NOON_SLOT, 1_000)))
        assert await decide(running, record()) == Decided()
        await running.send(device.frame((NOON_SLOT + 1, 1_251)))
        await running.send(device.frame((NOON_SLOT + 3, 39)))
        refused = await running.refused()
        assert {one.reason for one in refused} == {"reset_suspected"}
        assert ["taken out" in one.detail or "put in" in one.detail for one in refused] == [True, True]


async def test_the_instant_of_the_exchange_belongs_to_the_new_meter(store: Store) -> None:
    device = await plant(store)
    at = NOON + QUARTER_HOUR
    async with running_intake(store) as running:
        await running.send(device.frame((NOON_SLOT, 1_000)))
        assert await decide(running, record(at=at, registers={EXPORT: (1_100, 0)})) == Decided()
        await running.send(device.frame((NOON_SLOT + 1, 0)))
        assert await energies(running) == [(0, 100, "calculated")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"registers": {"1-0:1.8.0": (1, 0)}}, "it is the one that counts here"),
        ({"registers": {EXPORT: (1_250, 0), "1-0:1.8.0": (1, 0)}}, "no register 1-0:1.8.0"),
        ({"registers": {EXPORT: (10**9, 0)}}, "cannot show"),
        ({"registers": {EXPORT: (1_199, 0)}}, "do not fit"),
        ({"registers": {EXPORT: (900_000, 0)}}, "do not fit"),
        ({"at": NOON}, "the exchange was later"),
        ({"at": INSTALLED - QUARTER_HOUR}, "No meter was in place"),
        ({"new_serial": "SN-none"}, "not on file"),
        ({"new_serial": "SN-plant"}, "not the one that came"),
        ({"device_eui": "70b3d57ed00000ff"}, "does not read"),
    ],
)
async def test_a_record_that_cannot_be_is_refused(store: Store, changes: dict[str, Any], sentence: str) -> None:
    device = await plant(store)
    async with running_intake(store) as running:
        await running.send(device.frame((NOON_SLOT, 1_000), (NOON_SLOT + 2, 1_200)))
        outcome = await decide(running, record(**changes))
    assert isinstance(outcome, NotPossible)
    assert sentence in outcome.sentence
    async with store.read() as work:
        assert await exchanges_at(work, "mp_plant") == []


async def test_what_is_recorded_stays(store: Store) -> None:
    await plant(store)
    async with running_intake(store) as running:
        assert await decide(running, record()) == Decided()
        outcome = await decide(running, record(registers={EXPORT: (1_251, 40)}))
        assert isinstance(outcome, NotPossible)
        unknown = ExchangeRecord("AT9", SWAPPED, "SN-new", {EXPORT: (1, 0)}, PROTOCOL)
        assert await decide(running, unknown) == NotFound()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"registers": {}}, "at least one register"),
        ({"registers": {EXPORT: (1, -1)}}, "not below zero"),
        ({"protocol_digest": "5E" * 32}, "lower-case hexadecimal"),
        ({"at": datetime(2026, 3, 2)}, "time zone"),  # noqa: DTZ001
    ],
)
def test_a_record_that_says_nothing_is_no_record(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        record(**changes)


def test_the_command_asks_for_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ingest.__main__ import main

    with pytest.raises(SystemExit):
        main(["meter", "exchange", POINT, "SN-new", "--at", "noon"])
    assert "write it as 2026-11-02T10:07Z" in capsys.readouterr().err
