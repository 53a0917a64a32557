"""One settlement against its issuance: the first thing in which they disagree, gravest first."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from community.clock import QUARTER_HOUR
from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.facts import IntervalFacts, IssuanceFacts, SourceFacts
from community.reconciliation.settlements import Settlement
from community.units import WattHours, base_units

_Difference = tuple[BreakKind, str, str, str]
"""Kind, sentence, expected, found."""


def compare(
    source: SourceFacts,
    settlement: Settlement,
    issuance: IssuanceFacts | None,
    intervals: Sequence[IntervalFacts],
    overlapped: IssuanceFacts | None = None,
) -> Break | None:
    """The break between a settlement and its issuance (None: there is none), or None if they agree to the unit.

    `overlapped` is an issuance before this one that holds a part of its time.
    """
    difference = _chain_fault(source, settlement) or _difference(source, settlement, issuance)
    if difference is None and issuance is not None:
        difference = (
            _period(source, settlement, issuance, overlapped)
            or _evidence(source, settlement, issuance)
            or _energy(source, issuance, intervals)
        )
    if difference is None:
        return None
    kind, what, expected, found = difference
    event = settlement.event
    return Break(
        kind,
        f"{event.tx_hash}:{event.log_index}",
        what,
        source_id=source.id,
        expected=expected,
        found=found,
        issuances=() if issuance is None else (issuance.id,),
        events=(settlement.key,),
        intervals=tuple(interval.key for interval in intervals),
    )


def _chain_fault(source: SourceFacts, settlement: Settlement) -> _Difference | None:
    """The settlement does not continue where the one before ended."""
    event, fault = settlement.event, settlement.fault
    if fault is None:
        return None
    way = f"from {event.from_wh} to {event.to_wh} Wh"
    expected, found = f"from {settlement.continues_from_wh} Wh", way
    match fault:
        case BreakKind.DUPLICATE:
            what = f"The register's way {way} of {source.name} was settled before."
        case BreakKind.MINTED_TWICE:
            what = (
                f"{source.name} was settled {way}, but up to {settlement.continues_from_wh} Wh it was settled before."
            )
        case _:
            what = (
                f"Settlement {event.seq} of {source.name} goes {way}; the one before ended at "
                f"{settlement.continues_from_wh} Wh."
            )
    return fault, what, expected, found


def _difference(source: SourceFacts, settlement: Settlement, issuance: IssuanceFacts | None) -> _Difference | None:
    event = settlement.event
    if issuance is None:
        what = f"Block {event.block_number} settles {event.minted_wh} Wh for {source.name}; our books have no issuance of it."
        return BreakKind.MISSING_OFF_CHAIN, what, "no settlement", f"{event.minted_wh} Wh"
    return _amounts(source, settlement, issuance) or _recipients(source, settlement, issuance)


def _period(
    source: SourceFacts, settlement: Settlement, issuance: IssuanceFacts, overlapped: IssuanceFacts | None
) -> _Difference | None:
    """Energy belongs to one time: after counting began, in no other issuance's period, its reading at its end."""
    read_at, period = settlement.event.read_at, f"{_instant(issuance.period_start)} to {_instant(issuance.period_end)}"
    if issuance.period_start < source.opening_at:
        what = f"The issuance of {source.name} is for energy from before {_instant(source.opening_at)}, when counting began."
        return BreakKind.OUT_OF_PERIOD, what, f"from {_instant(source.opening_at)}", period
    if overlapped is not None:
        taken = f"{_instant(overlapped.period_start)} to {_instant(overlapped.period_end)}"
        what = f"The period of the issuance of {source.name} overlaps that of {overlapped.id}."
        return BreakKind.OUT_OF_PERIOD, what, f"not before {_instant(overlapped.period_end)} ({taken})", period
    if not issuance.period_start < read_at <= issuance.period_end:
        what = f"The settlement of {source.name} was read outside the period of its issuance."
        return BreakKind.OUT_OF_PERIOD, what, period, _instant(read_at)
    return None


def _amounts(source: SourceFacts, settlement: Settlement, issuance: IssuanceFacts) -> _Difference | None:
    event = settlement.event
    told = base_units(WattHours(event.minted_wh))
    if (issuance.from_wh, issuance.to_wh) != (event.from_wh, event.to_wh):
        what = f"{source.name} was settled up to {event.to_wh} Wh, the issuance says up to {issuance.to_wh} Wh."
        return BreakKind.AMOUNT_DIFFERS, what, f"{issuance.to_wh} Wh", f"{event.to_wh} Wh"
    if settlement.minted != told:
        what = f"The settlement of {source.name} tells of {told} base units, but {settlement.minted} were minted."
        return BreakKind.AMOUNT_DIFFERS, what, str(told), str(settlement.minted)
    if issuance.amount != told:
        what = f"The issuance of {source.name} is over {issuance.amount} base units, {told} were minted."
        return BreakKind.AMOUNT_DIFFERS, what, str(issuance.amount), str(told)
    return None


def _recipients(source: SourceFacts, settlement: Settlement, issuance: IssuanceFacts) -> _Difference | None:
    ours = Counter(part for part in issuance.parts if part[1])
    theirs = Counter(settlement.mints)
    if ours == theirs:
        return None
    what = f"The parts minted for {source.name} are not those of the issuance."
    return BreakKind.RECIPIENT_DIFFERS, what, _parts_text(ours - theirs), _parts_text(theirs - ours)


def _evidence(source: SourceFacts, settlement: Settlement, issuance: IssuanceFacts) -> _Difference | None:
    event, ours = settlement.event, issuance.evidence
    mine = (ours.digest, ours.mode, ours.read_at, ours.register_wh)
    theirs = (event.evidence, event.mode, event.read_at, event.to_wh)
    if mine != theirs:
        what = f"The settlement of {source.name} names other evidence than the issuance rests on."
        return BreakKind.EVIDENCE_DIFFERS, what, _evidence_text(*mine), _evidence_text(*theirs)
    if not ours.key_valid:
        what = f"The settlement of {source.name} up to {event.to_wh} Wh rests on a signature whose key is revoked."
        return BreakKind.EVIDENCE_INVALID, what, "a key valid at the reading", "a revoked key"
    return None


def _energy(source: SourceFacts, issuance: IssuanceFacts, intervals: Sequence[IntervalFacts]) -> _Difference | None:
    """Intervals and register difference agree wherever no interval of the period is missing."""
    slots = (issuance.period_end - issuance.period_start) // QUARTER_HOUR
    if len(intervals) != slots:
        return None
    summed = sum(interval.settled_wh for interval in intervals)
    difference = issuance.to_wh - issuance.from_wh
    if summed == difference:
        return None
    what = f"The intervals of {source.name} in the settled period add up to {summed} Wh, its register moved by {difference}."
    return BreakKind.ENERGY_DIFFERS, what, f"{difference} Wh", f"{summed} Wh"


def _parts_text(parts: Counter[tuple[str, int]]) -> str:
    return ", ".join(f"{address}: {amount}" for address, amount in sorted(parts.elements())) or "nothing"


def _evidence_text(digest: str, mode: str, read_at: datetime, register_wh: int) -> str:
    return f"{digest} ({mode}), {register_wh} Wh at {_instant(read_at)}"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"
