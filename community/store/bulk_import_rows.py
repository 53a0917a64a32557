"""Entering one row of each file of a bulk import. Each says whether it was new; a row that is there already changes nothing."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from community.identity.coin_addresses import AccountRole, CoinChain, HdAccount
from community.identity.derivation import address_path, derive_address
from community.identity.identities import (
    EnergyConsumptionUnit,
    EnergySource,
    EvidenceMode,
    Member,
    SettlementPeriod,
    SettlementPolicy,
)
from community.identity.shares import Share, ShareTable
from community.ids import named_id
from community.onboarding.import_files import ImportRow
from community.store import coin_addresses, devices, identities, shares
from community.store.decisions import NotPossible
from community.store.onboarding import Declaration, Told, bind_key, declare_source
from community.store.sealed_columns import ColumnSeal
from community.store.share_revisions import key_at
from community.store.tables.identity import (
    CoinAddressRow,
    DeviceRow,
    EnergySourceRow,
    IdentityRow,
    MemberRow,
)
from community.store.tables.metering import InstallationRow, MeteringPointRow, MeterRow
from community.store.unit_of_work import Work

DECLARED = "The plant is registered for no other guarantees of origin, certificates or tokens."


class BadReference(Exception):
    """A cell names something that is not there. `row` is the row at fault where several are entered together."""

    def __init__(self, column: str, what: str, remedy: str, row: ImportRow | None = None) -> None:
        super().__init__(what)
        self.column, self.what, self.remedy, self.row = column, what, remedy, row


class Differs(Exception):
    """What the row names is on the books with other values."""

    def __init__(self, column: str, what: str) -> None:
        super().__init__(what)
        self.column, self.what = column, what


@dataclass(frozen=True, slots=True)
class Entering:
    """What entering a row needs. `faulty` are the files with problems of their own."""

    work: Work
    column_key: ColumnSeal
    config_hash: Callable[[bytes, Sequence[str], Sequence[int]], str]
    told: Told
    now: datetime
    faulty: frozenset[str]

    async def one(self, statement: Any) -> Any:
        """The first row of a query, None if there is none."""
        return (await self.work.session.execute(statement.limit(1))).scalars().first()

    def missing(self, column: str, what: str, file: str) -> BadReference:
        """A reference to what neither the books nor the files have."""
        remedy = f"add it to {file}.csv, or correct the cell"
        if file in self.faulty:
            remedy = f"correct the rows of {file}.csv first: one of them may be it"
        return BadReference(column, what, remedy)


def member_id(community: str, member: str) -> str:
    """The id of the member with this number in a community."""
    return named_id("mem", community, member)


def source_id(community: str, source: str) -> str:
    """The id of the source with this name in a community."""
    return named_id("src", community, source)


async def _member(entering: Entering, row: ImportRow) -> bool:
    values, work = row.values, entering.work
    member = Member(member_id(values["community"], values["member"]), values["name"], is_treasury=values["treasury"])
    known = await entering.one(select(MemberRow).where(col(MemberRow.identity_id) == member.id))
    if known is not None:
        name = await entering.one(select(col(IdentityRow.name)).where(col(IdentityRow.id) == member.id))
        _same({"name": name, "treasury": known.is_treasury}, values)
        return False
    await identities.add_member(work, member, entering.now)
    await _give_addresses(entering, member.id, AccountRole.MEMBER)
    return True


async def _metering_point(entering: Entering, row: ImportRow) -> bool:
    values = row.values
    known = await entering.one(select(MeteringPointRow).where(col(MeteringPointRow.code) == values["metering_point"]))
    if known is not None:
        _same({"name": known.name, "direction": known.direction, "settled_obis": known.settled_obis}, values)
        return False
    point = devices.MeteringPoint(
        named_id("mp", values["metering_point"]),
        values["metering_point"],
        values["name"],
        values["direction"],
        values["settled_obis"],
    )
    await devices.add_metering_point(entering.work, point)
    if values["member"] is not None:
        if values["direction"] != "consumption":
            raise BadReference(
                "member", "a member's own energy is consumption", "leave the cell empty; a plant belongs to its shares"
            )
        owner = await _member_of(entering, row)
        unit = EnergyConsumptionUnit(named_id("unit", point.code), values["name"], owner, point.id)
        await identities.add_consumption_unit(entering.work, unit, entering.now)
        await _give_addresses(entering, unit.id, AccountRole.MEMBER)
    return True


async def _meter(entering: Entering, row: ImportRow) -> bool:
    values = row.values
    known = await entering.one(select(MeterRow).where(col(MeterRow.serial) == values["meter"]))
    if known is not None:
        _same({"maker": known.maker, "model": known.model}, values)
        kept = known.meter_key_sealed
        _same_secret("meter_key", kept, values, lambda: entering.column_key.unseal(kept, f"meter {known.serial}"))
        return False
    meter = devices.Meter(
        named_id("met", values["meter"]),
        values["meter"],
        values["maker"],
        values["model"],
        values["registers"],
        values["meter_key"],
    )
    await devices.add_meter(entering.work, meter, entering.column_key)
    return True


async def _device(entering: Entering, row: ImportRow) -> bool:
    values, work = row.values, entering.work
    if values["format"] == "ecw1" and (values["secret"] is None or values["profile"] is None):
        column = "secret" if values["secret"] is None else "profile"
        raise BadReference(column, "a device that speaks ecw1 has a secret and a profile", "fill the cell")
    known = await entering.one(select(DeviceRow).where(col(DeviceRow.eui) == values["device"]))
    if known is not None:
        _same({"format": known.payload_format, "profile": known.profile, "trial": known.trial}, values)
        kept = known.secret_sealed
        _same_secret("secret", kept, values, lambda: entering.column_key.unseal(kept, f"device {known.eui}"))
        device_id = known.identity_id
    else:
        device_id = named_id("dev", values["device"])
        new = devices.NewDevice(
            device_id, values["name"], values["device"], values["format"], values["profile"], values["secret"],
            trial=values["trial"],
        )  # fmt: skip
        await devices.add_device(work, new, entering.column_key, entering.now)
        await _give_addresses(entering, device_id, AccountRole.DEVICE)
    if values["public_key"] is not None:
        told = Told(entering.told.actor, entering.told.reason, "")
        bound = await bind_key(
            work, device_id, values["public_key"], told, entering.now, development_key=values["development_key"]
        )
        if isinstance(bound, NotPossible):
            raise BadReference("public_key", bound.sentence, "correct the cell, or leave it empty")
    return known is None


async def _installation(entering: Entering, row: ImportRow) -> bool:
    values = row.values
    point = await entering.one(
        select(col(MeteringPointRow.id)).where(col(MeteringPointRow.code) == values["metering_point"])
    )
    meter = await entering.one(select(col(MeterRow.id)).where(col(MeterRow.serial) == values["meter"]))
    device = await entering.one(select(col(DeviceRow.identity_id)).where(col(DeviceRow.eui) == values["device"]))
    for column, found, file in (
        ("metering_point", point, "metering_points"),
        ("meter", meter, "meters"),
        ("device", device, "devices"),
    ):
        if found is None:
            raise entering.missing(column, "there is none of that name", file)
    if values["valid_to"] is not None and values["valid_to"] <= values["valid_from"]:
        raise BadReference("valid_to", "it ends before it begins", "write a later instant, or leave the cell empty")
    place = InstallationRow
    known = await entering.one(
        select(place).where(col(place.metering_point_id) == point, col(place.valid_from) == values["valid_from"])
    )
    if known is not None:
        _same({"factor": known.factor, "max_power_w": known.max_power_w, "valid_to": known.valid_to}, values)
        if (known.meter_id, known.device_id) != (meter, device):
            raise Differs("meter", "another meter or device is installed there from that instant on")
        return False
    installation = named_id("ins", values["metering_point"], values["valid_from"].isoformat())
    await devices.install(
        entering.work,
        installation,
        metering_point_id=point,
        meter_id=meter,
        device_id=device,
        valid_from=values["valid_from"],
        max_power_w=values["max_power_w"],
        factor=values["factor"],
    )
    if values["valid_to"] is not None:
        await devices.end_installation(entering.work, installation, values["valid_to"])
    return True


async def _source(entering: Entering, row: ImportRow) -> bool:
    values = row.values
    point = await entering.one(select(MeteringPointRow).where(col(MeteringPointRow.code) == values["metering_point"]))
    if point is None:
        raise entering.missing("metering_point", "there is none of that name", "metering_points")
    if point.direction != "production":
        raise BadReference("metering_point", "a source stands at a metering point of production", "name another one")
    identity = source_id(values["community"], values["source"])
    known = await entering.one(select(EnergySourceRow).where(col(EnergySourceRow.identity_id) == identity))
    if known is None:
        source = EnergySource(
            identity,
            values["name"],
            values["source_ref"],
            values["technology"],
            values["nameplate_w"],
            values["share_total"],
            point.id,
            values["opening_register_wh"],
            values["opening_at"],
            SettlementPolicy(SettlementPeriod(values["settlement_period"])),
            EvidenceMode(values["evidence_mode"]),
            trial=values["trial"],
        )
        await identities.add_energy_source(entering.work, source, entering.now)
        await _give_addresses(entering, identity, AccountRole.ENERGY_SOURCE)
    else:
        if known.metering_point_id != point.id:
            raise Differs("metering_point", "the source stands at another metering point")
        names = (
            "source_ref", "technology", "nameplate_w", "share_total", "opening_register_wh", "opening_at",
            "settlement_period", "evidence_mode", "trial",
        )  # fmt: skip
        _same({name: getattr(known, name) for name in names}, values)
    word = Declaration(DECLARED, values["declared_by"], values["declared_at"])
    told = Told(entering.told.actor, entering.told.reason, "")
    await declare_source(entering.work, identity, word, told, entering.now)
    return known is None


async def enter_shares(entering: Entering, rows: list[ImportRow]) -> bool:
    """One revision of a source's share register: all its rows from one instant on, in their order."""
    values = rows[0].values
    identity = source_id(values["community"], values["source"])
    source = await entering.one(select(EnergySourceRow).where(col(EnergySourceRow.identity_id) == identity))
    if source is None:
        raise entering.missing("source", "there is none of that name", "sources")
    addresses = {
        one.identity_id: one.address
        for one in await coin_addresses.addresses_at(entering.work, CoinChain.EVM, entering.now)
    }
    held = []
    for row in rows:
        holder = await _member_of(entering, row)
        if holder not in addresses:
            remedy = "record the account key (`python -m signer xpub`), then import the members anew"
            raise BadReference("member", "the member has no address that tokens could go to", remedy, row)
        held.append(Share(holder, addresses[holder], row.values["share_count"]))
    key = await key_at(entering.work, source.metering_point_id, values["valid_from"])
    if key is None:
        what = "no device with a key is installed at this source then, and the share table is committed with its key"
        raise BadReference("source", what, "import the device with its public key, and its installation")
    hashed = entering.config_hash(key, [share.address for share in held], [share.count for share in held])
    tables = await shares.share_tables(entering.work, identity)
    known = next((table for table in tables if table.valid_from == values["valid_from"]), None)
    if known is not None:
        if known.shares != tuple(held):
            raise Differs("share_count", "other shares hold from that instant on")
        return False
    if tables:
        raise BadReference(
            "valid_from",
            "the source has a share register already, and two people decide about each revision of it",
            "propose it on the page (or by proposeShareTable); another person approves it",
        )
    revision = 1
    table = ShareTable(
        named_id("sht", identity, revision),
        identity,
        revision,
        source.share_total,
        tuple(held),
        hashed,
        values["valid_from"],
    )
    try:
        await shares.add_share_table(entering.work, table, entering.told.actor, entering.now)
    except shares.SharesIssued as error:
        raise BadReference("valid_from", str(error), "write a later instant") from error
    return True


Enter = Callable[[Entering, ImportRow], Awaitable[bool]]
ENTER: dict[str, Enter] = {
    "members": _member,
    "metering_points": _metering_point,
    "meters": _meter,
    "devices": _device,
    "installations": _installation,
    "sources": _source,
}


async def _member_of(entering: Entering, row: ImportRow) -> str:
    identity = member_id(row.values["community"], row.values["member"])
    if await entering.one(select(col(MemberRow.identity_id)).where(col(MemberRow.identity_id) == identity)) is None:
        missing = entering.missing("member", "there is none of that number", "members")
        missing.row = row
        raise missing
    return identity


async def _give_addresses(entering: Entering, identity_id: str, role: AccountRole) -> None:
    """An address on every chain for which the signer's account key is recorded."""

    def derive(account: HdAccount, index: int) -> tuple[str, str]:
        return derive_address(account.xpub, account.chain, index), address_path(account.path, index)

    for chain in CoinChain:
        known = select(col(CoinAddressRow.id)).where(
            col(CoinAddressRow.identity_id) == identity_id, col(CoinAddressRow.chain) == chain.value
        )
        if await entering.one(known) is None:
            try:
                await coin_addresses.give_address(entering.work, identity_id, chain, role, derive, entering.now)
            except LookupError:
                continue


def _same(on_file: dict[str, Any], values: Any) -> None:
    for column, kept in on_file.items():
        if kept != values[column]:
            raise Differs(column, f"{column} is {kept}")


def _same_secret(column: str, sealed: bytes | None, values: Any, opened: Callable[[], bytes]) -> None:
    if values[column] is not None and (sealed is None or opened() != values[column]):
        raise Differs(column, f"the {column.replace('_', ' ')} is another")
