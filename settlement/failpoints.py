"""Named places between stored steps, where tests end the process. In service they do nothing."""

from collections.abc import Callable

FAILPOINTS = (
    "before_intent_stored",
    "intent_stored",
    "signature_received",
    "signature_stored",
    "sent_to_network",
    "broadcast_stored",
    "receipt_seen",
    "mined_stored",
    "before_final_stored",
)
"""Every place, in the order in which an issuance passes them."""

Failpoint = Callable[[str], None]


def none(name: str) -> None:
    """Do nothing at `name`."""
    assert name in FAILPOINTS, name
