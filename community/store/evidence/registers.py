"""Who measured, who held shares, what the issuer told, and every reading of the period with its signed statement."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from sqlalchemy import and_, literal, or_, select, tuple_
from sqlmodel import col

from community.attestation.merkle import HASH_SIZE
from community.evidence import records
from community.store.column_types import UtcInstant
from community.store.evidence.subjects import Subject
from community.store.tables.chain import IssuerEventRow
from community.store.tables.identity import DeviceKeyRow, DeviceRow, ShareRow, ShareTableRow
from community.store.tables.measuring import MeasurementRow, StatementRow
from community.store.tables.metering import InstallationRow, MeteringPointRow, MeterRow, RegisterRow
from community.store.tables.minting import CorrectionRow
from community.store.unit_of_work import Work

PAGE = 200
LISTED_MAX = 10_000


def text_of(instant: datetime) -> str:
    """An instant as bundles have it."""
    return instant.isoformat().replace("+00:00", "Z")


def _maybe(instant: datetime | None) -> str | None:
    return None if instant is None else text_of(instant)


async def device_keys(work: Work, point_id: str) -> list[records.Body]:
    """Installations at the metering point, and every key of the devices that were installed there."""
    row = InstallationRow
    installed = await work.session.execute(
        select(row, col(DeviceRow.eui), col(MeterRow.serial))
        .join(DeviceRow, col(DeviceRow.identity_id) == col(row.device_id))
        .join(MeterRow, col(MeterRow.id) == col(row.meter_id))
        .where(col(row.metering_point_id) == point_id)
        .order_by(col(row.valid_from), col(row.id))
        .limit(LISTED_MAX)
    )
    found: list[records.Body] = []
    devices: dict[str, str] = {}
    for each, eui, serial in installed:
        devices[each.device_id] = eui
        found.append(
            records.Installation(eui, serial, text_of(each.valid_from), _maybe(each.valid_to), each.factor)
        )  # fmt: skip
    key = DeviceKeyRow
    keys = await work.session.execute(
        select(key)
        .where(col(key.device_id).in_(devices))
        .order_by(col(key.device_id), col(key.keyno))
        .limit(LISTED_MAX)
    )
    return found + [_device_key(each, devices[each.device_id]) for each in keys.scalars()]


def _device_key(row: DeviceKeyRow, eui: str) -> records.DeviceKey:
    return records.DeviceKey(
        eui, row.keyno, row.public_key.hex(), text_of(row.valid_from), _maybe(row.valid_to), _maybe(row.revoked_from),
        row.development_key,
    )  # fmt: skip


async def share_tables(work: Work, source_id: str, subject: Subject) -> list[records.Body]:
    """The share tables that were valid at some time of the period, oldest first."""
    row = ShareTableRow
    tables = await work.session.execute(
        select(row)
        .where(
            col(row.source_id) == source_id,
            col(row.valid_from) <= subject.until,
            or_(col(row.valid_to).is_(None), col(row.valid_to) >= subject.since),
        )
        .order_by(col(row.revision))
        .limit(LISTED_MAX)
    )
    found: list[records.Body] = []
    for table in tables.scalars():
        shares = await work.session.execute(
            select(ShareRow).where(col(ShareRow.share_table_id) == table.id).order_by(col(ShareRow.position))
        )
        holdings = tuple(records.Holding(share.address, share.share_count) for share in shares.scalars())
        found.append(
            records.ShareTable(
                table.id, table.revision, table.share_total, table.config_hash, text_of(table.valid_from),
                _maybe(table.valid_to), holdings,
            )
        )  # fmt: skip
    return found


async def issuer_events(work: Work, chain_id: int, source_ref: str, upto: int) -> list[records.Body]:
    """What the issuer told of the source's configuration and debts in finalised blocks, in the chain's order."""
    row = IssuerEventRow
    rows = await work.session.execute(
        select(row)
        .where(
            col(row.chain_id) == chain_id,
            col(row.source_ref) == source_ref,
            col(row.name).in_(("SourceConfigured", "Corrected")),
            col(row.block_number) <= upto,
        )
        .order_by(col(row.block_number), col(row.log_index))
        .limit(LISTED_MAX)
    )
    return [_issuer_event(each) for each in rows.scalars()]


def _issuer_event(row: IssuerEventRow) -> records.Body:
    told, place = json.loads(row.fields), (row.block_number, row.log_index, row.tx_hash)
    if row.name == "Corrected":
        return records.Debt(*place, told["debt_wh"], told["evidence"])
    return records.Configured(
        *place, told["config_hash"], told["device_id"].removeprefix("0x"), told["profile"], told["channel"],
        told["max_watt"], told["closing_wh"], told["opening_wh"], told["read_at"],
    )  # fmt: skip


async def corrections(work: Work, source_id: str) -> list[records.Body]:
    """Every correction of the source, oldest first."""
    row = CorrectionRow
    rows = await work.session.execute(
        select(row).where(col(row.source_id) == source_id).order_by(col(row.recorded_at), col(row.id)).limit(LISTED_MAX)
    )
    return [
        records.Correction(each.id, each.kind, each.energy_wh, each.evidence, each.reason, text_of(each.recorded_at))
        for each in rows.scalars()
    ]


async def readings(
    work: Work, point_id: str, since: datetime, until: datetime, beside: Sequence[str]
) -> AsyncIterator[records.Body]:
    """Readings of the settled register in [since, until] and those named, by time; each statement before its first."""
    row, after, told = MeasurementRow, None, set[str]()
    wanted = or_(and_(col(row.at) >= since, col(row.at) <= until), col(row.id).in_(beside))
    statement = (
        select(row, StatementRow, col(DeviceRow.eui))
        .join(StatementRow, col(StatementRow.digest) == col(row.statement_digest))
        .join(DeviceRow, col(DeviceRow.identity_id) == col(StatementRow.device_id))
        .join(InstallationRow, col(InstallationRow.id) == col(row.installation_id))
        .join(MeteringPointRow, col(MeteringPointRow.id) == col(InstallationRow.metering_point_id))
        .join(RegisterRow, col(RegisterRow.id) == col(row.register_id))
        .where(
            col(InstallationRow.metering_point_id) == point_id,
            col(RegisterRow.obis) == col(MeteringPointRow.settled_obis),
            wanted,
        )
        .order_by(col(row.at), col(row.id))
        .limit(PAGE)
    )
    while True:
        page = statement if after is None else statement.where(tuple_(col(row.at), col(row.id)) > tuple_(*after))
        found = (await work.session.execute(page)).all()
        for reading, signed, eui in found:
            if signed.digest not in told:
                told.add(signed.digest)
                yield _statement(signed, eui)
            yield _reading(reading)
        if len(found) < PAGE:
            return
        last = found[-1][0]
        after = (literal(last.at, UtcInstant()), literal(last.id))
        work.session.expunge_all()  # a page is let go before the next one


def _statement(row: StatementRow, eui: str) -> records.Statement:
    leaves = row.leaves or b""
    hashes = tuple(leaves[at : at + HASH_SIZE].hex() for at in range(0, len(leaves), HASH_SIZE))
    return records.Statement(row.digest, eui, row.keyno, row.format, row.signed.hex(), hashes)


def _reading(row: MeasurementRow) -> records.Reading:
    path = row.leaf_path or b""
    steps = tuple(path[at : at + HASH_SIZE].hex() for at in range(0, len(path), HASH_SIZE))
    return records.Reading(
        row.id, text_of(row.at), row.register_wh, row.statement_digest, row.leaf_index, (row.leaf_input or b"").hex(),
        steps,
    )  # fmt: skip
