"""From what was observed to a verdict: each cause apart, and every wrong one with a next step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway_agent.detection import Framing, LineSettings, Sighting
from gateway_agent.diagnosis import (
    Finding,
    LineErrors,
    LineHeard,
    Verdict,
    judge_answers,
    judge_clock,
    judge_history,
    judge_key,
    judge_line,
    judge_registers,
    judge_serial,
)
from gateway_agent.reading import MeterSample

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = LineSettings(9600, "8N1")
HDLC = frozenset({Framing.DLMS_HDLC})
SAMPLE = MeterSample({"1-0:1.8.0": 1000}, "LGZ1", NOW, powers_w={"1-0:1.7.0": 2000})


def heard(sighting: Sighting, errors: LineErrors | None = None) -> LineHeard:
    return LineHeard("/dev/ttyUSB0", SETTINGS, 20, sighting, errors)


@pytest.mark.parametrize(
    ("sighting", "errors", "verdict", "reason"),
    [
        (Sighting(Framing.SILENCE, 0), None, Verdict.WRONG, "no byte"),
        (Sighting(Framing.NOISE, 90), LineErrors(40, 0, 0, 0), Verdict.WRONG, "wrong speed"),
        (Sighting(Framing.NOISE, 90), LineErrors(0, 40, 0, 0), Verdict.WRONG, "wrong parity"),
        (
            Sighting(Framing.NOISE, 90),
            LineErrors(3, 1, 2, 0),
            Verdict.WRONG,
            "3 framing and 1 parity errors, 2 overruns",
        ),
        (Sighting(Framing.TEXT_7E1, 90), None, Verdict.WRONG, "wrong parity"),
        (Sighting(Framing.SML, 90, 3), None, Verdict.WRONG, "another protocol"),
        (Sighting(Framing.DLMS_HDLC, 900, 0, 4), None, Verdict.WRONG, "every frame"),
        (Sighting(Framing.DLMS_HDLC, 900, 3, 1), None, Verdict.WRONG, "25% of the frames"),
        (Sighting(Framing.DLMS_HDLC, 900, 29, 1), None, Verdict.NOTE, "3% of the frames"),
        (Sighting(Framing.DLMS_HDLC, 900, 200, 1), None, Verdict.OK, "200 whole"),
    ],
)
def test_the_line(sighting: Sighting, errors: LineErrors | None, verdict: Verdict, reason: str) -> None:
    found = judge_line(heard(sighting, errors), HDLC, {})
    assert found.verdict is verdict and reason in found.what
    assert bool(found.next_step) == (verdict is not Verdict.OK)


def test_the_hint_of_the_profile_comes_before_the_step() -> None:
    silent = judge_line(heard(Sighting(Framing.SILENCE, 0)), HDLC, {"no_bytes": "Not activated"})
    assert silent.next_step.startswith("Not activated. Have the interface switched on")
    wrong = judge_key(0, ["garbage; compare"], {"bad_structure": "Does it fit?"})
    assert wrong.next_step.startswith("Does it fit? Copy the key") and "(garbage)" in wrong.what


def test_the_key() -> None:
    assert judge_key(3, [], {}).verdict is Verdict.OK
    assert judge_key(3, ["x"], {}).verdict is Verdict.NOTE
    assert judge_key(0, ["x"], {}).verdict is Verdict.WRONG
    assert judge_key(0, [], {}).verdict is Verdict.UNKNOWN


def test_the_serial() -> None:
    assert judge_serial("", "A").verdict is Verdict.UNKNOWN
    assert judge_serial("A", "A").verdict is Verdict.OK
    assert judge_serial("B", "A").verdict is Verdict.WRONG
    assert 'serial_expected = "B"' in judge_serial("B", None).next_step


@pytest.mark.parametrize(
    ("ahead_s", "synchronised", "verdict", "reason"),
    [
        (0, True, Verdict.OK, "agree"),
        (-30, None, Verdict.OK, "30 s behind"),
        (61, True, Verdict.WRONG, "60 s are allowed"),
        (7200, True, Verdict.WRONG, "2 h almost exactly"),
        (7200, False, Verdict.NOTE, "own clock is not synchronised"),
    ],
)
def test_the_clock(ahead_s: int, synchronised: bool | None, verdict: Verdict, reason: str) -> None:
    found = judge_clock(replace(SAMPLE, meter_at=NOW + timedelta(seconds=ahead_s)), NOW, 60, synchronised)
    assert found.verdict is verdict and reason in found.what


def later(wh: int, *, power_w: int = 2000, after_s: int = 20, step_wh: int = 1) -> MeterSample:
    at = NOW + timedelta(seconds=after_s)
    return MeterSample({"1-0:1.8.0": wh}, "LGZ1", at, step_wh, powers_w={"1-0:1.7.0": power_w})


@pytest.mark.parametrize(
    ("last", "seconds", "verdict", "reason"),
    [
        (later(1011), 20, Verdict.OK, "by 11 Wh"),
        (later(999), 20, Verdict.WRONG, "fell"),
        (later(1000), 20, Verdict.WRONG, "11 Wh should have been counted"),
        (later(1000, step_wh=1000), 20, Verdict.UNKNOWN, "none had to"),
        (later(1000, power_w=0, after_s=0), 90, Verdict.WRONG, "the same time"),
    ],
)
def test_the_registers(last: MeterSample, seconds: float, verdict: Verdict, reason: str) -> None:
    found = judge_registers(SAMPLE, last, seconds)
    assert found.verdict is verdict and reason in found.what
    assert judge_registers(SAMPLE, SAMPLE, 0).verdict is Verdict.UNKNOWN


def test_history_needs_hours_and_power() -> None:
    stuck = [(5,)] * 8
    found = judge_history(stuck, {"1-0:1.7.0": 500})
    assert isinstance(found, Finding) and found.verdict is Verdict.WRONG
    assert judge_history(stuck, {"1-0:1.7.0": 0}) is None
    assert judge_history(stuck[:7], {"1-0:1.7.0": 500}) is None
    assert judge_history([*stuck, (6,)], {"1-0:1.7.0": 500}) is None


def test_a_meter_that_is_asked() -> None:
    assert judge_answers(heard(Sighting(Framing.NOISE, 9)), 2, "").verdict is Verdict.OK
    assert "stays silent" in judge_answers(heard(Sighting(Framing.SILENCE, 0)), 0, "").what
    assert "9 bytes, but no answer: bad CRC" in judge_answers(heard(Sighting(Framing.NOISE, 9)), 0, "bad CRC").what
