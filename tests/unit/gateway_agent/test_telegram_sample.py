"""Which registers of a telegram become the energy of a sample, what profiles demand, and how fine the steps are."""

from datetime import UTC, datetime

import pytest

from gateway_agent.meters.dsmr_p1 import DsmrP1Samples
from gateway_agent.meters.iec62056_21 import Iec62056Samples
from gateway_agent.meters.sml import SmlSamples
from gateway_agent.meters.telegram_sample import STAYS_DIFFERENT, SampleBuilder
from gateway_agent.profiles import DsmrP1Profile, Iec62056Profile, SmlProfile, load_profile
from gateway_agent.protocols.dsmr_p1 import P1Stream, P1Telegram
from gateway_agent.protocols.iec62056_21 import Readout, ReadoutReader
from gateway_agent.protocols.quantity import Check, DamagedTelegram, MeterTelegram, Quantity, RegisterValue
from gateway_agent.protocols.sml import SmlStream, SmlTelegram
from gateway_agent.reading import MeterSample, RawRegister
from tests.support.text_telegrams import Row, golden_bytes, golden_meters, p1_telegram, sml_telegram

TOTAL, FIRST, SECOND, THIRD = (f"1-0:1.8.{tariff}" for tariff in range(4))
WAYS = {TOTAL: ((TOTAL,), (FIRST, SECOND), (FIRST,))}
ZONE = "Europe/Vienna"


def telegram(raws: dict[str, int], scaler: int = 0, unit: str = "Wh") -> MeterTelegram:
    values = [RegisterValue(f"1-0:1.8.{name[1:]}", Quantity(raw, scaler, unit)) for name, raw in raws.items()]
    return MeterTelegram(tuple(values), "ident", "serial", None, Check.VALID, b"raw")


def golden(family: str, name: str) -> bytes:
    (case,) = [case for case in golden_meters(family) if case["id"].endswith(name)]
    text = str(case.get("telegram") or case["readout"])
    prefix = "" if text.startswith("/") else str(case["identification"])
    return (prefix + text).encode("latin-1")


def p1(data: bytes) -> P1Telegram:
    (found,) = P1Stream().feed(data)
    return found


def d0(data: bytes) -> Readout:
    reader = ReadoutReader()
    (found,) = [*reader.feed(data), *reader.line_quiet()]
    return found


def sml(rows: list[Row]) -> SmlTelegram:
    (found,) = SmlStream().feed(sml_telegram(rows))
    return found


def p1_samples(name: str) -> DsmrP1Samples:
    profile = load_profile(name)
    assert isinstance(profile, DsmrP1Profile)
    return DsmrP1Samples(profile, ZONE)


def d0_samples(name: str) -> Iec62056Samples:
    profile = load_profile(name)
    assert isinstance(profile, Iec62056Profile)
    return Iec62056Samples(profile, ZONE)


def sml_samples() -> SmlSamples:
    profile = load_profile("sml-infrared")
    assert isinstance(profile, SmlProfile)
    return SmlSamples(profile)


@pytest.mark.parametrize(
    ("registers", "expected"),
    [
        ({"t0": 10, "t1": 4, "t2": 6}, 10),
        ({"t1": 4, "t2": 6}, 10),
        ({"t1": 4}, 4),
        ({"t1": 4, "t2": 6, "t3": 0}, 10),
    ],
)
def test_the_total_or_else_the_sum_of_its_tariffs(registers: dict[str, int], expected: int) -> None:
    sample = SampleBuilder(WAYS).sample(telegram(registers))
    assert (sample.registers_wh, sample.raw) == ({TOTAL: expected}, {TOTAL: RawRegister(expected, 0, "Wh")})


@pytest.mark.parametrize("registers", [{"t1": 4, "t2": 6, "t3": 1}, {"t2": 6}, {"t1": 4, "t3": 2}, {}])
def test_no_sum_leaves_a_tariff_out(registers: dict[str, int]) -> None:
    with pytest.raises(DamagedTelegram, match="holds none of"):
        SampleBuilder(WAYS).sample(telegram(registers))


def test_a_register_that_is_missing_once_does_not_change_the_sum() -> None:
    builder = SampleBuilder(WAYS)
    builder.sample(telegram({"t1": 4, "t2": 6}))
    with pytest.raises(DamagedTelegram, match=r"1-0:1\.8\.1 \+ 1-0:1\.8\.2"):
        builder.sample(telegram({"t1": 4}))
    assert builder.sample(telegram({"t1": 4, "t2": 7})).registers_wh == {TOTAL: 11}
    for _ in range(STAYS_DIFFERENT - 1):
        with pytest.raises(DamagedTelegram):
            builder.sample(telegram({"t0": 12}))
    assert builder.sample(telegram({"t0": 12})).registers_wh == {TOTAL: 12}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (telegram({"t0": -1}), "no energy register"),
        (telegram({"t0": 10**16}), "no energy register"),
        (telegram({"t0": 10**16}, scaler=12), "no energy register"),
        (telegram({"t0": 1}, unit="varh"), "no energy register"),
    ],
)
def test_what_is_no_energy_is_refused(said: MeterTelegram, reason: str) -> None:
    with pytest.raises(DamagedTelegram, match=reason):
        SampleBuilder(WAYS).sample(said)


def test_two_values_of_one_register_are_refused() -> None:
    values = (RegisterValue(TOTAL, Quantity(1, 0, "Wh")), RegisterValue(TOTAL, Quantity(2, 0, "Wh")))
    with pytest.raises(DamagedTelegram, match="twice"):
        SampleBuilder(WAYS).sample(MeterTelegram(values, "", "", None, Check.VALID, b""))


def outcome(samples: DsmrP1Samples, data: bytes) -> MeterSample | str:
    try:
        return samples.sample(p1(data))
    except DamagedTelegram as error:
        return str(error)


def test_golden_p1_telegrams_become_samples() -> None:
    sample = outcome(p1_samples("dsmr-p1"), golden("dsmr_p1", "telegram_v5_two_mbus"))
    assert isinstance(sample, MeterSample)
    assert sample.registers_wh == {TOTAL: 2_130_115 + 245_467, "1-0:2.8.0": 0}
    assert (sample.meter_serial, sample.resolution_wh) == ("E0044007382246019", 1)
    assert sample.meter_at == datetime(2020, 4, 26, 20, 33, 25, tzinfo=UTC)
    assert sample.powers_w["1-0:1.7.0"] == 111 and sample.frame == golden("dsmr_p1", "telegram_v5_two_mbus")
    old = outcome(p1_samples("dsmr-p1-v3"), golden("dsmr_p1", "telegram_v3"))
    assert isinstance(old, MeterSample)
    assert old.registers_wh == {TOTAL: 24_691_356, "1-0:2.8.0": 24_691_356}
    assert old.frame is None  # nothing in it changes while the meter idles


@pytest.mark.parametrize(
    ("profile", "name", "reason"),
    [
        ("dsmr-p1", "telegram_v3", "no CRC, which this meter's profile asks for"),
        ("dsmr-p1", "example_data_b", "no CRC, which this meter's profile asks for"),
        ("dsmr-p1-v3", "example_data_b", "no CRC, which its version promises"),
        ("dsmr-p1", "telegram_unpadded_crc", "holds none of"),
    ],
)
def test_p1_telegrams_that_become_no_sample_say_why(profile: str, name: str, reason: str) -> None:
    said = outcome(p1_samples(profile), golden("dsmr_p1", name))
    assert isinstance(said, str) and reason in said


def test_a_p1_meter_of_another_country_sends_a_total() -> None:
    sample = outcome(p1_samples("dsmr-p1"), p1_telegram(["1-0:1.8.0(00010501.076*kWh)", "1-0:2.8.0(00000000.000*kWh)"]))
    assert isinstance(sample, MeterSample) and sample.registers_wh == {TOTAL: 10_501_076, "1-0:2.8.0": 0}


def test_golden_readouts_become_samples() -> None:
    sample = d0_samples("d0-mode-c").sample(d0(golden("iec62056_21", "iskra-mt174")))
    assert sample.registers_wh == {TOTAL: 8_048_375, "1-0:2.8.0": 0}
    assert (sample.meter_serial, sample.resolution_wh) == ("63355730", 1)
    push = d0_samples("d0-push").sample(d0(golden("iec62056_21", "emh-ehz-push-0")))
    assert push.registers_wh == {TOTAL: 32_942_023} and push.raw == {TOTAL: RawRegister(329_420_231, -1, "Wh")}
    q3d = d0_samples("d0-push").sample(d0(golden("dsmr_p1", "telegram_esy5q3da1004_v304")))
    assert q3d.registers_wh == {TOTAL: 32_549_506} and q3d.meter_serial == "1336001560"


def test_a_readout_without_a_check_needs_a_profile_that_allows_it() -> None:
    readout = d0(golden("iec62056_21", "elster-a-modeD"))
    with pytest.raises(DamagedTelegram, match="no block check"):
        d0_samples("d0-mode-c").sample(readout)
    sample = d0_samples("d0-push").sample(readout)
    assert sample.registers_wh == {TOTAL: 285_400, "1-0:2.8.0": 120_100} and sample.resolution_wh == 100


def test_golden_sml_telegrams_become_samples() -> None:
    first, _ = SmlStream().feed(golden_bytes("sml", "apollon77-ttyUSB0-2.bin"))
    sample = sml_samples().sample(first)
    assert sample.registers_wh == {"1-0:2.8.0": 4373} and sample.meter_serial == "1DNT0100008240"
    assert sample.resolution_wh == 1 and sample.frame == first.raw


def test_a_meter_that_shows_whole_kwh_until_its_pin_is_entered_says_so() -> None:
    samples = sml_samples()

    def resolution(imported: int, exported: int) -> int:
        rows = [Row(bytes([1, 0, code, 8, 0, 255]), raw, -1, 30) for code, raw in ((1, imported), (2, exported))]
        return samples.sample(sml(rows)).resolution_wh

    assert resolution(0, 0) == 1
    assert resolution(123_450_000, 0) == 1000
    assert resolution(123_460_000, 70_000) == 1000
    assert resolution(123_461_234, 70_000) == 1
    assert resolution(123_470_000, 70_000) == 1
