"""Identities, their addresses, keys and shares as sources of plans."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import case, func, join, literal_column, or_, select

from community.store.plans import marks
from community.store.plans.rendering import marked
from community.store.plans.sources import Asking, Opened, Relation, alias, columns_of, one, source
from community.store.tables.identity import (
    CoinAddressRow,
    DeviceKeyRow,
    DeviceRow,
    EnergyConsumptionUnitRow,
    EnergySourceRow,
    IdentityRow,
    MemberRow,
    ShareRow,
    ShareTableRow,
)
from community.store.tables.measuring import FrameRow
from community.store.tables.minting import SettlementPolicyRow
from community.store.views import identities as identity_views
from community.store.views import shares as share_views

_ADDRESSES = Relation(
    "coin_address",
    "many",
    lambda ours, theirs, _a, asking: [
        theirs["identity_id"] == ours["id"],
        asking.scope.identities(theirs["identity_id"]),
    ],
    keys=lambda row: (row["chain"], row["valid_from"].desc()),
    limit=identity_views.ADDRESSES_MAX,
)


def _shown_name(asking: Asking, identity: Any, treasury: Any = None) -> Any:
    if not asking.scope.pseudonyms:
        return identity.name
    person = or_(identity.kind == "member", identity.kind == "user")
    if treasury is not None:
        person = person & ~treasury
    hidden = marked(marks.PSEUDONYM, identity.kind.op("||")(literal_column("' '")).op("||")(identity.id))
    return case((person, hidden), else_=identity.name)


def _identity(asking: Asking) -> Opened:
    row = alias(IdentityRow)
    columns = {"id": row.id, "name": row.name, "kind": row.kind}
    return Opened(row, (row,), columns, (asking.scope.identities(row.id),), row.kind)


def _user(asking: Asking) -> Opened:
    row = alias(IdentityRow)
    return Opened(row, (row,), _user_columns(asking, row), (row.kind == "user", asking.scope.identities(row.id)))


def _user_columns(asking: Asking, identity: Any) -> dict[str, Any]:
    return {"id": identity.id, "name": _shown_name(asking, identity)}


Columns = Callable[[Asking, Any, Any], dict[str, Any]]
"""The columns of a kind of identity, from the identity and the row of the kind's own table."""


def _joined(table: Any, columns: Columns) -> Callable[[Asking], Opened]:
    """Identities of one kind."""

    def opened(asking: Asking) -> Opened:
        identity, row = alias(IdentityRow), alias(table)
        both = join(identity, row, row.identity_id == identity.id)
        seen = (asking.scope.identities(identity.id),)
        return Opened(both, (identity, row), columns(asking, identity, row), seen)

    return opened


def _beside(table: Any, columns: Columns) -> Callable[[Asking, Any], Opened]:
    """What a kind has beside an identity that is read, and shown, already."""

    def opened(asking: Asking, identity: Any) -> Opened:
        row = alias(table)
        return Opened(row, (row,), columns(asking, identity, row), (row.identity_id == identity.id,))

    return opened


def _member(asking: Asking, identity: Any, row: Any) -> dict[str, Any]:
    named = {"id": identity.id, "name": _shown_name(asking, identity, row.is_treasury)}
    return named | columns_of(row, "is_treasury joined_at user_id")


def _device(asking: Asking, identity: Any, row: Any) -> dict[str, Any]:
    frame, key = alias(FrameRow), alias(DeviceKeyRow)
    seen = select(frame.received_at).where(frame.device_eui == row.eui).order_by(frame.received_at.desc())
    in_files = select(key.id).where(
        key.device_id == row.identity_id,
        key.development_key,
        or_(key.valid_to.is_(None), key.valid_to > asking.parameter("now")),
        asking.scope.identities(key.device_id),
    )
    names = "eui payload_format profile state approved_at onboarding firmware hardware"
    return {
        **_user_columns(asking, identity),
        **columns_of(row, names),
        "last_seen_at": seen.limit(literal_column("1")).correlate(row).scalar_subquery(),
        "is_trial": row.trial,
        "has_development_key": in_files.correlate(row).exists(),
    }


def _energy_source(asking: Asking, identity: Any, row: Any) -> dict[str, Any]:
    names = "source_ref technology nameplate_w share_total evidence_mode metering_point_id opening_register_wh opening_at approved_at"
    policy = alias(SettlementPolicyRow)
    newest = select(policy.period).where(policy.source_id == row.identity_id).order_by(policy.revision.desc())
    period = newest.limit(literal_column("1")).correlate(row).scalar_subquery()
    own = columns_of(row, names, settlement_period=func.coalesce(period, row.settlement_period))
    return _user_columns(asking, identity) | own


def _unit(asking: Asking, identity: Any, row: Any) -> dict[str, Any]:
    return _user_columns(asking, identity) | columns_of(row, "member_id metering_point_id")


def _coin_address(_asking: Asking) -> Opened:
    row = alias(CoinAddressRow)
    return Opened(row, (row,), columns_of(row, "identity_id chain address path valid_from valid_to"))


def _device_key(asking: Asking) -> Opened:
    row = alias(DeviceKeyRow)
    columns = columns_of(
        row,
        "device_id kid public_key valid_from valid_to revoked_from",
        number=row.keyno,
        is_development_key=row.development_key,
    )
    return Opened(row, (row,), columns, (asking.scope.identities(row.device_id),))


def _share_table(_asking: Asking) -> Opened:
    row = alias(ShareTableRow)
    names = "id source_id revision share_total config_hash valid_from valid_to"
    return Opened(row, (row,), columns_of(row, names))


def _share(asking: Asking) -> Opened:
    row, table = alias(ShareRow), alias(ShareTableRow)
    columns = columns_of(
        row,
        "holder_id address share_count position share_table_id",
        share_total=table.share_total,
        source_id=table.source_id,
        table_ends=table.valid_to,
    )
    both = join(row, table, table.id == row.share_table_id)
    return Opened(both, (row, table), columns, (asking.scope.holders(row.holder_id),))


source("identity", _identity, {"coin_addresses": _ADDRESSES})
source(
    "user",
    _user,
    {"coin_addresses": _ADDRESSES},
    lambda asking, identity: Opened(None, (), _user_columns(asking, identity)),
)
source("coin_address", _coin_address)
source("device_key", _device_key)
source(
    "member",
    _joined(MemberRow, _member),
    {
        "coin_addresses": _ADDRESSES,
        "balance": one("balance", "id", "member_id"),
        "shares": Relation(
            "share",
            "many",
            lambda ours, theirs, _a, _k: [theirs["holder_id"] == ours["id"], theirs["table_ends"].is_(None)],
            keys=lambda row: (row["source_id"],),
            limit=share_views.SHARES_MAX,
        ),
        "energy_consumption_units": Relation(
            "energy_consumption_unit",
            "many",
            lambda ours, theirs, _a, _k: [theirs["member_id"] == ours["id"]],
            keys=lambda row: (row["id"],),
            limit=identity_views.UNITS_MAX,
        ),
    },
    _beside(MemberRow, _member),
)
source(
    "device",
    _joined(DeviceRow, _device),
    {
        "coin_addresses": _ADDRESSES,
        "keys": Relation(
            "device_key",
            "many",
            lambda ours, theirs, _a, _k: [theirs["device_id"] == ours["id"]],
            keys=lambda row: (row["number"].desc(),),
            limit=identity_views.ADDRESSES_MAX,
        ),
        "installations": Relation(
            "installation",
            "many",
            lambda ours, theirs, _a, _k: [theirs["device_id"] == ours["id"]],
            keys=lambda row: (row["valid_from"].desc(), row["id"]),
            limit=1000,
        ),
    },
    _beside(DeviceRow, _device),
)
source(
    "energy_source",
    _joined(EnergySourceRow, _energy_source),
    {
        "coin_addresses": _ADDRESSES,
        "metering_point": one("metering_point", "metering_point_id"),
        "share_tables": Relation(
            "share_table",
            "many",
            lambda ours, theirs, _a, _k: [theirs["source_id"] == ours["id"]],
            keys=lambda row: (row["revision"].desc(),),
            limit=share_views.TABLES_MAX,
        ),
    },
    _beside(EnergySourceRow, _energy_source),
)
source(
    "energy_consumption_unit",
    _joined(EnergyConsumptionUnitRow, _unit),
    {
        "coin_addresses": _ADDRESSES,
        "member": one("member", "member_id"),
        "metering_point": one("metering_point", "metering_point_id"),
    },
    _beside(EnergyConsumptionUnitRow, _unit),
)
source(
    "share_table",
    _share_table,
    {
        "shares": Relation(
            "share",
            "many",
            lambda ours, theirs, _a, _k: [theirs["share_table_id"] == ours["id"]],
            keys=lambda row: (row["position"],),
            limit=share_views.SHARES_MAX,
        )
    },
)
source("share", _share, {"source": one("energy_source", "source_id"), "holder": one("member", "holder_id")})
