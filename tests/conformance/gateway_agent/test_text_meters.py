"""D0, SML and P1 meters on pseudo terminals: the dialogue with its change of speed, and telegrams that are pushed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from community.clock import slot_at
from gateway_agent.meters import iec62056_21 as d0_meters
from gateway_agent.meters import pushed_telegrams
from gateway_agent.meters.dsmr_p1 import DsmrP1Meter
from gateway_agent.meters.iec62056_21 import Iec62056Meter, Iec62056PushMeter, NoReadout
from gateway_agent.meters.serial_line import LineLost
from gateway_agent.meters.sml import SmlMeter
from gateway_agent.profiles import DsmrP1Profile, Iec62056Profile, SmlProfile, load_profile
from gateway_agent.reading import MeterSample, RegisterReading
from gateway_agent.sampler import BoundaryRules, PushMeter, sample_polled, sample_pushed
from standalone.meters.optical_meter import OpticalMeter, readout
from standalone.meters.serial_peer import SerialPeer
from tests.support.agents import until
from tests.support.manual_clock import ManualClock
from tests.support.text_telegrams import Row, cut, golden_bytes, golden_meters, p1_telegram, sml_telegram

ZONE = "Europe/Vienna"
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
IMPORT, EXPORT = "1-0:1.8.0", "1-0:2.8.0"
SAID = {"0.0.0": "55512345", "1.8.0": "001234.567*kWh", "2.8.0": "000001.0*kWh", "1.8.0*01": "001000.000*kWh"}


def d0_profile(name: str = "d0-mode-c") -> Iec62056Profile:
    profile = load_profile(name)
    assert isinstance(profile, Iec62056Profile)
    return profile


def pushing_meter(name: str, port: Path) -> PushMeter:
    match load_profile(name):
        case Iec62056Profile() as profile:
            return Iec62056PushMeter(profile, str(port), ZONE)
        case SmlProfile() as profile:
            return SmlMeter(profile, str(port))
        case DsmrP1Profile() as profile:
            return DsmrP1Meter(profile, str(port), ZONE)
        case other:
            raise AssertionError(other)


@asynccontextmanager
async def on_a_line(meter: OpticalMeter, link: Path) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(meter.run(link, stop))
    try:
        await until(link.exists, "the head's port")
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def repeating(link: Path, pieces: Sequence[bytes]) -> AsyncIterator[SerialPeer]:
    """Somebody who says `pieces` again and again, a piece every few milliseconds."""

    async def say(line: SerialPeer) -> None:
        while True:
            for piece in pieces:
                line.send(piece)
                await asyncio.sleep(0.002)

    with SerialPeer(link) as line:
        task = asyncio.create_task(say(line))
        try:
            yield line
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def heard(meter: PushMeter, count: int) -> list[MeterSample]:
    """The first `count` samples."""
    samples: list[MeterSample] = []
    async with asyncio.timeout(20), contextlib.aclosing(meter.samples()) as stream:
        async for sample in stream:
            samples.append(sample)
            if len(samples) == count:
                break
    return samples


@pytest.mark.parametrize(
    ("identification", "echoes", "address"),
    [
        ("ISK5ME172-0001", True, ""),
        ("ISK5ME172-0001", False, "55512345"),
        ("LGZ4\\2ZMF100AC.M23", True, ""),
        ("ABC0slow", True, ""),
        ("SIEC2WR5", True, ""),
        ("EMH-old", False, ""),
    ],
)
async def test_a_meter_is_read_at_the_speed_it_offers(
    tmp_path: Path, identification: str, echoes: bool, address: str
) -> None:
    optical = OpticalMeter(lambda _: SAID, identification, address, echoes)
    link = tmp_path / "head"
    async with on_a_line(optical, link):
        meter = Iec62056Meter(d0_profile(), str(link), ZONE, address)
        for _ in range(2):  # and once more from 300 Bd on
            sample = await meter.read()
            assert sample.registers_wh == {IMPORT: 1_234_567, EXPORT: 1000}
            assert (sample.meter_serial, sample.resolution_wh) == ("55512345", 100)
            assert sample.frame is None  # without a clock nothing in it changes
    assert optical.readouts == 2


async def test_a_readout_that_the_line_spoils_is_refused_and_the_next_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(d0_meters, "PAUSE_S", 0.3)
    messages = [readout({**SAID, "1.8.0": "001234.568*kWh"})[:-1] + b"?", readout(SAID)[:40], readout(SAID)]
    optical = OpticalMeter(lambda _: SAID, spoil=lambda _: messages.pop(0))
    link = tmp_path / "head"
    async with on_a_line(optical, link):
        meter = Iec62056Meter(d0_profile(), str(link), ZONE)
        with pytest.raises(NoReadout, match="block check character is wrong"):
            await meter.read()
        with pytest.raises(NoReadout, match="nothing whole came"):
            await meter.read()
        assert (await meter.read()).registers_wh[IMPORT] == 1_234_567


async def test_a_heat_meter_is_woken_up_and_its_heat_is_its_own_register(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(d0_meters, "AWAKE_S", 0.05)
    said = {
        "6.8": "0029.055*MWh",
        "6.26": "01589.28*m3",
        "6.8*01": "0028.086*MWh",
        "9.20": "64030874",
        "6.6": "0017.2*kW",
    }
    optical = OpticalMeter(lambda _: said, "SIEC2WR5")
    async with on_a_line(optical, tmp_path / "head"):
        sample = await Iec62056Meter(d0_profile("d0-heat"), str(tmp_path / "head"), ZONE).read()
    assert sample.registers_wh == {"6-0:1.0.0": 29_055_000}
    assert (sample.meter_serial, sample.resolution_wh) == ("64030874", 1000)


async def test_silence_and_a_missing_port_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(d0_meters, "ANSWER_S", 0.2)
    with SerialPeer(tmp_path / "head"), pytest.raises(NoReadout, match="upside down"):
        await Iec62056Meter(d0_profile(), str(tmp_path / "head"), ZONE).read()
    with pytest.raises(LineLost, match="plugged in"):
        await Iec62056Meter(d0_profile(), str(tmp_path / "nowhere"), ZONE).read()


async def test_a_polled_readout_becomes_the_reading_of_its_quarter_hour(tmp_path: Path) -> None:
    clock = ManualClock(START)
    local = {"0.9.1": "110003", "0.9.2": "260302"}  # Vienna is an hour ahead
    optical = OpticalMeter(lambda _: {**local, **SAID})
    taken: list[RegisterReading] = []

    async def take(reading: RegisterReading) -> None:
        taken.append(reading)

    async with on_a_line(optical, tmp_path / "head"):
        meter = Iec62056Meter(d0_profile(), str(tmp_path / "head"), ZONE)
        task = asyncio.create_task(sample_polled(meter, BoundaryRules(2, 60), clock, take))
        try:
            await until(lambda: bool(taken), "a reading")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert [(each.slot, each.off_s, each.registers) for each in taken] == [(slot_at(START), 3, (1_234_567, 1000))]
    assert taken[0].frame_sha256 is not None


def golden_stream(family: str, name: str) -> bytes:
    (case,) = [case for case in golden_meters(family) if case["id"].endswith(name)]
    return str(case.get("telegram") or case["readout"]).encode("latin-1")


@pytest.mark.parametrize(
    ("profile", "stream", "expected", "serial"),
    [
        ("sml-infrared", golden_bytes("sml", "apollon77-ttyUSB0-2.bin"), {EXPORT: 4373}, "1DNT0100008240"),
        ("d0-push", golden_stream("iec62056_21", "emh-ehz-push-0"), {IMPORT: 32_942_023}, "331200-5009810"),
        ("dsmr-p1", golden_stream("dsmr_p1", "telegram_v5"), {IMPORT: 6825, EXPORT: 2444}, "K8EG004046395507"),
        (
            "dsmr-p1-v3",
            golden_stream("dsmr_p1", "telegram_v3"),
            {IMPORT: 24_691_356, EXPORT: 24_691_356},
            "K8EG004046395507",
        ),
    ],
)
@pytest.mark.parametrize("size", [64, 1000])
async def test_pushed_telegrams_are_heard_through_noise(
    tmp_path: Path, profile: str, stream: bytes, expected: dict[str, int], serial: str, size: int
) -> None:
    damaged = stream[: len(stream) // 3] + b"\x7f\x00" + stream[len(stream) // 3 + 3 :]
    pieces = [*cut(stream, size), b"\xff\x1b\x02", *cut(damaged, size), *cut(stream[:40], size)]
    async with repeating(tmp_path / "head", pieces):
        samples = await heard(pushing_meter(profile, tmp_path / "head"), 3)
    assert {(tuple(each.registers_wh.items()), each.meter_serial) for each in samples} == {
        (tuple(expected.items()), serial)
    }


@pytest.mark.parametrize(
    ("profile", "stream", "imported"),
    [
        ("d0-push", golden_stream("iec62056_21", "emh-ehz-push-0"), 32_942_023),
        ("dsmr-p1-v3", golden_stream("dsmr_p1", "telegram_v3"), 24_691_356),
    ],
)
async def test_halves_of_two_telegrams_without_a_check_are_no_reading(
    tmp_path: Path, profile: str, stream: bytes, imported: int
) -> None:
    begin = stream.index(b"(", stream.index(b":1.8.1")) + 1
    rest = stream[stream.index(b"(", begin) + 1 :]
    torn = [stream[: begin + kept] + rest for kept in range(1, 7)]  # numbers made of two, in good form, each once
    pieces = [part for each in torn for telegram in (each, stream, stream) for part in cut(telegram, 200)]
    async with repeating(tmp_path / "head", pieces):
        samples = await heard(pushing_meter(profile, tmp_path / "head"), 12)
    assert {sample.registers_wh[IMPORT] for sample in samples} == {imported}


async def test_a_head_that_is_unplugged_is_heard_again_when_it_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushed_telegrams, "REOPEN_S", 0.05)
    link = tmp_path / "head"
    async with contextlib.aclosing(pushing_meter("sml-infrared", link).samples()) as samples:
        for wh in (1234, 5678):
            async with (
                repeating(link, [sml_telegram([Row(bytes([1, 0, 1, 8, 0, 255]), wh, 0, 30)])]),
                asyncio.timeout(20),
            ):
                async for sample in samples:
                    if sample.registers_wh == {IMPORT: wh}:
                        break


async def test_the_october_night_gives_two_distinct_hours_of_p1_telegrams(tmp_path: Path) -> None:
    first = datetime(2025, 10, 26, 0, 0, tzinfo=UTC)
    clock, taken = ManualClock(first + timedelta(seconds=2)), list[RegisterReading]()
    stamps = ["020001S", "021500S", "023000S", "024500S", "020000W", "021500W", "023000W", "024500W", "030000W"]

    async def take(reading: RegisterReading) -> None:
        taken.append(reading)

    with SerialPeer(tmp_path / "head") as line:
        meter = pushing_meter("dsmr-p1", tmp_path / "head")
        task = asyncio.create_task(sample_pushed(meter, BoundaryRules(1, 60), clock, take))
        try:
            for number, stamp in enumerate(stamps):
                await clock.move_to(first + timedelta(minutes=15 * number, seconds=2))
                telegram = p1_telegram([f"0-0:1.0.0(251026{stamp})", f"1-0:1.8.0({number:06d}.000*kWh)"])
                async with asyncio.timeout(20):
                    while len(taken) <= number:
                        line.send(telegram)
                        await asyncio.sleep(0.02)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert [each.slot for each in taken] == list(range(slot_at(first), slot_at(first) + len(stamps)))
    assert [each.registers for each in taken] == [(1000 * number,) for number in range(len(stamps))]
