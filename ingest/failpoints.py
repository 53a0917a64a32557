"""Named places between the steps of taking in, where tests end the process. In service they do nothing."""

from collections.abc import Callable

FAILPOINTS = (
    "received",
    "proven",
    "begun",
    "frames_written",
    "statements_written",
    "counters_written",
    "measurements_written",
    "intervals_written",
    "gaps_written",
    "refusals_written",
    "one_by_one_written",
    "announced",
    "committed",
    "answered",
)
"""Every place, in the order in which a batch passes them."""

Failpoint = Callable[[str], None]


def none(name: str) -> None:
    """Do nothing at `name`."""
    assert name in FAILPOINTS, name
