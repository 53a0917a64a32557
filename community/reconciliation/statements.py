"""Statements of account: what a holder or a source had at the beginning, what moved, and what is left."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from community.reconciliation.facts import Facts
from community.tokens.transfers import Transfer, TransferKind


@dataclass(frozen=True, slots=True)
class HolderStatement:
    """A holder's tokens over [starts_at, ends_at), in base units of finalised transfers.

    Raises ValueError unless opening + minted + received - sent - retired = closing.
    """

    holder: str
    starts_at: datetime
    ends_at: datetime
    opening: int
    minted: int
    received: int
    sent: int
    retired: int
    closing: int

    def __post_init__(self) -> None:
        if self.opening + self.minted + self.received - self.sent - self.retired != self.closing:
            raise ValueError(f"the statement of {self.holder} does not add up")
        if min(self.opening, self.closing) < 0:
            raise ValueError(f"{self.holder} cannot hold less than nothing: the index lacks transfers")


@dataclass(frozen=True, slots=True)
class SourceStatement:
    """A source's energy over [starts_at, ends_at), in Wh: verified production, what we issued of it, what was settled.

    `opening` and `closing` are what was verified and not settled at either end; `open_wh` is verified and in no issuance.
    """

    source_id: str
    starts_at: datetime
    ends_at: datetime
    opening_wh: int
    verified_wh: int
    issued_wh: int
    settled_wh: int
    minted_wh: int
    closing_wh: int

    @property
    def open_wh(self) -> int:
        return self.verified_wh - self.issued_wh

    def __post_init__(self) -> None:
        if self.opening_wh + self.verified_wh - self.settled_wh != self.closing_wh:
            raise ValueError(f"the statement of {self.source_id} does not add up")


def holder_statement(
    holder: str,
    addresses: frozenset[str],
    transfers: Iterable[tuple[datetime, Transfer]],
    starts_at: datetime,
    ends_at: datetime,
) -> HolderStatement:
    """The statement over transfers with their blocks' times, in any order; what moves between own addresses is nothing."""
    opening = minted = received = sent = retired = 0
    for at, transfer in transfers:
        incoming, outgoing = transfer.recipient in addresses, transfer.sender in addresses
        if at >= ends_at or incoming == outgoing:
            continue
        if at < starts_at:
            opening += transfer.amount if incoming else -transfer.amount
        elif incoming and transfer.kind is TransferKind.MINT:
            minted += transfer.amount
        elif incoming:
            received += transfer.amount
        elif transfer.kind is TransferKind.BURN:
            retired += transfer.amount
        else:
            sent += transfer.amount
    closing = opening + minted + received - sent - retired
    return HolderStatement(holder, starts_at, ends_at, opening, minted, received, sent, retired, closing)


def source_statement(facts: Facts, source_id: str, starts_at: datetime, ends_at: datetime) -> SourceStatement:
    """The statement of a source. Energy counts where its quarter-hour, its issuance or its reading ends.

    Raises ValueError for a source that is not among the facts.
    """
    source = next((one for one in facts.sources if one.id == source_id), None)
    if source is None:
        raise ValueError(f"there is no energy source {source_id}")
    verified = [
        (one.ends_at, one.energy_wh)
        for one in facts.intervals
        if one.source_id == source_id and one.starts_at >= source.opening_at
    ]
    issued = [(one.period_end, one.to_wh - one.from_wh) for one in facts.issuances if one.source_id == source_id]
    settled = [one for one in facts.settled if one.source_ref == source.ref]
    settled_wh = [(one.read_at, one.to_wh - one.from_wh) for one in settled]
    before = _between(verified, source.opening_at, starts_at) - _between(settled_wh, source.opening_at, starts_at)
    within = _between(verified, starts_at, ends_at)
    settled_within = _between(settled_wh, starts_at, ends_at)
    return SourceStatement(
        source_id=source_id,
        starts_at=starts_at,
        ends_at=ends_at,
        opening_wh=before,
        verified_wh=within,
        issued_wh=_between(issued, starts_at, ends_at),
        settled_wh=settled_within,
        minted_wh=_between([(one.read_at, one.minted_wh) for one in settled], starts_at, ends_at),
        closing_wh=before + within - settled_within,
    )


def _between(counted: Iterable[tuple[datetime, int]], after: datetime, upto: datetime) -> int:
    """The sum of what ended in (after, upto]."""
    return sum(amount for at, amount in counted if after < at <= upto)
