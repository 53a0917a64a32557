"""M-Bus, Modbus and SunSpec: what a meter answers when it is asked."""

import json
from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

from gateway_agent.protocols import modbus_registers as modbus_codec
from gateway_agent.protocols import sunspec as sunspec_models
from gateway_agent.protocols.energy import Energy, InvalidRegister
from gateway_agent.protocols.mbus_choice import NoRegister, RegisterRule, choose_energy
from gateway_agent.protocols.mbus_exchange import Exchange
from gateway_agent.protocols.mbus_link import (
    Ack,
    Frame,
    FrameReader,
    LongFrame,
    MbusDamage,
    ShortFrame,
    parse_frame,
)
from gateway_agent.protocols.mbus_records import MalformedTelegram
from gateway_agent.protocols.mbus_telegram import MbusTelegram, parse_telegram
from tests.fuzz.streams import found_in, stream_of
from tests.fuzz.target import Target, held_bytes
from tests.support.meter_vectors import meter_vectors

_GOLDEN = Path(__file__).parents[2] / "golden" / "meters"
_QUESTION = ShortFrame(0x5B, 1).encoded()
_TYPES = get_args(modbus_codec.RegisterType)
_SUNSPEC_SIZE = 1200


class _QuietReader(FrameReader):
    """A reader of frames with the one method that streams ask for besides."""

    def line_quiet(self) -> list[Frame]:
        self.clear()
        return []


def mbus_link(data: bytes) -> None:
    """Any bytes on an M-Bus, as a stream and as the answer to a question."""
    for frame in found_in(data, _QuietReader, held_max=2048):
        assert parse_frame(b"\xe5" if isinstance(frame, Ack) else frame.encoded()) == frame
        if isinstance(frame, LongFrame):
            _telegram(frame)
    size, stream = stream_of(data)
    whole, cut = Exchange(_QUESTION), Exchange(_QUESTION)
    whole.feed(stream)
    for at in range(0, len(stream), size):
        cut.feed(stream[at : at + size])
    assert held_bytes(cut) <= 16_384
    for exchange in (whole, cut):
        exchange.quiet()
    assert whole.is_garbled == cut.is_garbled
    assert whole.is_garbled or (whole.answer, whole.is_acknowledged) == (cut.answer, cut.is_acknowledged)
    with suppress(MbusDamage):
        parse_frame(data)


def mbus_telegram(data: bytes) -> None:
    """Any answer of a meter in a frame that is whole: the first byte is the control information, the rest the data."""
    if data:
        _telegram(LongFrame(0x08, 1, data[0], data[1:253]))


def _telegram(frame: LongFrame) -> None:
    telegram = _parsed(frame)
    if telegram is None:
        return
    assert len(telegram.identification) == 8
    assert telegram.medium
    for rule in (RegisterRule(), RegisterRule("export"), RegisterRule(tariffs=(1, 2), subunit=1, storage=1)):
        with suppress(NoRegister, InvalidRegister):
            _energy(choose_energy(telegram.records, rule))


def _parsed(frame: LongFrame) -> MbusTelegram | None:
    try:
        return parse_telegram(frame)
    except MalformedTelegram:
        return None


def _energy(energy: Energy) -> None:
    assert energy.wh >= 0
    assert energy.resolution_wh >= 1
    value, scaler = energy.as_sent()
    assert value >= 0
    assert value * Fraction(10) ** scaler <= energy.exact


def modbus(data: bytes) -> None:
    """Any registers as every type, unit and word order; what is read is written back the same."""
    if not data:
        return
    type_name = _TYPES[data[0] % len(_TYPES)]
    unit = tuple(modbus_codec.ENERGY_UNITS_WH)[data[0] >> 3 & 7 if data[0] >> 3 & 7 < 5 else 0]
    words = _words(data[1:])[:8]
    for order in get_args(modbus_codec.WordOrder):
        with suppress(InvalidRegister):
            value = modbus_codec.decode(words, type_name, order)
            if type_name != "float32":
                assert modbus_codec.encode(int(value), type_name, order) == words
            else:
                again = modbus_codec.encode(float(value), type_name, order)
                assert modbus_codec.decode(again, type_name, order) == value
        with suppress(InvalidRegister):
            _energy(modbus_codec.decode_energy(words, type_name, unit, order))


def sunspec(data: bytes) -> None:
    """Any device: a byte that says where its registers begin and what it refuses, then its registers."""
    if not data:
        return
    base = sunspec_models.BASES[data[0] % 3]
    device = _words(data[1:])[:_SUNSPEC_SIZE]
    refuses = data[0] & 0x80
    try:
        chain = _asked(sunspec_models.discover(), device, base, refuses)
    except sunspec_models.NotSunSpec:
        return
    assert len(chain) <= sunspec_models.MODELS_MAX
    identity = _asked(sunspec_models.identify(chain), device, base, refuses)
    assert all(text.isprintable() for text in (identity.manufacturer, identity.device, identity.serial))
    for model in chain:
        for point in sunspec_models.POINT_NAMES:
            if not sunspec_models.has_point(model.model, point):
                continue
            with suppress(sunspec_models.NotSunSpec, InvalidRegister):
                address, size = sunspec_models.span_of(model, [point])
                content = device[address - base : address - base + size]
                if len(content) < size:
                    continue
                sunspec_models.check_head(model, content)
                if point == "W":
                    sunspec_models.power_w(model.model, content)
                else:
                    _energy(sunspec_models.energy(model.model, point, content))


def _asked(steps: Generator[tuple[int, int], list[int] | None, Any], device: list[int], base: int, refuses: int) -> Any:
    """Run `steps` against the device; registers beyond its end are refused, or come short."""
    answer: list[int] | None = None
    for _ in range(1000):
        try:
            address, size = steps.send(answer)  # None is also what starts a generator
        except StopIteration as end:
            return end.value
        assert 0 <= address <= 0xFFFF
        assert size >= 1
        content = device[address - base : address - base + size] if address >= base else []
        answer = None if not content or (refuses and len(content) < size) else content
    raise AssertionError("the walk through the models does not end")


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]


def _frames() -> Iterator[bytes]:
    for family in ("mbus", "mbus_error"):
        for vector in meter_vectors(family):
            yield bytes.fromhex(vector["frame_hex"])


def _link_seeds() -> Iterator[bytes]:
    for frame in _frames():
        yield b"\x03" + frame
    yield b"\x01" + _QUESTION + b"\xe5"


def _telegram_seeds() -> Iterator[bytes]:
    for frame in _frames():
        if len(frame) > 9:
            yield frame[6:-2]


def _modbus_seeds() -> Iterator[bytes]:
    for number in range(len(_TYPES)):
        for unit in range(5):
            yield bytes((number | unit << 3,)) + bytes.fromhex("47 3f c7 88 00 00 01 02")
    yield b"\x00" + bytes.fromhex("7f80 0000")


def _sunspec_seeds() -> Iterator[bytes]:
    vector = json.loads((_GOLDEN / "modbus" / "sunspec-103-203-constructed.json").read_text())
    yield b"\x00" + b"".join(word.to_bytes(2, "big") for word in vector["registers"])
    marker = b"SunS"
    yield b"\x01" + marker + bytes.fromhex("0001 0000 006f 0000 ffff 0000")
    yield b"\x02" + marker + bytes.fromhex("0070 003c") + bytes(120) + bytes.fromhex("ffff 0000")
    yield b"\x80" + marker + bytes.fromhex("00d5 007c") + bytes(248) + bytes.fromhex("ffff 0000")


TARGETS = {
    "mbus_link": Target(mbus_link, _link_seeds),
    "mbus_telegram": Target(mbus_telegram, _telegram_seeds, size_max=256),
    "modbus": Target(modbus, _modbus_seeds, size_max=32),
    "sunspec": Target(sunspec, _sunspec_seeds, size_max=2 * _SUNSPEC_SIZE),
}
