"""Control totals: sums that must agree whatever the single records say. They catch what the index never saw."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.facts import Facts, SourceFacts
from community.units import BASE_UNITS_PER_WH


@dataclass(frozen=True, slots=True)
class Sums:
    """Over all records of the index up to the finalised block: base units minted, and Wh settled by source reference."""

    minted: int
    settled_wh: Mapping[str, int]


def control_totals(facts: Facts, sums: Sums) -> list[Break]:
    """The breaks of all control totals at the finalised block; none where the facts are of a part of the time."""
    if not facts.has_totals:
        return []
    return [*_supply(facts, sums.minted), *_balances(facts), *_sources(facts, sums.settled_wh)]


def _supply(facts: Facts, minted: int) -> Iterator[Break]:
    supply = facts.supply.outstanding
    held = sum(facts.balances.values())
    if held != supply:
        yield _supply_break(facts.token, "The indexed balances do not add up to the indexed supply.", supply, held)
        return
    if minted != facts.supply.minted:
        what = "The indexed mints do not add up to what the index counts as minted."
        yield _supply_break(facts.token, what, minted, facts.supply.minted)
        return
    if facts.asked is not None and facts.asked.total_supply != supply:
        what = "The token's totalSupply is not the supply in the index."
        yield _supply_break(facts.token, what, facts.asked.total_supply, supply)


def _balances(facts: Facts) -> Iterator[Break]:
    if facts.asked is None:
        return
    for address, asked in sorted(facts.asked.balances.items()):
        indexed = facts.balances.get(address, 0)
        if indexed != asked:
            yield Break(
                BreakKind.BALANCE_DIFFERS,
                address,
                f"The token says that {address} holds {asked} base units, the index says {indexed}.",
                expected=str(asked),
                found=str(indexed),
            )


def _sources(facts: Facts, settled: Mapping[str, int]) -> Iterator[Break]:
    """Minted energy of a source = what its register ran in all epochs, less the debt netted so far."""
    if facts.asked is None:
        return
    for source in facts.sources:
        state = facts.asked.sources.get(source.ref)
        if state is None:
            continue
        netted_wh = facts.corrected_wh.get(source.ref, 0) - state.debt_wh
        evidence_wh = _register_way(facts, source, state.register_wh) - netted_wh
        settled_wh = settled.get(source.ref, 0)
        if settled_wh != evidence_wh:
            yield Break(
                BreakKind.SUPPLY_DIFFERS,
                source.id,
                f"The issuer's register of {source.name} accounts for {evidence_wh} Wh, the indexed settlements for "
                f"{settled_wh} Wh.",
                source_id=source.id,
                expected=str(evidence_wh * BASE_UNITS_PER_WH),
                found=str(settled_wh * BASE_UNITS_PER_WH),
            )


def _register_way(facts: Facts, source: SourceFacts, register_wh: int) -> int:
    """Wh that the register ran from the first opening to now; what a configuration gave up does not count."""
    own = [one for one in facts.configured if one.source_ref == source.ref]
    own.sort(key=lambda one: (one.block_number, one.log_index))
    if not own:
        return register_wh - source.opening_register_wh
    way_wh = 0
    opening_wh = own[0].opening_wh
    for change in own[1:]:
        way_wh += change.closing_wh - opening_wh
        opening_wh = change.opening_wh
    return way_wh + register_wh - opening_wh


def _supply_break(token: str, what: str, expected: int, found: int) -> Break:
    return Break(BreakKind.SUPPLY_DIFFERS, token, what, expected=str(expected), found=str(found))
