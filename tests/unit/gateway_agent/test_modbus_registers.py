"""Typed registers against the makers' published maps, and the values that must be refused."""

import json
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_agent.profiles import ModbusProfile, load_profile
from gateway_agent.protocols.energy import InvalidRegister
from gateway_agent.protocols.modbus_registers import REGISTER_COUNTS, decode, decode_energy, encode

_GOLDEN = Path(__file__).parents[2] / "golden" / "meters" / "modbus"


def registers(name: str) -> tuple[dict[int, list[int]], dict[str, Any]]:
    case = json.loads((_GOLDEN / f"{name}.json").read_text())
    return {int(address): words for address, words in case["registers"].items()}, case["expected"]


def test_janitza_by_its_profile() -> None:
    content, expected = registers("janitza-umg604-a")
    profile = load_profile("janitza-umg604")
    assert isinstance(profile, ModbusProfile) and profile.serial is not None and profile.time is not None
    totals = {
        obis: decode_energy(content[value.address], value.type_name, value.unit or "", profile.word_order).wh
        for obis, value in profile.values.items()
        if value.is_energy
    }
    assert totals == {"1-0:1.8.0": expected["import_wh"], "1-0:2.8.0": expected["export_wh"]}
    assert int(decode(content[profile.serial.address], profile.serial.type_name)) == expected["serial"]
    assert int(decode(content[profile.time.address], profile.time.type_name)) == 1_761_436_800  # 2025-10-26T00:00:00Z
    power = profile.values["1-0:16.7.0"]
    assert float(decode(content[power.address], power.type_name)) == expected["power_w"]
    # The trap: 19068 counts one rate only.
    assert decode_energy(content[19068], "float32", "Wh").wh != expected["import_wh"]


def test_eastron_counts_kilowatt_hours_in_float32() -> None:
    content, expected = registers("sdm630-a")
    imported = decode_energy(content[72], "float32", "kWh")
    assert (imported.wh, imported.resolution_wh) == (expected["import_wh"], 2)
    assert decode_energy(content[74], "float32", "kWh").wh == expected["export_wh"]


def test_carlo_gavazzi_sends_the_low_word_first() -> None:
    content, expected = registers("em24-a")
    imported = decode_energy(content[66], "int32", "0.1 kWh", "little")
    assert (imported.wh, imported.resolution_wh) == (expected["import_wh"], 100)
    assert decode_energy(content[92], "int32", "0.1 kWh", "little").wh == expected["export_wh"]
    assert int(decode(content[40], "int32", "little")) * 100 == expected["power_w"] * 1000


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([0x7FC0, 0x0000], "nan"),
        ([0x7F80, 0x0000], "inf"),
        ([0xFF80, 0x0000], "inf"),
        ([0xBF80, 0x0000], "negative"),
        ([0x4B00], "2 register"),
        ([0x4B00, 0x0000, 0x0000], "2 register"),
        ([0x10000, 0x0000], "16 bits"),
    ],
)
def test_what_is_no_energy_is_refused(words: list[int], reason: str) -> None:
    with pytest.raises(InvalidRegister, match=reason):
        decode_energy(words, "float32", "Wh")


def test_a_negative_integer_is_no_energy() -> None:
    with pytest.raises(InvalidRegister, match="negative"):
        decode_energy([0xFFFF, 0xFFFF], "int32", "Wh")
    assert decode([0xFFFF, 0xFFFF], "int32") == -1
    assert decode([0xFFFF, 0xFFFF], "uint32") == 2**32 - 1


@pytest.mark.parametrize(
    ("wh", "resolution_wh"),
    [(8_388_607, 1), (16_777_215, 1), (16_777_216, 2), (100_000_000, 8), (1_000_000_000, 64)],
)
def test_the_resolution_of_float32_is_told(wh: int, resolution_wh: int) -> None:
    words = encode(float(wh), "float32")
    assert decode_energy(words, "float32", "Wh").resolution_wh == resolution_wh


@given(st.integers(0, 2**24), st.sampled_from(["big", "little"]))
def test_whole_watt_hours_survive_float32(wh: int, order: Any) -> None:
    assert decode_energy(encode(float(wh), "float32", order), "float32", "Wh", order).wh == wh


@given(st.floats(0, 2.0**100, width=32))
def test_a_float_is_brought_to_the_nearest_watt_hour(value: float) -> None:
    energy = decode_energy(encode(value, "float32"), "float32", "Wh")
    assert 2 * abs(Fraction(value) - energy.wh) <= 1
    count, scaler = energy.as_sent()
    sent = count * Fraction(10) ** scaler
    assert sent == Fraction(value) if Fraction(value).denominator <= 2**40 else 0 <= value - sent < Fraction(1, 10**40)
    following = struct.unpack(">f", (int.from_bytes(struct.pack(">f", value)) + 1).to_bytes(4))[0]
    assert following - value <= energy.resolution_wh


@given(st.integers(0, 2**31 - 2), st.sampled_from(["Wh", "0.01 kWh", "0.1 kWh", "kWh"]))
def test_an_integer_keeps_its_count_and_its_step(count: int, unit: str) -> None:
    energy = decode_energy(encode(count, "int32"), "int32", unit)
    value, scaler = energy.as_sent()
    assert value * 10**scaler == energy.wh == count * energy.resolution_wh
    assert 10**scaler <= energy.resolution_wh


@pytest.mark.parametrize("type_name", ["uint16", "int16", "int32", "uint32", "int64", "uint64"])
def test_the_largest_integer_marks_no_value(type_name: Any) -> None:
    words = [0xFFFF] * REGISTER_COUNTS[type_name]
    if not type_name.startswith("u"):
        words[0] = 0x7FFF
    with pytest.raises(InvalidRegister, match="no value"):
        decode_energy(words, type_name, "Wh")


@given(st.integers(-(2**63), 2**63 - 1))
def test_64_bit_integers_stay_exact(value: int) -> None:
    assert decode(encode(value, "int64", "little"), "int64", "little") == value
