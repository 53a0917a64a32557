"""Matching: every issuance, settlement and producing interval ends in exactly one match, one break, or is pending."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from community.reconciliation.attribution import Attribution, attribute
from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.facts import Facts, IntervalFacts
from community.reconciliation.holdings import share_totals
from community.reconciliation.of_source import SourceMatching
from community.reconciliation.readings import altered
from community.reconciliation.results import Part, Pending, Reconciliation
from community.reconciliation.settlements import RegisterState, assign_mints
from community.reconciliation.totals import Sums, control_totals
from community.tokens.issuer_events import SettledEvent
from community.tokens.transfers import Transfer


def reconcile(facts: Facts) -> Reconciliation:
    """Compare both sides, all at once. The same facts give the same result."""
    assigned, foreign = assign_mints(facts.settled, facts.mints)
    known = {source.ref for source in facts.sources}
    attributions, unattributed = ((), ()) if facts.has_issuer else attribute(facts)
    attributed = frozenset(_attributed(facts.intervals, attributions))
    parts = [
        SourceMatching(facts, source, assigned, attributed, RegisterState(source.opening_register_wh)).judged()
        for source in facts.sources
    ]
    strangers = [event for event in facts.settled if event.source_ref not in known]
    breaks = [one for part in parts for one in part.breaks]
    breaks += of_no_source(strangers, foreign if facts.has_issuer else ())
    breaks += unattributed
    breaks += of_the_whole(facts, sums_of(facts), breaks)
    return Reconciliation(
        matches=tuple(match for part in parts for match in part.matches),
        breaks=tuple(breaks),
        pending=all_pending(parts),
        idle=tuple(one for part in parts for one in part.idle),
        verified_wh=sum(part.verified_wh for part in parts),
        issued_wh=sum(part.issued_wh for part in parts),
        settled_wh=sum(event.minted_wh for event in facts.settled),
        attributions=attributions,
        attributed=tuple(sorted(attributed)),
        undecided=undecided(facts),
    )


def reconcile_window(facts: Facts, before: RegisterState) -> Part:
    """Compare one window of the only source in `facts`, whose register stood at `before` when the window begins.

    Windows lie between `cuts`; what concerns no single source is not looked at.
    """
    (source,) = facts.sources
    assigned, _ = assign_mints(facts.settled, facts.mints)
    return SourceMatching(facts, source, assigned, frozenset(), before).judged()


def of_no_source(strangers: Iterable[SettledEvent], foreign: Iterable[Transfer]) -> list[Break]:
    """Breaks of settlements for unknown sources, and of mints that no settlement made."""
    return [*map(_of_unknown_source, strangers), *map(_foreign_mint, foreign)]


def of_the_whole(facts: Facts, sums: Sums, found: Iterable[Break]) -> list[Break]:
    """Breaks of what is compared over all windows; `found` are those of the windows. Of `facts` no window's records count."""
    named = [key for one in found if one.kind is BreakKind.ENERGY_DIFFERS for key in one.intervals]
    return [*altered(facts, named), *share_totals(facts), *control_totals(facts, sums)]


def sums_of(facts: Facts) -> Sums:
    """The sums over all records of `facts`."""
    settled_wh: dict[str, int] = {}
    for event in facts.settled:
        settled_wh[event.source_ref] = settled_wh.get(event.source_ref, 0) + event.minted_wh
    return Sums(sum(mint.amount for mint in facts.mints), settled_wh)


def all_pending(parts: Sequence[Part]) -> Pending:
    """What is pending in all parts."""
    return Pending(
        tuple(one for part in parts for one in part.pending.issuances),
        tuple(one for part in parts for one in part.pending.intervals),
    )


def undecided(facts: Facts) -> tuple[BreakKind, ...]:
    """Kinds of which a run over `facts` cannot rule out a break: the contracts were not asked."""
    return (BreakKind.SUPPLY_DIFFERS, BreakKind.BALANCE_DIFFERS) if facts.asked is None else ()


def _attributed(intervals: Iterable[IntervalFacts], attributions: Iterable[Attribution]) -> Iterator[str]:
    """The intervals that lie in attributed periods."""
    periods: dict[str, list[tuple[datetime, datetime]]] = {}
    for one in attributions:
        periods.setdefault(one.source_id, []).append((one.starts_at, one.ends_at))
    for held in periods.values():
        held.sort()
    for interval in intervals:
        held = periods.get(interval.source_id, [])
        at = bisect_right(held, interval.starts_at, key=lambda period: period[0]) - 1
        if at >= 0 and interval.ends_at <= held[at][1]:
            yield interval.key


def _of_unknown_source(event: SettledEvent) -> Break:
    return Break(
        BreakKind.MISSING_OFF_CHAIN,
        f"{event.tx_hash}:{event.log_index}",
        f"Block {event.block_number} settles {event.minted_wh} Wh for {event.source_ref}, which is no source of this "
        "community.",
        found=f"{event.minted_wh} Wh",
        events=((event.block_number, event.log_index),),
    )


def _foreign_mint(mint: Transfer) -> Break:
    return Break(
        BreakKind.MISSING_OFF_CHAIN,
        f"{mint.tx_hash}:{mint.log_index}",
        f"{mint.amount} base units were minted to {mint.recipient} in block {mint.block_number} without a settlement.",
        found=str(mint.amount),
    )
