"""The roots of streams: what each event shows, as relations of a source that has no rows of its own."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from community.store.plans import marks
from community.store.plans.metering_sources import measurements
from community.store.plans.rendering import quoted
from community.store.plans.roots import ROOTS, nowhere, point_is_open
from community.store.plans.sources import Arguments, Asking, Opened, Relation, alias, source
from community.store.tables.identity import CoinAddressRow


def _event(_asking: Asking) -> Opened:
    """One row without a table: the cursor is written when the event is."""
    return Opened(None, (), {"cursor": quoted(marks.EVENT)})


def _newest(root: str) -> Relation:
    """The newest of a list, as many as the stream was asked for."""
    return replace(ROOTS[root], kind="many", limit_by="argument_first", arguments=frozenset())


def _of_address(ours: Opened, theirs: Opened, _arguments: Arguments, _asking: Asking) -> list[Any]:
    """The member who holds the address that was asked for; all that the asker may see, where none was."""
    if "argument_address" not in ours.columns:
        return []
    row = alias(CoinAddressRow)
    held = select(row.id).where(row.identity_id == theirs["member_id"], row.address == ours["argument_address"])
    return [held.correlate(*theirs.aliases).exists()]


def _stream(change: str, *arguments: str, **others: Any) -> Relation:
    return Relation(change, "one", lambda _o, _t, _a, _k: [], passes=True, arguments=frozenset(arguments), **others)


_CHANGES: Mapping[str, Mapping[str, Relation]] = {
    "balances_change": {"nodes": replace(ROOTS["balances"], on=_of_address)},
    "measurements_change": {"nodes": replace(measurements(), kind="many", limit_by="argument_first")},
    "settlements_change": {"nodes": _newest("settlements")},
    "breaks_change": {"nodes": replace(_newest("breaks"), on=lambda _o, row, _a, _k: [row["closed_at"].is_(None)]),
                      "reconciliation": ROOTS["reconciliation"]},
    "chain_head_change": {"chain_head": ROOTS["chain_head"]},
    "quarantine_change": {
        "nodes": replace(_newest("quarantine"), on=lambda _o, row, _a, _k: [row["resolved_at"].is_(None)])
    },
}  # fmt: skip
for _name, _relations in _CHANGES.items():
    source(_name, _event, _relations)

source(
    "subscription",
    nowhere,
    {
        "balances": _stream("balances_change", "address"),
        "measurements": _stream(
            "measurements_change", "metering_point_id", "first", required=True, only_if=point_is_open
        ),
        "settlements": _stream("settlements_change", "first"),
        "breaks": _stream("breaks_change", "first"),
        "chain_head": _stream("chain_head_change"),
        "quarantine": _stream("quarantine_change", "first"),
    },
)
