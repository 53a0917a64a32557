"""Control totals of the shares: every revision adds up, is what was committed on chain, and what the share tokens say."""

from collections.abc import Iterator
from datetime import timedelta

from community.clock import QUARTER_HOUR
from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.facts import Facts, ShareTableFacts


def share_totals(facts: Facts) -> list[Break]:
    """The breaks of the share register at the finalised block, at most one for each revision."""
    return [found for table in facts.share_tables if (found := _table_fault(facts, table)) is not None] + list(
        _tokens(facts)
    )


def _table_fault(facts: Facts, table: ShareTableFacts) -> Break | None:
    held = sum(count for _, count in table.shares)
    source = next((one for one in facts.sources if one.id == table.source_id), None)
    name = table.source_id if source is None else source.name
    when = f"the share table {table.id} of {name}, valid from {table.valid_from:%Y-%m-%d %H:%M} UTC,"
    if held != table.share_total:
        return Break(
            BreakKind.SHARE_SUPPLY_DIFFERS,
            table.id,
            f"The shares in {when} add up to {held}; the source has {table.share_total}.",
            source_id=table.source_id,
            expected=str(table.share_total),
            found=str(held),
        )
    if table.rows_hash is not None and table.rows_hash != table.config_hash:
        return _differing_table(
            table, f"The rows of {when} are not those that were committed when it was recorded.", table.rows_hash
        )
    committed = None if source is None else _committed(facts, source.ref)
    # a new table is committed on chain only after its source was settled up to where it begins
    due = facts.is_old(max(table.recorded_at, table.valid_from), timedelta(0) if source is None else source.collects)
    known = {table.config_hash, *table.key_hashes}
    if table.valid_to is None and due and committed is not None and committed not in known:
        return _differing_table(table, f"The issuer is configured with another table than {when[:-1]}.", committed)
    return None


def _differing_table(table: ShareTableFacts, what: str, found: str) -> Break:
    return Break(
        BreakKind.SHARE_TABLE_DIFFERS,
        table.id,
        what,
        source_id=table.source_id,
        expected=table.config_hash,
        found=found,
    )


def _committed(facts: Facts, ref: str) -> str | None:
    """The newest configuration of a source on the final chain; None where there is none, or its hash is unknown."""
    own = [one for one in facts.configured if one.source_ref == ref]
    newest = max(own, key=lambda one: (one.block_number, one.log_index), default=None)
    return None if newest is None or not newest.config_hash else newest.config_hash


def _tokens(facts: Facts) -> Iterator[Break]:
    """Share tokens against the register: the fixed total, then holder by holder.

    A transfer counts from a later boundary on, and is committed when the source is settled up to there: it has time.
    """
    for table in facts.share_tables:
        found = facts.shares_on_chain.get(table.source_id)
        if table.valid_to is not None or found is None:
            continue
        tokens = {address: count for address, count in found.held.items() if count}
        held = sum(tokens.values())
        if held != table.share_total:
            yield Break(
                BreakKind.SHARE_SUPPLY_DIFFERS,
                f"tokens:{table.source_id}",
                f"{held} share tokens of {table.source_id} exist on chain; the source has {table.share_total} shares.",
                source_id=table.source_id,
                expected=str(table.share_total),
                found=str(held),
            )
            continue
        collects = next((one.collects for one in facts.sources if one.id == table.source_id), timedelta(0))
        if not facts.is_old(max(found.moved_at, table.recorded_at), collects + QUARTER_HOUR):
            continue
        register = dict(table.shares)
        for address in sorted(register.keys() | tokens.keys()):
            if register.get(address, 0) != tokens.get(address, 0):
                yield Break(
                    BreakKind.SHARE_TABLE_DIFFERS,
                    f"tokens:{table.source_id}:{address}",
                    f"{address} holds {tokens.get(address, 0)} share tokens of {table.source_id}, and "
                    f"{register.get(address, 0)} shares in the register.",
                    source_id=table.source_id,
                    expected=str(register.get(address, 0)),
                    found=str(tokens.get(address, 0)),
                )
