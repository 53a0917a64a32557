"""What is noticed about a reading, what waits in quarantine, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from community.attestation.statement import ReadingStatus
from gateway_agent.reading import RawRegister, ReadingFlag, RegisterReading
from gateway_agent.readings_rules import (
    Decision,
    Limits,
    decide,
    differences,
    drift_ppm,
    fell,
    status_of,
)

FIRST = 1_994_304
HOUSE = Limits(max_power_w=30_000)
"""30 kW carry 7500 Wh in a quarter-hour."""


def reading(slot: int, wh: int, *, off_s: int = 0, serial: str = "A1") -> RegisterReading:
    return RegisterReading(FIRST + slot, off_s, 1, (wh,), serial, 1)


def run(
    values: Sequence[int | RegisterReading], limits: Limits = HOUSE
) -> tuple[list[RegisterReading], list[RegisterReading], list[RegisterReading], list[str]]:
    """(accepted, held, refused, kinds of events) after `values`, as the spool would have them."""
    accepted: list[RegisterReading] = []
    held: tuple[RegisterReading, ...] = ()
    refused: list[RegisterReading] = []
    events: list[str] = []
    for slot, value in enumerate(values):
        given_ = value if isinstance(value, RegisterReading) else reading(slot, value)
        decision = decide(accepted[-1] if accepted else None, held, given_, limits)
        accepted += decision.accepted
        refused += decision.refused
        held = decision.held
        events += [event.kind for event in decision.events]
    return accepted, list(held), refused, events


def wh(readings: Sequence[RegisterReading]) -> list[int]:
    return [each.registers[0] for each in readings]


def flags(before: RegisterReading, after: RegisterReading) -> ReadingFlag:
    return differences(before, after, HOUSE)


def test_rising_registers_are_accepted_without_a_flag() -> None:
    accepted, held, refused, events = run([1000, 1000, 8500, 8501])
    assert (wh(accepted), held, refused, events) == ([1000, 1000, 8500, 8501], [], [], [])
    assert {each.flags for each in accepted} == {ReadingFlag(0)}


@pytest.mark.parametrize(("rise", "flagged"), [(7500, False), (7501, True)])
def test_more_energy_than_the_fuse_carries_is_marked_to_the_watt_hour(rise: int, flagged: bool) -> None:
    found = flags(reading(0, 1000), reading(1, 1000 + rise))
    assert (ReadingFlag.TOO_FAST in found) is flagged
    assert differences(reading(0, 1000), reading(1, 1000 + rise), Limits()) == ReadingFlag(0)


def test_the_time_between_counts_with_its_seconds() -> None:
    assert ReadingFlag.TOO_FAST not in flags(reading(0, 1000), reading(1, 9000, off_s=60))
    assert ReadingFlag.TOO_FAST in flags(reading(0, 1000, off_s=60), reading(1, 8500))
    assert ReadingFlag.TOO_FAST not in flags(reading(0, 1000), reading(1, 9000, off_s=255))  # it may have been a minute
    assert ReadingFlag.TOO_FAST not in flags(reading(0, 1000), reading(4, 31_000))
    coarse = replace(reading(1, 9476), resolution_wh=1000)
    assert ReadingFlag.TOO_FAST not in flags(replace(reading(0, 1000), resolution_wh=1000), coarse)


def test_each_other_difference_has_its_flag() -> None:
    one = replace(reading(0, 1000), invocation_counter=7, frame_sha256=b"a" * 32)
    two = replace(reading(1, 1001), invocation_counter=8, frame_sha256=b"b" * 32)
    assert flags(one, two) == ReadingFlag(0)
    assert flags(one, replace(two, invocation_counter=7)) == ReadingFlag.COUNTER_NOT_RISING
    assert flags(one, replace(two, frame_sha256=b"a" * 32)) == ReadingFlag.DUPLICATE_FRAME
    assert flags(one, replace(two, resolution_wh=2)) == ReadingFlag.RESOLUTION_CHANGED
    assert flags(one, replace(two, meter_serial="B2", invocation_counter=1)) == ReadingFlag.METER_CHANGED
    assert flags(one, replace(two, raw=(RawRegister(1, 0, "kWh"),))) == ReadingFlag.UNIT_CHANGED
    assert flags(one, replace(two, raw=(RawRegister(100_150, -2, "Wh"),))) == ReadingFlag(0)  # a float's own scaler
    assert flags(one, replace(two, raw=(RawRegister(1001, 0, "Wh"),))) == ReadingFlag(0)
    zero = replace(two, registers=(0,))
    assert flags(one, zero) == ReadingFlag.REGISTER_FELL | ReadingFlag.ZERO_AFTER_NONZERO


def test_one_transient_zero_is_held_and_never_signed() -> None:
    accepted, held, refused, events = run([1000, 1010, 0, 1020, 1030])
    assert (wh(accepted), held, wh(refused)) == ([1000, 1010, 1020, 1030], [], [0])
    assert events == ["register_fell", "spike"]
    assert ReadingFlag.ZERO_AFTER_NONZERO in refused[0].flags
    assert {each.flags for each in accepted} == {ReadingFlag(0)}  # what comes after a spike is beside what was before


def test_two_transient_values_are_a_spike_too() -> None:
    accepted, held, refused, _ = run([100_000, 5, 6, 100_040])
    assert (wh(accepted), held, wh(refused)) == ([100_000, 100_040], [], [5, 6])


def test_a_new_meter_counts_when_the_next_two_agree() -> None:
    accepted, held, refused, events = run([90_000, 90_010, 3, 8])
    assert (wh(accepted), wh(held), refused) == ([90_000, 90_010], [3, 8], [])
    accepted, held, refused, events = run([90_000, 90_010, 3, 8, 12, 20])
    assert (wh(accepted), held, refused) == ([90_000, 90_010, 3, 8, 12, 20], [], [])
    assert events == ["register_fell", "reset"]
    reset = accepted[2]
    assert ReadingFlag.RESET in reset.flags and ReadingFlag.REGISTER_FELL in reset.flags
    assert reset.status == ReadingStatus.READ_OK | ReadingStatus.METER_ERROR
    assert [each.status for each in accepted[3:]] == [1, 1, 1]


def test_readings_that_do_not_agree_with_each_other_begin_the_count_anew() -> None:
    accepted, held, refused, events = run([90_000, 500, 300, 310])
    assert (wh(accepted), wh(held), wh(refused)) == ([90_000], [300, 310], [500])
    accepted, held, refused, events = run([90_000, 500, 300, 310, 320])
    assert (wh(accepted), held, wh(refused)) == ([90_000, 300, 310, 320], [], [500])
    assert events == ["register_fell", "register_fell", "reset"]


def test_agreeing_means_that_the_fuse_could_carry_it() -> None:
    accepted, held, refused, _ = run([900_000, 5, 500_000, 500_001])
    assert (wh(accepted), wh(held), wh(refused)) == ([900_000], [500_000, 500_001], [5])


def test_an_exchanged_meter_that_stands_higher_is_accepted_and_said() -> None:
    accepted, _, _, events = run([1000, reading(1, 70_000, serial="B2")])
    assert events == ["meter_changed"]
    assert accepted[1].flags == ReadingFlag.METER_CHANGED | ReadingFlag.TOO_FAST


def test_an_exchanged_meter_that_passes_the_old_register_is_no_return_of_the_old_one() -> None:
    swapped = [reading(slot, wh_, serial="B2") for slot, wh_ in ((1, 0), (2, 3), (3, 6))]
    accepted, held, refused, events = run([5, *swapped])
    assert (wh(accepted), held, refused) == ([5, 0, 3, 6], [], [])
    assert events == ["meter_changed", "register_fell", "reset"]


def test_a_jump_upwards_while_something_is_held_is_marked_not_dropped() -> None:
    accepted, held, refused, _ = run([1000, 900, 99_000])
    assert (wh(accepted), held, wh(refused)) == ([1000, 99_000], [], [900])
    assert accepted[1].flags == ReadingFlag.TOO_FAST


@pytest.mark.parametrize(
    ("flag", "bit"),
    [
        (ReadingFlag.METER_CLOCK_WRONG, ReadingStatus.CLOCK_UNSYNCHRONISED),
        (ReadingFlag.HOST_CLOCK_UNSYNCHRONISED, ReadingStatus.CLOCK_UNSYNCHRONISED),
        (ReadingFlag.HOST_CLOCK_WENT_BACK, ReadingStatus.CLOCK_UNSYNCHRONISED),
        (ReadingFlag.METER_ERROR, ReadingStatus.METER_ERROR),
        (ReadingFlag.RESET, ReadingStatus.METER_ERROR),
        (ReadingFlag.CASE_OPENED, ReadingStatus.CASE_OPENED),
        (ReadingFlag.POWER_FAILED, ReadingStatus.POWER_FAILED),
        (ReadingFlag.LATE, 0),
        (ReadingFlag.TOO_FAST, 0),
        (ReadingFlag.DUPLICATE_FRAME, 0),
    ],
)
def test_the_signed_status_says_what_the_format_can_say(flag: ReadingFlag, bit: int) -> None:
    assert status_of(flag) == ReadingStatus.READ_OK | bit
    assert flag.names == [(flag.name or "").lower()]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=25))
def test_whatever_comes_nothing_is_lost_doubled_or_out_of_order(values: list[int]) -> None:
    accepted, held, refused, events = run(values, Limits())
    everything = sorted([*accepted, *held, *refused], key=lambda each: each.slot)
    assert wh(everything) == values
    assert [each.slot for each in accepted] == sorted(each.slot for each in accepted)
    assert len(held) < 3
    falls = [new for old, new in pairwise(accepted) if fell(old, new)]
    assert all(ReadingFlag.RESET in each.flags for each in falls)  # a fall that is signed is always announced
    assert len(falls) == events.count("reset")


def test_decisions_are_plain_values() -> None:
    assert decide(None, (), reading(0, 5), HOUSE) == Decision(accepted=(reading(0, 5),))


def test_no_power_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="watts"):
        Limits(max_power_w=0)


def test_the_drift_of_a_clock_is_the_slope_of_its_skew() -> None:
    day = 96
    assert drift_ppm([(slot, slot * 900 // 20_000) for slot in range(0, 40 * day, 7)]) == 50
    assert drift_ppm([(slot, 3) for slot in range(2 * day)]) == 0
    assert drift_ppm([(slot, slot) for slot in range(10)]) is None  # less than a day says nothing
    assert drift_ppm([]) is None
