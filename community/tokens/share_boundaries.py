"""From which boundary on a share token that moved counts for its new holder, as EnergyShares reckons it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from community.clock import as_utc
from community.tokens.transfers import ZERO_ADDRESS

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""What is created counts from the beginning of time: before its shares existed, a source was the treasury's."""


@dataclass(frozen=True, slots=True)
class ShareMove:
    """`count` shares of one source that changed hands in a block of this time."""

    at: datetime
    sender: str
    recipient: str
    count: int


def boundary_after(at: datetime, period_s: int) -> datetime:
    """The boundary from which a transfer of this instant counts: the first one after it."""
    second = int(as_utc(at).timestamp())
    return datetime.fromtimestamp((second // period_s + 1) * period_s, UTC)


def holdings_by_boundary(
    moves: Iterable[ShareMove], period_s: int, until: datetime
) -> list[tuple[datetime, Mapping[str, int]]]:
    """Who holds how many from each boundary on at which that changed, oldest first, up to and with `until`.

    `moves` are all of one source in the chain's order; `until` is an instant whose blocks before it are all known. A transfer
    that leaves everybody with what he had is no change. Raises ValueError for a holder who gives more than he has.
    """
    held: dict[str, int] = {}
    found: list[tuple[datetime, Mapping[str, int]]] = []
    for move in moves:
        counts_from = EVER if move.sender == ZERO_ADDRESS else boundary_after(move.at, period_s)
        if counts_from > until:
            break
        if move.sender != ZERO_ADDRESS:
            held[move.sender] = held.get(move.sender, 0) - move.count
            if held[move.sender] < 0:
                raise ValueError(f"{move.sender} gave {-held[move.sender]} shares more than he had")
        if move.recipient != ZERO_ADDRESS:
            held[move.recipient] = held.get(move.recipient, 0) + move.count
        now = {address: count for address, count in sorted(held.items()) if count}
        if found and found[-1][0] == counts_from:
            found.pop()
        if not found or found[-1][1] != now:
            found.append((counts_from, now))
    return found
