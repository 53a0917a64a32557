"""Why a meter gives no readings, or wrong ones: from what was observed to a verdict and to what a person does next.

Pure: the observing is done elsewhere, and `now` is an argument. Each judgement tells one cause from all others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from gateway_agent.detection import Framing, LineSettings, Sighting
from gateway_agent.reading import MeterSample

DAMAGE_WORTH_A_NOTE = 0.02
DAMAGE_TOO_MUCH = 0.2
_WH_EXPECTED_TO_BE_STUCK = 3
_SECONDS_AN_HOUR = 3600


class Verdict(StrEnum):
    """How a topic stands."""

    OK = "ok"
    WRONG = "wrong"
    NOTE = "note"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One topic: its verdict, what was seen, what to do next."""

    topic: str
    verdict: Verdict
    what: str
    next_step: str = ""

    def as_dict(self) -> dict[str, str]:
        """For machines."""
        fields = asdict(self)
        return {"topic": fields["topic"], "verdict": str(self.verdict), "what": self.what, "next": self.next_step}


@dataclass(frozen=True, slots=True)
class LineErrors:
    """What the port's driver counted while we listened."""

    framing: int
    parity: int
    overrun: int
    breaks: int


@dataclass(frozen=True, slots=True)
class LineHeard:
    """A serial line, listened to for a while."""

    port: str
    settings: LineSettings
    seconds: float
    sighting: Sighting
    errors: LineErrors | None = None
    """None if the driver does not count."""


def judge_line(heard: LineHeard, expected: frozenset[Framing], hints: Mapping[str, str]) -> Finding:
    """No bytes, wrong speed or parity, another protocol, damage, or fine."""
    sight, where = heard.sighting, f"{heard.port} at {heard.settings}"
    if sight.framing is Framing.SILENCE:
        return Finding(
            "line",
            Verdict.WRONG,
            f"no byte from {where} in {heard.seconds:.0f} s",
            _with_hint(
                hints.get("no_bytes", ""),
                "Have the interface switched on, turn the head by half a turn, press the plug in, then look again.",
            ),
        )
    errors = _errors_text(heard.errors)
    if sight.framing is Framing.TEXT_7E1:
        return Finding(
            "line",
            Verdict.WRONG,
            f"wrong parity: {where} gives {sight.size} bytes, {sight.sentence()}{errors}",
            "Use a profile with 7E1, or let `detect` find the settings of this line.",
        )
    if sight.certain and sight.framing not in expected:
        return Finding(
            "line",
            Verdict.WRONG,
            f"another protocol: {where} gives {sight.sentence()}",
            f"This profile expects {' or '.join(sorted(each.value for each in expected))}: choose another with `profiles list`.",
        )
    if not sight.certain:
        if sight.damaged:
            return Finding(
                "line",
                Verdict.WRONG,
                f"every frame on {where} is damaged: {sight.damaged} with a wrong check sequence{errors}",
                "Clean and centre the head, shield it from sunlight and lamps, shorten the cable.",
            )
        cause = "wrong speed" if heard.errors is None or heard.errors.framing >= heard.errors.parity else "wrong parity"
        return Finding(
            "line",
            Verdict.WRONG,
            f"{cause}: {where} gives {sight.size} bytes and no telegram{errors}",
            f"Run `detect {heard.port}`: it finds speed and parity. If it finds nothing, light falls into the head.",
        )
    rate = sight.damaged / (sight.whole + sight.damaged)
    if rate >= DAMAGE_WORTH_A_NOTE:
        verdict = Verdict.WRONG if rate >= DAMAGE_TOO_MUCH else Verdict.NOTE
        return Finding(
            "line",
            verdict,
            f"{rate:.0%} of the frames on {where} are damaged ({sight.damaged} of {sight.whole + sight.damaged}){errors}",
            "Clean and centre the head, shield it from light; a long cable needs a lower speed or a screen.",
        )
    return Finding("line", Verdict.OK, f"{where}: {sight.sentence(f'in {heard.seconds:.0f} s')}")


def judge_answers(heard: LineHeard, answers: int, trouble: str) -> Finding:
    """A meter that speaks when it is asked: whether it answered, or whether anything came at all."""
    where = f"{heard.port} at {heard.settings}"
    if answers:
        return Finding(
            "line", Verdict.OK, f"{where}: {answers} answer{'s' if answers > 1 else ''} in {heard.seconds:.0f} s"
        )
    if heard.sighting.framing is Framing.SILENCE:
        return Finding(
            "line",
            Verdict.WRONG,
            f"no answer: {where} stays silent. {trouble}".rstrip(),
            "Has the meter power, are the wires A and B the right way round, is the head the right way up, are unit or"
            " address and speed those of the meter? `scan` asks all of them.",
        )
    return Finding(
        "line",
        Verdict.WRONG,
        f"{where} gives {heard.sighting.size} bytes, but no answer: {trouble}{_errors_text(heard.errors)}",
        "Speed, parity or profile are not those of the meter, or another reader talks on the line too: set them as the"
        " meter shows them, or let `detect` listen.",
    )


def judge_key(telegrams: int, refusals: Sequence[str], hints: Mapping[str, str]) -> Finding:
    """Whether telegrams that came whole could be read. `refusals` are the reasons of those that could not."""
    if telegrams and not refusals:
        return Finding("key", Verdict.OK, f"{telegrams} of {telegrams} telegrams decrypt to readings")
    if telegrams:
        return Finding(
            "key",
            Verdict.NOTE,
            f"{len(refusals)} of {telegrams + len(refusals)} telegrams give no reading: {refusals[-1]}",
            "Keep a `capture` of it for the maker of this program.",
        )
    if refusals:
        return Finding(
            "key",
            Verdict.WRONG,
            f"wrong key: none of {len(refusals)} whole telegrams can be read ({refusals[-1].partition(';')[0]})",
            _with_hint(
                hints.get("bad_structure", ""),
                "Copy the key of this very meter from the operator's portal into its file; look for two digits exchanged.",
            ),
        )
    return Finding("key", Verdict.UNKNOWN, "no whole telegram came, so the key could not be tried")


def judge_serial(found: str, expected: str | None) -> Finding:
    """The right meter, or heads swapped."""
    if not found:
        return Finding("meter", Verdict.UNKNOWN, "this meter does not say who it is")
    if expected is None:
        return Finding(
            "meter",
            Verdict.OK,
            f"serial {found}",
            f'Add serial_expected = "{found}" to the [[meter]], and a swapped head is noticed.',
        )
    if found != expected:
        return Finding(
            "meter",
            Verdict.WRONG,
            f"wrong meter: {found} answers, {expected} is expected",
            "The head sits on another meter, or the meter was replaced: move the head, or correct serial_expected.",
        )
    return Finding("meter", Verdict.OK, f"serial {found}, as expected")


def judge_clock(sample: MeterSample, now: datetime, skew_max_s: int, synchronised: bool | None) -> Finding:
    """The meter's clock against the gateway's, and whether the gateway's own can be trusted."""
    if synchronised is False:
        return Finding(
            "clock",
            Verdict.NOTE,
            "the gateway's own clock is not synchronised with the network",
            "Let it reach a time server (NTP, UDP port 123): `timedatectl` shows whether it does.",
        )
    if sample.meter_at is None:
        return Finding("clock", Verdict.OK, "the meter sends no time: the gateway's clock is used")
    skew_s = (sample.meter_at - now).total_seconds()
    text = f"the meter is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the gateway"
    if abs(skew_s) <= skew_max_s:
        return Finding("clock", Verdict.OK, text if abs(skew_s) >= 2 else "meter and gateway agree")
    hours = round(skew_s / _SECONDS_AN_HOUR)
    if hours and abs(skew_s - hours * _SECONDS_AN_HOUR) <= skew_max_s:
        return Finding(
            "clock",
            Verdict.WRONG,
            f"clock: {text}, {abs(hours)} h almost exactly",
            "That is a time zone: correct gateway.timezone, or the gateway's own time (`timedatectl`).",
        )
    return Finding(
        "clock",
        Verdict.WRONG,
        f"clock: {text}; {skew_max_s} s are allowed",
        "Readings are placed by the gateway's clock and marked. If that one is right (`timedatectl`), tell the operator of the meter.",
    )


def judge_registers(first: MeterSample, last: MeterSample, seconds: float) -> Finding:
    """Whether the registers count: stuck, falling, or fine. A small load needs a longer look."""
    falls = [obis for obis, wh in last.registers_wh.items() if wh < first.registers_wh.get(obis, 0)]
    if falls:
        return Finding(
            "value",
            Verdict.WRONG,
            f"{', '.join(falls)} fell within {seconds:.0f} s: a register never does",
            "Two meters answer on this line, or the profile reads a wrong address: check both.",
        )
    if first is last:
        return Finding(
            "value",
            Verdict.UNKNOWN,
            "one sample only: whether the registers count cannot be told",
            "Look longer: --seconds 120.",
        )
    moved = {obis: wh - first.registers_wh.get(obis, wh) for obis, wh in last.registers_wh.items()}
    expected_wh = abs(_mean_power_w(first, last)) * seconds / _SECONDS_AN_HOUR
    step_wh = max(first.resolution_wh, last.resolution_wh)
    if any(moved.values()):
        rises = ", ".join(f"{obis} by {wh} Wh" for obis, wh in moved.items() if wh)
        return Finding("value", Verdict.OK, f"rises: {rises} in {seconds:.0f} s")
    if first.meter_at is not None and first.meter_at == last.meter_at and seconds > 60:
        return Finding(
            "value",
            Verdict.WRONG,
            f"stuck: the meter says the same time and registers for {seconds:.0f} s",
            "Restart the meter's interface, or the converter between it and this port; then tell the operator.",
        )
    if expected_wh >= _WH_EXPECTED_TO_BE_STUCK * step_wh:
        return Finding(
            "value",
            Verdict.WRONG,
            f"stuck value: at the power it shows, {expected_wh:.0f} Wh should have been counted in {seconds:.0f} s, and no register moved",
            "The meter or a converter repeats an old answer: switch it off and on, and check the profile's addresses.",
        )
    return Finding(
        "value",
        Verdict.UNKNOWN,
        f"no register moved in {seconds:.0f} s, and at this power none had to",
        f"Switch on a load of 2 kW and look again with --seconds {_seconds_for(step_wh):.0f}.",
    )


def judge_history(registers: Sequence[tuple[int, ...]], powers_w: Mapping[str, int]) -> Finding | None:
    """The spool's newest readings, oldest first: the same value for hours while power flows is a stuck one."""
    flowing = any(abs(power) > 50 for power in powers_w.values())
    if len(registers) >= 8 and len(set(registers)) == 1 and flowing:
        return Finding(
            "history",
            Verdict.WRONG,
            f"stuck value: the last {len(registers)} quarter-hours all have the same registers, yet power flows",
            "The meter or a converter repeats an old answer: switch it off and on, and check the profile's addresses.",
        )
    return None


def _with_hint(hint: str, action: str) -> str:
    """What the profile knows of its meters, then what to do."""
    return f"{hint.rstrip('. ')}. {action}" if hint and not hint.endswith("?") else f"{hint} {action}".strip()


def _mean_power_w(first: MeterSample, last: MeterSample) -> float:
    powers = [abs(sum(each.powers_w.values())) for each in (first, last) if each.powers_w]
    return sum(powers) / len(powers) if powers else 0.0


def _seconds_for(step_wh: int) -> float:
    return max(30, 2 * _WH_EXPECTED_TO_BE_STUCK * step_wh * _SECONDS_AN_HOUR / 2000)


def _errors_text(errors: LineErrors | None) -> str:
    if errors is None:
        return ""
    return f" (the port counted {errors.framing} framing and {errors.parity} parity errors, {errors.overrun} overruns)"
