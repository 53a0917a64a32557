"""Named places between the steps of signing, where tests end the process. In service they do nothing."""

from collections.abc import Callable

FAILPOINTS = (
    "entry_begun",
    "intent_added",
    "energy_added",
    "signed",
    "bytes_added",
    "before_commit",
    "committed",
)
"""Every place, in the order in which a request passes them."""

Failpoint = Callable[[str], None]


def none(name: str) -> None:
    """Do nothing at `name`."""
    assert name in FAILPOINTS, name
