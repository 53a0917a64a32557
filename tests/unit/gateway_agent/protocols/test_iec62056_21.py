"""IEC 62056-21: golden readouts however they are cut, every damage to a checked block, and the dialogue's steps."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_agent.protocols.iec62056_21 import (
    READOUT_MAX,
    Dialogue,
    Readout,
    ReadoutReader,
    Send,
    Switch,
    acknowledgement,
    block_check,
    identification_in,
    read_block,
    request_message,
)
from gateway_agent.protocols.quantity import Check
from standalone.meters.optical_meter import readout
from tests.support.text_telegrams import cut, golden_meters

VIENNA = ZoneInfo("Europe/Vienna")
VECTORS = {case["id"]: case for case in golden_meters("iec62056_21")}
REGISTERS = {"0.0.0": "12345678", "1.8.0": "001234.567*kWh", "2.8.0": "000001.0*kWh", "F.F": "00000000"}
FRAMED = b"/ISK5ME172-0001\r\n" + readout(REGISTERS)


def stream_of(case: dict[str, Any]) -> bytes:
    text = str(case["readout"])
    return (text if text.startswith("/") else str(case["identification"]) + text).encode("latin-1")


def readouts(data: bytes, size: int) -> list[Readout]:
    reader = ReadoutReader()
    found = [each for piece in cut(data, size) for each in reader.feed(piece)]
    return found + reader.line_quiet()


@pytest.mark.parametrize("case", VECTORS.values(), ids=VECTORS)
def test_every_data_set_of_a_golden_readout_can_be_looked_at(case: dict[str, Any]) -> None:
    assert {one.address: one.value for one in read_block(stream_of(case))} == case["expected"]


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_golden_readouts_come_out_the_same_however_the_stream_is_cut(size: int) -> None:
    noise = b"\x00\xff/?!\r\n\x06050\r\nhalf(of"
    data = b"".join(noise + stream_of(case) for case in VECTORS.values())
    found = readouts(data, size)
    good = [case for name, case in VECTORS.items() if name != "d0-siemens-2wr5-heat"]
    assert [{one.address: one.value for one in each.sets} for each in found] == [case["expected"] for case in good]
    assert [each.check for each in found] == [Check.ABSENT, Check.ABSENT, Check.VALID]


def test_a_block_whose_check_is_wrong_is_no_readout() -> None:
    reader = ReadoutReader()
    assert reader.feed(stream_of(VECTORS["d0-siemens-2wr5-heat"])) == []
    assert (reader.damage.count, reader.damage.reason) == (1, "the block check character is wrong")


def test_the_meters_number_clock_and_energy() -> None:
    (found,) = readouts(stream_of(VECTORS["d0-iskra-mt174"]), 64)
    telegram = found.telegram(VIENNA)
    assert (telegram.ident, telegram.serial) == ("ISk5MT174-0001", "63355730")
    assert telegram.meter_at is not None and telegram.meter_at.isoformat() == "2017-03-18T19:14:55+00:00"
    said = telegram.by_obis()
    assert (said["1-0:1.8.0"].whole, said["1-0:1.8.0"].resolution, said["1-0:1.7.0"].whole) == (8_048_375, 1, 908)
    (coarse,) = readouts(stream_of(VECTORS["d0-elster-a-modeD"]), 64)
    assert coarse.telegram(VIENNA).by_obis()["1-0:2.8.0"].resolution == 100


def test_no_changed_byte_of_a_checked_block_gives_a_checked_readout() -> None:
    begin = FRAMED.index(b"\x02")
    for at in range(begin, len(FRAMED)):
        for mask in range(1, 256):
            spoilt = FRAMED[:at] + bytes([FRAMED[at] ^ mask]) + FRAMED[at + 1 :]
            assert all(each.check is Check.ABSENT for each in readouts(spoilt, 4096)), (at, mask)


@pytest.mark.parametrize("lost", [1, 3, 5, 31])
def test_a_readout_with_a_hole_is_lost_and_the_next_one_is_not(lost: int) -> None:
    for at in range(0, len(FRAMED) - lost, 7):
        holed = FRAMED[:at] + FRAMED[at + lost :]
        found = [each for each in readouts(holed + FRAMED, 16) if each.check is Check.VALID]
        values = {tuple(one.value for one in each.sets) for each in found}
        assert values == {tuple(REGISTERS.values())}, at
        assert len(found) == 1 or at < FRAMED.index(b"\x02"), at


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400), st.integers(1, 40))
def test_no_input_stops_the_reader(noise: bytes, size: int) -> None:
    alphabet = b"/ISK5ab\r\n\x02\x03!().*18\x06"
    text = bytes(alphabet[byte % len(alphabet)] for byte in noise)
    for data in (noise, text):
        assert readouts(data, size) == readouts(data, 1)
        assert readouts(data + b"\r\n" + FRAMED, size)[-1].sets == readouts(FRAMED, 64)[0].sets


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_a_slash_within_an_identification_loses_nothing(size: int) -> None:
    line = b"/ELS5\\@V9/.30 /x\r\n"
    (found,) = readouts(b"noise/" + line + readout(REGISTERS), size)
    assert found.raw.startswith(line) and found.check is Check.VALID


def test_what_never_ends_is_thrown_away() -> None:
    reader = ReadoutReader()
    for _ in range(3 * READOUT_MAX // 64):
        assert reader.feed(b"/ISK5x\r\n" + b"1.8.0(5)" * 7) == []
    assert reader.damage.count > 0
    assert len(reader.feed(b"\r\n" + FRAMED)) == 1


@pytest.mark.parametrize(
    ("line", "mode", "baud"),
    [
        (b"/ISk5MT174-0001\r\n", "C", 9600),
        (b"/LGZ4\\2ZMD120AR.M26\r\n", "C", 4800),
        (b"/ELS5\\@V9.30 \r\n", "C", 9600),
        (b"/SIEC2WR5\r\n", "B", 2400),
        (b"/EMH-oldmeter\r\n", "A", 300),
        (b"/ABC0XYZ\r\n", "C", 300),
    ],
)
def test_the_baud_letter_says_the_mode(line: bytes, mode: str, baud: int) -> None:
    found = identification_in(b"/?!\r\n" + line)
    assert found is not None and (found.mode, found.baud) == (mode, baud)
    assert found.line == line.decode().strip("/\r\n ")


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("echo", [True, False])
def test_mode_c_is_acknowledged_and_read_with_or_without_echo(echo: bool, size: int) -> None:
    dialogue = Dialogue()
    assert dialogue.request == b"/?!\r\n"
    first = (dialogue.request if echo else b"") + b"/ISK5ME172-0001\r\n"
    steps = [step for piece in cut(first, size) for step in dialogue.feed(piece)]
    assert steps == [Send(b"\x06050\r\n", 9600)]
    answer = (acknowledgement("5") if echo else b"\xfe") + readout(REGISTERS)
    (found,) = [step for piece in cut(answer, size) for step in dialogue.feed(piece)]
    assert isinstance(found, Readout) and found.check is Check.VALID
    assert found.identification == dialogue.identification


def test_the_speed_is_one_that_both_sides_can() -> None:
    assert Dialogue(baud_max=2400).feed(b"/ISK5ME172-0001\r\n") == [Send(b"\x06030\r\n", 2400)]
    assert Dialogue(baud_max=9600).feed(b"/ISK4ME172-0001\r\n") == [Send(b"\x06040\r\n", 4800)]


def test_modes_a_and_b_want_no_acknowledgement() -> None:
    assert Dialogue().feed(b"/SIEC2WR5\r\n") == [Switch(2400)]
    dialogue = Dialogue()
    (found,) = dialogue.feed(b"/EMH-old\r\n" + readout(REGISTERS))
    assert isinstance(found, Readout)


def test_an_address_is_sent_and_judged() -> None:
    assert request_message("00123456") == b"/?00123456!\r\n"
    with pytest.raises(ValueError, match="letters and digits"):
        request_message("1!\r\n")


def test_the_block_check_is_the_exclusive_or_after_stx() -> None:
    assert block_check(b"1.8.0(1)\r\n!\r\n\x03") == 0x31 ^ 0x2E ^ 0x38 ^ 0x2E ^ 0x30 ^ 0x28 ^ 0x31 ^ 0x29 ^ 0x21 ^ 0x03
