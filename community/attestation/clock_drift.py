"""Whether a device's clock is wrong, by when its readings arrive (wire-format 2.6)."""

from datetime import timedelta

WATCHED = timedelta(days=7)
DRIFT_MAX_S = 30
FRAMES_MIN = 96
"""Frames wait up to ten minutes on purpose; the least of so many waits is below the drift that counts, in 99 of 100 weeks."""
_CORRECTION_MAX_S = (1 << 15) - 1


def clock_correction_s(frames: int, least_delay_s: int | None) -> int | None:
    """By how many seconds the clock is wrong (positive: slow), None where it is right or too little is known.

    `least_delay_s` is the least time from a reading's own instant to its arrival, over `frames` frames of a week. A frame
    that comes before its reading was made shows a fast clock at once.
    """
    if least_delay_s is None:
        return None
    fast = least_delay_s < -DRIFT_MAX_S
    slow = least_delay_s > DRIFT_MAX_S and frames >= FRAMES_MIN
    return max(-_CORRECTION_MAX_S, min(least_delay_s, _CORRECTION_MAX_S)) if fast or slow else None
