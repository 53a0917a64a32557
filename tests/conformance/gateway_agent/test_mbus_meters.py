"""The M-Bus master against simulated slaves that keep the rules of EN 13757, over a pseudo terminal and over TCP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway_agent.meters.mbus import MbusMeter, read_telegrams
from gateway_agent.meters.mbus_line import MbusSerialLink, MbusTcpLink
from gateway_agent.meters.mbus_scan import MbusCollision, MbusFound, ScanResult, scan_mbus, search_mbus
from gateway_agent.meters.serial_line import LineLost
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.profiles import MbusProfile, load_profile
from gateway_agent.protocols.mbus_address import SecondaryAddress, parse_address
from standalone.meters.mbus_bus import MbusBus, MbusSlave
from tests.support.brokers import free_port
from tests.support.mbus_world import Way, identification, serving, slave
from tests.support.meter_vectors import meter_vectors, vector_named

IMPORT_5_KWH = "04 03 88 13 00 00"
EXPORT_2_KWH = "04 83 3C D0 07 00 00"
MORE = "1F"
NKE, FIRST, SECOND = 0x40, 0x7B, 0x5B
WAYS: list[Any] = ["serial", "tcp"]


def profile(name: str = "mbus-generic") -> MbusProfile:
    loaded = load_profile(name)
    assert isinstance(loaded, MbusProfile)
    return loaded


async def all_of(results: AsyncIterator[ScanResult]) -> list[ScanResult]:
    return [result async for result in results]


def places(results: list[ScanResult]) -> list[tuple[str, str]]:
    return [(type(result).__name__, str(result.address)) for result in results]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("address", ["9", "sec:12345678FFFFFFFF"])
async def test_a_meter_is_read_again_and_again(way: Way, address: str, tmp_path: Path) -> None:
    bus = MbusBus([slave(9, "12345678", IMPORT_5_KWH + EXPORT_2_KWH), slave(10, "12345679", "04 03 01 00 00 00")])
    async with serving(bus, way, tmp_path) as link:
        meter = MbusMeter(profile(), link, parse_address(address))
        for _again in range(3):
            sample = await meter.read()
            assert sample.registers_wh == {"1-0:1.8.0": 5000, "1-0:2.8.0": 2000}
            assert (sample.meter_serial, sample.resolution_wh, sample.meter_error) == ("KAM12345678", 1, False)
            assert sample.meter_at is None
    assert bus.slaves[1].asked == []


@pytest.mark.parametrize("way", WAYS)
async def test_telegrams_are_asked_for_until_the_last(way: Way, tmp_path: Path) -> None:
    meter = slave(3, "00000003", "02 FD 48 09 09" + MORE, IMPORT_5_KWH + MORE, EXPORT_2_KWH)
    async with serving(MbusBus([meter]), way, tmp_path) as link:
        for _again in range(2):
            telegrams = await read_telegrams(link, 3)
            assert [len(telegram.records) for telegram in telegrams] == [2, 2, 1]
            assert [telegram.more_follow for telegram in telegrams] == [True, True, False]
        sample = await MbusMeter(profile(), link, 3).read()
    assert sample.registers_wh == {"1-0:1.8.0": 5000, "1-0:2.8.0": 2000}
    assert meter.asked[:3] == [FIRST, SECOND, FIRST]


@pytest.mark.parametrize("loss", ["lose", "garble"])
async def test_a_lost_answer_is_asked_for_with_the_same_bit(loss: str, tmp_path: Path) -> None:
    """The frame count bit is toggled only by success: no telegram is skipped, none is taken twice."""
    meter = slave(3, "00000003", "02 FD 48 09 09" + MORE, IMPORT_5_KWH)
    bus = MbusBus([meter])
    async with serving(bus, "serial", tmp_path) as link:
        assert len(await read_telegrams(link, 3)) == 2
        meter.asked.clear()
        setattr(bus, loss, 2)
        bus.lose_acknowledgements = 2
        telegrams = await read_telegrams(link, 3)
        assert [len(telegram.records) for telegram in telegrams] == [2, 1]
        assert meter.asked == [FIRST, FIRST, FIRST, SECOND]
        setattr(bus, loss, 3)
        with pytest.raises(MeterUnreachable, match=r"3 attempts"):
            await read_telegrams(link, 3)
        bus.lose = bus.garble = 0
        bus.lose_acknowledgements = 3
        with pytest.raises(MeterUnreachable, match="does not answer"):
            await read_telegrams(link, 3)


async def test_a_line_that_makes_noise_when_it_turns_round(tmp_path: Path) -> None:
    bus = MbusBus([slave(9, "12345678", IMPORT_5_KWH)], noise=b"\x00\x68")
    async with serving(bus, "direct", tmp_path) as link:
        assert (await MbusMeter(profile(), link, 9).read()).registers_wh == {"1-0:1.8.0": 5000}


@pytest.mark.parametrize("way", WAYS)
async def test_a_converter_that_hears_itself(way: Way, tmp_path: Path) -> None:
    bus = MbusBus([slave(9, "12345678", IMPORT_5_KWH)], echo=True)
    async with serving(bus, way, tmp_path) as link:
        for address in ("9", "sec:12345678FFFFFFFF"):
            sample = await MbusMeter(profile(), link, parse_address(address)).read()
            assert sample.registers_wh == {"1-0:1.8.0": 5000}
        with pytest.raises(MeterUnreachable, match="does not answer"):
            await MbusMeter(profile(), link, 8).read()


async def test_why_there_is_no_reading(tmp_path: Path) -> None:
    busy = slave(2, "00000002", IMPORT_5_KWH, status=0x01)
    water = slave(3, "00000003", "04 13 01 00 00 00", medium=7)
    tariffs = slave(4, "00000004", "84 10 03 01 00 00 00")
    invalid = slave(5, "00000005", "0C 03 AB 00 00 00")
    report = MbusSlave(6, identification("00000006") + bytes(4), [bytes((8,))], information=0x70)
    endless = slave(7, "00000007", IMPORT_5_KWH + MORE)
    twins = [slave(8, "00000008", IMPORT_5_KWH), slave(8, "10000008", IMPORT_5_KWH)]
    bus = MbusBus([busy, water, tariffs, invalid, report, endless, *twins])
    reasons = {
        2: "busy",
        3: "measures Water",
        4: "tariff 1 subunit 0",
        5: "no number",
        6: "application is busy",
        7: "without end",
        8: "damaged",
        9: "does not answer",
    }
    async with serving(bus, "direct", tmp_path) as link:
        for address, reason in reasons.items():
            with pytest.raises(MeterUnreachable, match=reason):
                await MbusMeter(profile(), link, address).read()
        with pytest.raises(MeterUnreachable, match="No meter on"):
            await MbusMeter(profile(), link, parse_address("sec:99999999FFFFFFFF")).read()
        with pytest.raises(MeterUnreachable, match=r"Several meters|damaged"):
            await MbusMeter(profile(), link, parse_address("sec:FFFFFFFFFFFFFFFF")).read()


async def test_a_profile_of_one_maker_reads_no_other(tmp_path: Path) -> None:
    """A first tariff is the whole register of an EMH DIZ, but not of a meter with two."""
    tariff = "84 10 03 88 13 00 00"
    bus = MbusBus([slave(1, "00000001", tariff), slave(2, "00000002", tariff, maker=0x15A8)])
    async with serving(bus, "direct", tmp_path) as link:
        with pytest.raises(MeterUnreachable, match="made by KAM; profile mbus-emh-diz reads EMH"):
            await MbusMeter(profile("mbus-emh-diz"), link, 1).read()
        sample = await MbusMeter(profile("mbus-emh-diz"), link, 2).read()
    assert sample.registers_wh == {"1-0:1.8.0": 5000}


async def test_a_meter_that_tells_of_an_error_is_read_and_marked(tmp_path: Path) -> None:
    async with serving(MbusBus([slave(2, "00000002", IMPORT_5_KWH, status=0x08)]), "tcp", tmp_path) as link:
        assert (await MbusMeter(profile(), link, 2).read()).meter_error


async def test_two_tariffs_are_added(tmp_path: Path) -> None:
    vector = vector_named("mbus", "electricity-meter-1")
    frame = bytes.fromhex(vector["frame_hex"])
    meter = MbusSlave(frame[5], frame[7:15], [frame[7:-2]])
    async with serving(MbusBus([meter]), "serial", tmp_path) as link:
        sample = await MbusMeter(profile("mbus-two-tariffs"), link, frame[5]).read()
    assert sample.registers_wh == {"1-0:1.8.0": 12_520 + 17_744_330} and sample.resolution_wh == 10


@pytest.mark.parametrize("way", WAYS)
async def test_primary_scan(way: Way, tmp_path: Path) -> None:
    bus = MbusBus([slave(2, "00000002", IMPORT_5_KWH), slave(5, "00000005", "0F"), slave(6, "06000000", "0F")])
    bus.slaves += [slave(4, "00000004", "0F"), slave(4, "10000004", "0F" + "00" * 9)]
    async with serving(bus, way, tmp_path) as link:
        results = await all_of(scan_mbus(link, 1, 6))
    assert places(results) == [
        ("MbusFound", "2"),
        ("MbusCollision", "4"),
        ("MbusFound", "5"),
        ("MbusFound", "6"),
    ]
    assert isinstance(results[0], MbusFound) and results[0].telegram is not None
    assert results[0].telegram.identification == "00000002"


async def test_secondary_search_finds_every_meter_once(tmp_path: Path) -> None:
    """Also those that share a primary address, and those whose numbers differ in the last digit only."""
    numbers = ["12345678", "12345679", "12300000", "90000001", "01234567", *(f"{at:08d}" for at in range(40))]
    bus = MbusBus([slave(1, number, IMPORT_5_KWH + "0F" + number) for number in numbers])
    async with serving(bus, "direct", tmp_path) as link:
        results = await all_of(search_mbus(link))
    assert sorted(str(result.address)[:8] for result in results) == sorted(numbers)
    assert all(isinstance(result, MbusFound) for result in results)


async def test_a_search_can_be_narrowed(tmp_path: Path) -> None:
    bus = MbusBus([slave(1, number, "0F" + number) for number in ("12345678", "12345679", "12300000")])
    async with serving(bus, "serial", tmp_path) as link:
        narrowed = await all_of(search_mbus(link, "1234567FFFFFFFFF"))
        nobody = await all_of(search_mbus(link, "5FFFFFFFFFFFFFFF"))
    assert sorted(str(result.address)[:8] for result in narrowed) == ["12345678", "12345679"]
    assert nobody == []


async def test_meters_that_hide_each_other_are_found_by_a_thorough_search(tmp_path: Path) -> None:
    """Both answer at the same moment, and what is on the wire is the first one's answer, checksum and all."""
    bus = MbusBus([slave(1, "12345678", "0F 00 02"), slave(1, "12345679", "0F 01 02")], skew=0)
    async with serving(bus, "direct", tmp_path) as link:
        quick = await all_of(search_mbus(link, "1234567FFFFFFFFF"))
        thorough = await all_of(search_mbus(link, "1234567FFFFFFFFF", thorough=True))
    assert places(quick) == [("MbusFound", "123456782D2C0102")]
    assert sorted(places(thorough)) == [("MbusFound", "123456782D2C0102"), ("MbusFound", "123456792D2C0102")]


async def test_meters_with_one_number_are_told_as_a_collision(tmp_path: Path) -> None:
    bus = MbusBus([slave(1, "11111111", "0F"), slave(2, "11111111", "0F" + "01" * 20, maker=0x1111)])
    async with serving(bus, "direct", tmp_path) as link:
        results = await all_of(search_mbus(link, "1111111FFFFFFFFF"))
        first = await all_of(search_mbus(link, "111111112D2CFFFF"))
    assert places(results) == [("MbusCollision", "11111111FFFFFFFF")]
    assert isinstance(results[0], MbusCollision)
    assert places(first) == [("MbusFound", "111111112D2C0102")]


async def test_every_recorded_telegram_comes_over_the_bus(tmp_path: Path) -> None:
    frames = [bytes.fromhex(vector["frame_hex"]) for vector in meter_vectors("mbus")]
    bus = MbusBus([MbusSlave(at, frame[7:15], [frame[7:-2]], frame[6]) for at, frame in enumerate(frames, start=1)])
    async with serving(bus, "direct", tmp_path) as link:
        found = await all_of(scan_mbus(link, 1, len(frames)))
    telegrams = [result.telegram for result in found if isinstance(result, MbusFound)]
    assert len(telegrams) == len(frames) and None not in telegrams


async def test_a_bus_that_is_not_there(tmp_path: Path) -> None:
    for link in (MbusSerialLink(str(tmp_path / "none")), MbusTcpLink("127.0.0.1", free_port())):
        with pytest.raises(LineLost):
            await MbusMeter(profile(), link, 1).read()


@pytest.mark.parametrize(("first", "last"), [(-1, 5), (0, 251), (9, 3)])
async def test_a_range_that_is_none(first: int, last: int) -> None:
    with pytest.raises(ValueError, match="0 to 250"):
        await all_of(scan_mbus(MbusTcpLink("127.0.0.1", 1), first, last))


@pytest.mark.parametrize("text", ["251", "-1", "sec:1234", "sec:1234567G00000000", "x", ""])
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        parse_address(text)


def test_a_secondary_address_as_people_write_it() -> None:
    address = parse_address("sec:123456782d2c0102")
    assert address == SecondaryAddress("12345678", 0x2C2D, 1, 2)
    assert str(address) == "123456782D2C0102"
    assert address.encoded() == bytes.fromhex("78563412 2d2c 01 02")
    assert SecondaryAddress.parse("12FFFFFFFFFFFFFF").matches(address)
    assert not SecondaryAddress.parse("12FFFFFFFFFF02FF").matches(address)
