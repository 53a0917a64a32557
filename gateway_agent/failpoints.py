"""Named places between stored steps, where tests end the process. In service they do nothing."""

from collections.abc import Callable

FAILPOINTS = (
    "before_reading_kept",
    "reading_kept",
    "statement_signed",
    "statement_committed",
    "statement_kept",
    "block_committed",
    "block_reserved",
    "message_sealed",
    "message_published",
    "marked_sent",
    "before_acknowledged",
    "acknowledged",
)
"""Every place, in the order in which a reading passes them."""

Failpoint = Callable[[str], None]


def none(name: str) -> None:
    """Do nothing at `name`."""
    assert name in FAILPOINTS, name
