"""The roots of queries and streams: relations of a source that has no rows of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import String, cast, literal_column, select

from community.store.plans.metering_sources import measurements
from community.store.plans.sources import Arguments, Asking, Opened, Relation, Way, alias, source
from community.store.tables.identity import CoinAddressRow, EnergySourceRow
from community.store.tables.metering import MeteringPointRow
from community.store.views.transfers import ADDRESSES_MAX

Conditions = Callable[[Opened, Opened, Arguments, Asking], Sequence[Any]]


def nowhere(_asking: Asking) -> Opened:
    return Opened(None, (), {})


def _equal(**columns: str) -> Conditions:
    """Each argument that is given equals the column named for it."""

    def conditions(_ours: Opened, theirs: Opened, arguments: Arguments, _asking: Asking) -> list[Any]:
        return [theirs[column] == arguments[name] for name, column in columns.items() if name in arguments]

    return conditions


def _by_id(target: str, *, required: bool = True, argument: str = "id", column: str = "id") -> Relation:
    return Relation(target, "one", _equal(**{argument: column}), required=required, arguments=frozenset({argument}))


def _page(target: str, keys: str, on: Conditions, *arguments: str, falling: bool = True) -> Relation:
    names = keys.split()
    return Relation(
        target,
        "page",
        on,
        keys=lambda row: tuple(row[name] for name in names),
        falling=falling,
        arguments=frozenset(arguments),
    )


def _present(argument: str, column: str) -> Conditions:
    """Whether the column has a value, where the argument says which of both."""

    def conditions(_ours: Opened, theirs: Opened, arguments: Arguments, _asking: Asking) -> list[Any]:
        if argument not in arguments:
            return []
        return [theirs[column].is_not(None) if arguments[argument] else theirs[column].is_(None)]

    return conditions


def _breaks(ours: Opened, theirs: Opened, arguments: Arguments, asking: Asking) -> list[Any]:
    open_ones = {"open": not arguments["open"]} if "open" in arguments else {}
    of_source = _equal(source_id="source_id")(ours, theirs, arguments, asking)
    return [*_present("open", "closed_at")(ours, theirs, open_ones, asking), *of_source]


def _of_source(_ours: Opened, theirs: Opened, arguments: Arguments, _asking: Asking) -> list[Any]:
    """Settlements of the source that is asked for: the chain knows it by its reference, which has the index."""
    if "source_id" not in arguments:
        return []
    plant = alias(EnergySourceRow)
    reference = select(plant.source_ref).where(plant.identity_id == arguments["source_id"])
    return [theirs["source_ref"] == reference.scalar_subquery()]


def _gaps(ours: Opened, theirs: Opened, arguments: Arguments, asking: Asking) -> list[Any]:
    state = [theirs["state"] == ("open" if arguments["open"] else "closed")] if "open" in arguments else []
    return [*state, *_equal(metering_point_id="metering_point_id")(ours, theirs, arguments, asking)]


def point_is_open(arguments: Arguments, asking: Asking) -> Any:
    """That the metering point is one the asker may see: else the answer is a refusal, not an empty list."""
    row = alias(MeteringPointRow)
    point = row.id == arguments["metering_point_id"]
    return select(row.id).where(point, asking.scope.metering_points(row.id)).exists()


def _sides(_ours: Opened, asking: Asking, arguments: Arguments) -> list[Way]:
    """What the asker's addresses sent, and what they received from others; or one address's, for who sees everything.

    Each is found by its index: "sender or recipient" in one condition would read all of the chain's history to sort it.
    """
    if asking.scope.everything and "address" not in arguments:
        return []

    def own() -> Any:
        if "address" in arguments:
            return select(cast(arguments["address"], String()).label("address")).subquery()
        row = alias(CoinAddressRow)
        newest = select(row.address, row.valid_from).where(asking.scope.holders(row.identity_id))
        newest = newest.order_by(row.valid_from.desc(), row.address)
        return select(newest.limit(literal_column(str(ADDRESSES_MAX))).subquery().c.address).distinct().subquery()

    sender, recipient = own(), own()
    others = own()
    return [
        Way(sender, lambda theirs: theirs["sender"] == sender.c.address),
        Way(
            recipient,
            lambda theirs: (
                (theirs["recipient"] == recipient.c.address) & theirs["sender"].not_in(select(others.c.address))
            ),
        ),
    ]


def _transfers_available(asking: Asking, arguments: Arguments) -> bool:
    """For a member and one address both must take part: the standard way does that."""
    return asking.scope.everything or "address" not in arguments


ROOTS: dict[str, Relation] = {
    "viewer": Relation("viewer", "one", lambda _o, _t, _a, _k: []),
    "identity": _by_id("identity"),
    "identities": _page("identity", "id", _equal(kind="kind"), "kind", falling=False),
    "members": _page("member", "id", _equal(), falling=False),
    "member": _by_id("member"),
    "devices": _page("device", "id", _equal(), falling=False),
    "energy_sources": _page("energy_source", "id", _equal(), falling=False),
    "metering_points": _page("metering_point", "id", _equal(), falling=False),
    "metering_point": _by_id("metering_point"),
    "measurements": replace(measurements("metering_point_id"), required=True, only_if=point_is_open),
    "gaps": _page("gap", "starts_at id", _gaps, "metering_point_id", "open"),
    "quarantine": _page("quarantine_entry", "recorded_at id", _present("resolved", "resolved_at"), "resolved"),
    "issuances": _page("issuance", "planned_at id", _equal(source_id="source_id", state="state"), "source_id", "state"),
    "issuance": _by_id("issuance", required=False),
    "settlements": _page("settlement", "block_number log_index", _of_source, "source_id"),
    "transfers": Relation(
        "transfer",
        "page",
        _equal(tx_hash="tx_hash"),
        keys=lambda row: (row["block_number"], row["log_index"]),
        falling=True,
        through=_sides,
        arguments=frozenset({"tx_hash", "address"}),
        available=_transfers_available,
    ),
    "balances": Relation("balance", "many", lambda _o, _t, _a, _k: [], keys=lambda row: (row["member_id"],), limit=500),
    "balance": _by_id("balance", argument="member_id", column="member_id"),
    "supply": Relation("supply", "many", lambda _o, _t, _a, _k: [], keys=lambda row: (row["token"],), limit=5000),
    "chain_head": Relation("chain_head", "one", lambda _o, _t, _a, _k: [], keys=lambda row: (row["chain_id"],)),
    "reconciliation": Relation(
        "reconciliation_run",
        "one",
        lambda _o, _t, _a, _k: [],
        keys=lambda row: (row["started_at"], row["finalised_block"]),
        falling=True,
    ),
    "matches": _page("match", "block_number log_index", _equal(source_id="source_id"), "source_id"),
    "breaks": _page("break", "opened_at id", _breaks, "open", "source_id"),
    "audit_entries": _page("audit_entry", "id", _equal()),
    "api_keys": _page("api_key", "created_at id", _equal()),
}
source("query", nowhere, ROOTS)
