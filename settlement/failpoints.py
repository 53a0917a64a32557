"""Named places between stored steps, where tests end the process. In service they do nothing."""

from collections.abc import Callable

FAILPOINTS = (
    "proposal_stored",
    "dry_run_cleared",
    "before_intent_stored",
    "intent_stored",
    "signature_asked",
    "signature_received",
    "signature_stored",
    "before_sent",
    "sent_to_network",
    "broadcast_stored",
    "receipt_seen",
    "mined_stored",
    "before_final_stored",
    "final_stored",
    "attempt_stored",
    "block_vanished",
)
"""Every place, in the order in which an issuance passes them; the last two only when fees rise, or after a reorg."""

Failpoint = Callable[[str], None]


def none(name: str) -> None:
    """Do nothing at `name`."""
    assert name in FAILPOINTS, name
