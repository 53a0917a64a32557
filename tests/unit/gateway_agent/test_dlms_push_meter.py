"""Meters that push ciphered telegrams, on a pseudo terminal: every transport, two keys, and the meter that wants answers."""

import asyncio
import json
import os
import tty
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from itertools import cycle, repeat
from pathlib import Path
from typing import Any

import pytest

from community.metering.dlms.register import Register
from gateway_agent.meters.dlms_push import DlmsPushMeter
from gateway_agent.profiles import DlmsPushProfile, load_profile
from gateway_agent.protocols.channels import by_register
from gateway_agent.reading import MeterSample, RawRegister
from tests.unit.community.metering.dlms import wire
from tests.unit.community.metering.dlms.wire import notification, obis, scale, structure, u32

GOLDEN = Path(__file__).parents[2] / "golden" / "meters"
ZONE = "Europe/Vienna"


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """(the meter's end, the path of the reader's port)."""
    meter_end, port = os.openpty()
    tty.setraw(port)
    os.set_blocking(meter_end, False)
    yield meter_end, os.ttyname(port)
    os.close(meter_end)
    os.close(port)


def profile(name: str) -> DlmsPushProfile:
    loaded = load_profile(name)
    assert isinstance(loaded, DlmsPushProfile)
    return loaded


def vector(path: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / path).read_text())
    return loaded


@asynccontextmanager
async def talking(meter_end: int, telegrams: Iterable[bytes]) -> AsyncIterator[None]:
    """The meter says `telegrams`, without end: what it said before the port was opened is lost."""

    async def talk() -> None:
        for telegram in telegrams:
            os.write(meter_end, telegram)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(talk())
    try:
        yield
    finally:
        task.cancel()


async def first_sample(meter: DlmsPushMeter) -> MeterSample:
    async with asyncio.timeout(10), aclosing(meter.samples()) as samples:
        return await anext(samples)


async def test_a_kaifa_meter_on_wired_m_bus(line: tuple[int, str]) -> None:
    v = vector("dlms_push/netznoe-0.json")
    meter = DlmsPushMeter(profile("at-kaifa-mbus"), line[1], bytes.fromhex(v["key_hex"]), ZONE)
    async with talking(line[0], repeat(bytes.fromhex(v["stream_hex"]))):
        sample = await first_sample(meter)
    assert sample.registers_wh == {"1-0:1.8.0": 12937, "1-0:2.8.0": 0}
    assert (sample.meter_serial, sample.invocation_counter) == ("181220000009", 35)
    assert sample.meter_at is not None
    assert sample.meter_at.isoformat() == "2021-09-27T07:47:15+00:00"
    assert sample.frame == bytes.fromhex(v["stream_hex"])


async def test_an_e450_with_two_keys_and_block_transfer(line: tuple[int, str]) -> None:
    v = vector("dlms_push/dlmsparser-hdlc_landis_gyr_e450.json")
    key, auth_key = bytes.fromhex(v["key_hex"]), bytes.fromhex(v["auth_key_hex"])
    meter = DlmsPushMeter(profile("landis-gyr-e450-two-keys"), line[1], key, ZONE, auth_key)
    async with talking(line[0], repeat(bytes.fromhex(v["stream_hex"]))):
        sample = await first_sample(meter)
    assert sample.registers_wh == {"1-0:1.8.0": 4408736, "1-0:2.8.0": 0}
    assert sample.powers_w == {"1-0:1.7.0": 2893, "1-0:2.7.0": 0}
    assert sample.meter_serial == "LGZ677370b177"


async def test_scalers_resolution_and_lists_without_energy(line: tuple[int, str]) -> None:
    powers = wire.ciphered(notification(structure(obis("1-1:1.7.0"), u32(5), scale(0, 27))), counter=1)
    energy = wire.ciphered(notification(structure(obis("1-1:1.8.0"), u32(71), scale(1, 30))), counter=2)
    frames = [wire.whole(wire.hdlc_segments(apdu, 1000)) for apdu in (powers, energy)]
    meter = DlmsPushMeter(profile("at-wiener-netze"), line[1], wire.KEY, ZONE)
    async with talking(line[0], cycle(frames)):
        sample = await first_sample(meter)
    assert (sample.registers_wh, sample.resolution_wh) == ({"1-0:1.8.0": 710}, 10)
    assert sample.raw == {"1-0:1.8.0": RawRegister(71, 1, "Wh")}
    assert sample.meter_at is None


async def test_dsmr_text_inside_the_ciphering(line: tuple[int, str]) -> None:
    text = (
        "/SAG5SAG-METER\r\n\r\n0-0:1.0.0(251026024500W)\r\n1-0:1.8.0(004711000*Wh)\r\n1-0:2.8.0(000000012*Wh)\r\n!\r\n"
    )
    damaged = text.replace(")", "", 1)
    apdus = (wire.ciphered(said.encode(), wire.AUTH, at) for at, said in enumerate(cycle((damaged, text)), 1))
    meter = DlmsPushMeter(profile("at-sagemcom-p1"), line[1], wire.KEY, ZONE, wire.AUTH)
    async with talking(line[0], apdus):
        sample = await first_sample(meter)
    assert sample.registers_wh == {"1-0:1.8.0": 4711000, "1-0:2.8.0": 12}
    assert sample.meter_at is not None
    assert sample.meter_at.isoformat() == "2025-10-26T01:45:00+00:00"
    assert sample.invocation_counter is not None
    assert sample.frame is not None and sample.frame.startswith(b"\xdb\x08SAG")


async def test_a_repeated_or_older_telegram_is_no_news(line: tuple[int, str]) -> None:
    def frame(counter: int) -> bytes:
        apdu = wire.ciphered(notification(structure(obis("1-0:1.8.0"), u32(counter))), counter=counter)
        return wire.whole(wire.hdlc_segments(apdu, 1000))

    meter = DlmsPushMeter(profile("at-wiener-netze"), line[1], wire.KEY, ZONE)
    said = (frame(heard) for counter in range(10, 10_000) for heard in (counter, counter, counter - 1))
    async with talking(line[0], said), asyncio.timeout(10), aclosing(meter.samples()) as samples:
        counters = [(await anext(samples)).invocation_counter or 0 for _ in range(6)]
    assert counters == sorted(set(counters))


async def test_an_amis_meter_is_answered_and_then_read(line: tuple[int, str]) -> None:
    v = vector("amis_oms5/constructed-amis-summer.json")
    meter_end, path = line
    meter = DlmsPushMeter(profile("at-netz-ooe-amis"), path, bytes.fromhex(v["key_hex"]), ZONE)
    answers = bytearray()

    async def amis() -> None:
        """Sends its values only once it was answered, like the meter."""
        while True:
            os.write(meter_end, bytes.fromhex(v["frame_hex"] if answers else v["search_request_hex"]))
            await asyncio.sleep(0.05)
            try:
                answers.extend(os.read(meter_end, 100))
            except BlockingIOError:
                continue

    task = asyncio.create_task(amis())
    sample = await first_sample(meter)
    task.cancel()
    assert answers and set(answers) == {0xE5}
    registers = v["expected"]["registers"]
    assert sample.registers_wh == {"1-0:1.8.0": registers["1.8.0"], "1-0:2.8.0": registers["2.8.0"]}
    assert (sample.meter_serial, sample.invocation_counter) == ("SAM00000000", None)


def test_a_register_on_another_channel_counts_if_it_is_the_only_one() -> None:
    units = {"1-0:1.8.0": "Wh", "1-0:1.7.0": "W"}
    one, two = Register(1, 0, "Wh"), Register(2, 0, "Wh")
    assert by_register({"1-1:1.8.0": one}, units) == {"1-0:1.8.0": one}
    assert by_register({"1-1:1.8.0": one, "1-0:1.8.0": two}, units) == {"1-0:1.8.0": two}
    assert by_register({"1-1:1.8.0": one, "1-2:1.8.0": two}, units) == {}
    assert by_register({"1-0:1.8.0": Register(1, 0, "varh")}, units) == {}
