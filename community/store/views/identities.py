"""Identities as they are shown: one value per kind, with their coin addresses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from community.store.tables.identity import (
    CoinAddressRow,
    DeviceKeyRow,
    DeviceRow,
    EnergyConsumptionUnitRow,
    EnergySourceRow,
    IdentityRow,
    MemberRow,
    UserRow,
)
from community.store.tables.measuring import FrameRow
from community.store.tables.minting import SettlementPolicyRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.store.views.scope import Scope
from community.units import WattHours

UNITS_MAX = 500
ADDRESSES_MAX = 1000


@dataclass(frozen=True, slots=True)
class UserView:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class MemberView:
    id: str
    name: str
    is_treasury: bool
    joined_at: datetime
    user_id: str | None


@dataclass(frozen=True, slots=True)
class DeviceView:
    id: str
    name: str
    eui: str
    payload_format: str
    profile: int | None
    state: str
    approved_at: datetime | None
    onboarding: str
    is_trial: bool
    firmware: str | None
    hardware: str | None


@dataclass(frozen=True, slots=True)
class EnergySourceView:
    id: str
    name: str
    source_ref: str
    technology: str
    nameplate_w: int
    share_total: int
    settlement_period: str
    evidence_mode: str
    metering_point_id: str
    opening_register_wh: WattHours
    opening_at: datetime
    approved_at: datetime | None


@dataclass(frozen=True, slots=True)
class EnergyConsumptionUnitView:
    id: str
    name: str
    member_id: str
    metering_point_id: str


IdentityView = UserView | MemberView | DeviceView | EnergySourceView | EnergyConsumptionUnitView


@dataclass(frozen=True, slots=True)
class CoinAddressView:
    identity_id: str
    chain: str
    address: str
    path: str | None
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class DeviceKeyView:
    device_id: str
    number: int
    kid: str
    public_key: bytes
    development_key: bool
    valid_from: datetime
    valid_to: datetime | None
    revoked_from: datetime | None = None
    """From this instant on nothing that it signed is believed."""


def _statement() -> Any:
    """All kinds in one statement: the row of the kind stands beside the identity, the others are null."""
    identity = col(IdentityRow.id)
    period = func.coalesce(_newest_policy(identity), col(EnergySourceRow.settlement_period)).label("period")
    rows = (IdentityRow, MemberRow, DeviceRow, EnergySourceRow, EnergyConsumptionUnitRow)
    return (
        select_rows(*rows, period, identity.label("key"))
        .outerjoin(MemberRow, col(MemberRow.identity_id) == identity)
        .outerjoin(DeviceRow, col(DeviceRow.identity_id) == identity)
        .outerjoin(EnergySourceRow, col(EnergySourceRow.identity_id) == identity)
        .outerjoin(EnergyConsumptionUnitRow, col(EnergyConsumptionUnitRow.identity_id) == identity)
    )


def _newest_policy(source_id: Any) -> Any:
    """The settlement period of a source's newest policy, null where it has none."""
    row = SettlementPolicyRow
    return (
        select(col(row.period))
        .where(col(row.source_id) == source_id)
        .order_by(col(row.revision).desc())
        .limit(1)
        .scalar_subquery()
    )


def _view(row: Any, scope: Scope) -> IdentityView:
    identity, member, device, source, unit = row[0], row[1], row[2], row[3], row[4]
    name = scope.shown_name(identity.kind, identity.id, identity.name)
    if member is not None:
        name = identity.name if member.is_treasury else name  # the treasury is no person
        return MemberView(identity.id, name, member.is_treasury, member.joined_at, member.user_id)
    if device is not None:
        return device_view(identity, device)
    if source is not None:
        return EnergySourceView(
            id=identity.id,
            name=name,
            source_ref=source.source_ref,
            technology=source.technology,
            nameplate_w=source.nameplate_w,
            share_total=source.share_total,
            settlement_period=row.period,
            evidence_mode=source.evidence_mode,
            metering_point_id=source.metering_point_id,
            opening_register_wh=WattHours(source.opening_register_wh),
            opening_at=source.opening_at,
            approved_at=source.approved_at,
        )
    if unit is not None:
        return EnergyConsumptionUnitView(identity.id, name, unit.member_id, unit.metering_point_id)
    return UserView(identity.id, name)


def device_view(identity: IdentityRow, device: DeviceRow) -> DeviceView:
    """A device of its two rows."""
    return DeviceView(
        id=identity.id,
        name=identity.name,
        eui=device.eui,
        payload_format=device.payload_format,
        profile=device.profile,
        state=device.state,
        approved_at=device.approved_at,
        onboarding=device.onboarding,
        is_trial=device.trial,
        firmware=device.firmware,
        hardware=device.hardware,
    )


async def by_ids(work: Work, scope: Scope, ids: Sequence[str]) -> dict[str, IdentityView]:
    """The identities among `ids` that the asker may see."""
    statement = _statement().where(col(IdentityRow.id).in_(ids), scope.identities(col(IdentityRow.id)))
    rows = await work.session.execute(statement)
    return {row[0].id: _view(row, scope) for row in rows}


async def page(work: Work, scope: Scope, kind: str | None, first: int, after: str | None) -> Page[IdentityView]:
    """Identities of one kind (or of all) by id."""
    key = col(IdentityRow.id)
    statement = _statement().where(scope.identities(key))
    if kind is not None:
        statement = statement.where(col(IdentityRow.kind) == kind)
    return await fetch_page(
        work, statement, Keyset((key,), (str,), falling=False), lambda row: _view(row, scope), first, after
    )


async def coin_addresses(work: Work, scope: Scope, identity_ids: Sequence[str]) -> dict[str, list[CoinAddressView]]:
    """Coin addresses by identity, newest validity first; of identities that the asker may see."""
    row = CoinAddressRow
    statement = (
        select(row)
        .where(col(row.identity_id).in_(identity_ids), scope.identities(col(row.identity_id)))
        .order_by(col(row.chain), col(row.valid_from).desc())
        .limit(ADDRESSES_MAX)
    )
    found: dict[str, list[CoinAddressView]] = {}
    for each in (await work.session.execute(statement)).scalars():
        view = CoinAddressView(each.identity_id, each.chain, each.address, each.path, each.valid_from, each.valid_to)
        found.setdefault(each.identity_id, []).append(view)
    return found


async def holders_of(work: Work, address: str) -> list[str]:
    """Who holds the coin address, on any chain; also an address of former times."""
    row = CoinAddressRow
    statement = select(col(row.identity_id)).where(col(row.address) == address).limit(ADDRESSES_MAX)
    return list((await work.session.execute(statement)).scalars())


async def units_of_members(
    work: Work, scope: Scope, member_ids: Sequence[str]
) -> dict[str, list[EnergyConsumptionUnitView]]:
    """Energy consumption units by member."""
    unit = EnergyConsumptionUnitRow
    statement = (
        _statement()
        .where(col(unit.member_id).in_(member_ids), scope.holders(col(unit.member_id)))
        .order_by(col(unit.identity_id))
        .limit(UNITS_MAX)
    )
    found: dict[str, list[EnergyConsumptionUnitView]] = {}
    for row in await work.session.execute(statement):
        view = _view(row, scope)
        if isinstance(view, EnergyConsumptionUnitView):
            found.setdefault(view.member_id, []).append(view)
    return found


async def members_of_user(work: Work, user_id: str) -> list[str]:
    """Ids of the members that a user stands behind."""
    statement = select(col(MemberRow.identity_id)).where(col(MemberRow.user_id) == user_id).limit(UNITS_MAX)
    return list((await work.session.execute(statement)).scalars())


async def has_user_row(work: Work, identity_id: str) -> bool:
    """Whether the identity is a user."""
    statement = select(col(UserRow.identity_id)).where(col(UserRow.identity_id) == identity_id)
    return (await work.session.execute(statement)).first() is not None


async def device_keys(work: Work, scope: Scope, device_ids: Sequence[str]) -> dict[str, list[DeviceKeyView]]:
    """Keys by device, newest first."""
    key = DeviceKeyRow
    statement = (
        select(key)
        .where(col(key.device_id).in_(device_ids), scope.identities(col(key.device_id)))
        .order_by(col(key.device_id), col(key.keyno).desc())
        .limit(ADDRESSES_MAX)
    )
    found: dict[str, list[DeviceKeyView]] = {}
    for each in (await work.session.execute(statement)).scalars():
        view = DeviceKeyView(
            each.device_id,
            each.keyno,
            each.kid,
            each.public_key,
            each.development_key,
            each.valid_from,
            each.valid_to,
            each.revoked_from,
        )
        found.setdefault(each.device_id, []).append(view)
    return found


async def last_seen(work: Work, euis: Sequence[str]) -> dict[str, datetime]:
    """When the newest frame of each device arrived, by EUI."""
    found: dict[str, datetime] = {}
    for eui in dict.fromkeys(euis):
        statement = (
            select(col(FrameRow.received_at))
            .where(col(FrameRow.device_eui) == eui)
            .order_by(col(FrameRow.received_at).desc())
            .limit(1)
        )
        seen = (await work.session.execute(statement)).scalar_one_or_none()
        if seen is not None:
            found[eui] = seen
    return found
