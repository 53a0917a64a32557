"""When a device's clock is said to be wrong."""

import random

import pytest

from community.attestation.clock_drift import FRAMES_MIN, clock_correction_s


@pytest.mark.parametrize(
    ("frames", "least", "says"),
    [
        (0, None, None),
        (FRAMES_MIN, 30, None),
        (FRAMES_MIN, 31, 31),
        (FRAMES_MIN - 1, 500, None),  # perhaps only waits
        (1, -30, None),
        (1, -31, -31),
        (FRAMES_MIN, 100_000, 32_767),
        (FRAMES_MIN, -100_000, -32_767),
    ],
)
def test_a_correction_needs_enough_frames_or_one_from_the_future(
    frames: int, least: int | None, says: int | None
) -> None:
    assert clock_correction_s(frames, least) == says


def test_waiting_on_purpose_is_not_taken_for_a_slow_clock() -> None:
    draw = random.Random(1)
    weeks = [min(draw.randrange(601) for _ in range(FRAMES_MIN)) for _ in range(1000)]
    assert sum(clock_correction_s(FRAMES_MIN, least) is not None for least in weeks) <= 20
