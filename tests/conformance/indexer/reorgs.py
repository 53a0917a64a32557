"""Reorgs of every kind, drawn from a seed and done to a real node."""

import random
from collections.abc import Callable

from tests.conformance.indexer.ledgers import Ledger
from tests.conformance.indexer.test_following import busy

FINALITY_DISTANCE = 16
KINDS = ("replace", "shrink", "revert", "double", "deep")
"""What `disturb` does, and "revert": blocks are read and then taken back at once by a snapshot from before them."""


def disturb(ledger: Ledger, draw: random.Random, kind: str) -> None:
    """Give up some of the newest blocks, none of which may be final yet, and put others in their place."""
    match kind:
        case "replace":
            ledger.reorganise(draw.randrange(1, 6))
        case "shrink":
            # the head falls back, and comes again on another branch
            ledger.chain.rpc("anvil_rollback", draw.randrange(1, 6))
        case "double":
            ledger.reorganise(draw.randrange(1, 4))
            busy(ledger, draw.randrange(10**6), 1)
            ledger.reorganise(draw.randrange(2, 6))
        case "deep":
            ledger.reorganise(FINALITY_DISTANCE - 1)
        case other:
            raise AssertionError(f"{other} is no kind of reorg")


def grow_beyond(ledger: Ledger, head: int) -> None:
    """Mine until the head is higher than it ever was: what a node called final stays so."""
    missing = head + 1 - ledger.head()
    if missing > 0:
        ledger.chain.mine(missing)


def once_at(step: str, act: Callable[[], None]) -> Callable[[str], None]:
    """For `reached`: do `act` the first time that `step` is reached."""
    done: list[str] = []

    def reached(name: str) -> None:
        if name == step and not done:
            done.append(name)
            act()

    return reached
