"""IEC 62056-21, DSMR P1 and SML."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from community.metering.dlms.hdlc import crc16_x25
from gateway_agent.protocols.dsmr_p1 import P1Stream
from gateway_agent.protocols.dsmr_p1 import read_telegram as read_p1
from gateway_agent.protocols.iec62056_21 import Dialogue, Readout, ReadoutReader, identification_in, read_block
from gateway_agent.protocols.quantity import DamagedTelegram, MeterTelegram
from gateway_agent.protocols.sml import START, SmlStream
from gateway_agent.protocols.sml import read_telegram as read_sml
from gateway_agent.protocols.sml_values import SmlReader
from tests.fuzz.streams import found_in, stream_of
from tests.fuzz.target import Target, held_bytes
from tests.support.meter_vectors import meter_vectors

ZONE = ZoneInfo("Europe/Vienna")
HELD_MAX = {"iec62056_21": 34_000, "dsmr_p1": 18_000, "sml": 18_000}
"""The longest readout or telegram, and a little."""
_SML_FILES = Path(__file__).parents[2] / "golden" / "meters" / "sml"


def _looked_at(telegram: MeterTelegram) -> None:
    with suppress(DamagedTelegram):
        for quantity in telegram.by_obis().values():
            assert quantity.resolution >= 1
            assert type(quantity.whole) is int
            assert quantity.decimal
    assert telegram.meter_at is None or telegram.meter_at.utcoffset() is not None


def iec62056_21(data: bytes) -> None:
    """Any bytes on a D0 line, pushed and as answers in a dialogue."""
    for readout in found_in(data, ReadoutReader, held_max=HELD_MAX["iec62056_21"]):
        _looked_at(readout.telegram(ZONE))
        _looked_at(readout.telegram(ZONE, group="1-1", energy_unit="kWh"))
    size, stream = stream_of(data)
    dialogue = Dialogue()
    for at in range(0, len(stream), max(size, 16)):
        for step in dialogue.feed(stream[at : at + max(size, 16)]):
            if not isinstance(step, Readout):
                assert 300 <= step.baud <= 19_200
    assert held_bytes(dialogue) <= HELD_MAX["iec62056_21"]
    dialogue.line_quiet()
    identification_in(stream)
    with suppress(DamagedTelegram):
        read_block(stream)


def dsmr_p1(data: bytes) -> None:
    """Any bytes on a P1 line."""
    for telegram in found_in(data, P1Stream, held_max=HELD_MAX["dsmr_p1"]):
        assert type(telegram.should_have_crc) is bool
        _looked_at(telegram.telegram(ZONE, sub_meters=True))
        _looked_at(telegram.telegram(ZONE, energy_unit="kWh"))
    with suppress(DamagedTelegram):
        read_p1(data[1:])


def sml(data: bytes) -> None:
    """Any bytes on an SML line; any content of a telegram whose checks are right; any element."""
    for found in found_in(data, SmlStream, held_max=HELD_MAX["sml"]):
        with suppress(DamagedTelegram):
            _looked_at(found.telegram())
    with suppress(DamagedTelegram):
        SmlReader(data[1:]).element()
    with suppress(DamagedTelegram):
        _looked_at(read_sml(_checked_telegram(data[1:])).telegram())


def _checked_telegram(body: bytes) -> bytes:
    """A telegram of one message with `body` (type and list), both checks right."""
    message = bytes.fromhex("76 02 01 62 00 62 00") + body
    message += b"\x63" + crc16_x25(message) + b"\x00"
    fill = -len(message) % 4
    whole = START + message.replace(b"\x1b" * 4, b"\x1b" * 8) + bytes(fill) + b"\x1b\x1b\x1b\x1b\x1a" + bytes((fill,))
    return whole + crc16_x25(whole)


def _iec_seeds() -> Iterator[bytes]:
    for vector in meter_vectors("iec62056_21"):
        for plan in b"\x03\x02":
            yield bytes((plan,)) + (vector["identification"] + vector["readout"]).encode("latin-1")
    yield b"\x03/ABC5X\r\n1-0:1.8.0*255(000123.4*kWh)\r\n0.9.1(201455)\r\n0.9.2(170318)\r\n!\r\n"
    yield b"\x01/ABC5X\r\n\x021.8.0(1*kWh)\r\n!\r\n\x03\x5f"


def _p1_seeds() -> Iterator[bytes]:
    for vector in meter_vectors("dsmr_p1"):
        for plan in b"\x03\x02":
            yield bytes((plan,)) + vector["telegram"].encode("latin-1")
    yield b"\x03/ABC5X\r\n\r\n0-1:24.3.0(170102161005)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00000.107)\r\n!\r\n"


def _sml_seeds() -> Iterator[bytes]:
    for path in sorted(_SML_FILES.glob("*.bin")):
        content = path.read_bytes()[:2000]
        yield b"\x03" + content
        at = content.find(b"\x72\x63\x07\x01\x77")
        if at >= 0:
            yield b"\x03" + content[at : content.find(b"\x1b\x1b\x1b\x1b", at) - 5]
    yield b"\x03" + bytes.fromhex(
        "726307017701040aabcd0172620165507fbd787177070100010800ff0172620165507fbd78621e52ff650001e240010101"
    )


TARGETS = {
    "iec62056_21": Target(iec62056_21, _iec_seeds),
    "dsmr_p1": Target(dsmr_p1, _p1_seeds),
    "sml": Target(sml, _sml_seeds),
}
