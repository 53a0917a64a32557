"""The rows that prove a break: everything on the books and on the chain that it speaks of, as tables for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import SQLModel, col

from community.clock import QUARTER_HOUR
from community.reconciliation.breaks import BreakKind
from community.store import breaks
from community.store.stored_breaks import StoredBreak
from community.store.tables.chain import BalanceRow, BlockRow, SettledEventRow, ShareTransferRow, SupplyRow, TransferRow
from community.store.tables.identity import EnergySourceRow, ShareRow, ShareTableRow
from community.store.tables.measuring import IntervalRow, MeasurementRow, StatementRow
from community.store.tables.metering import InstallationRow
from community.store.tables.minting import IssuancePartRow, IssuanceRow
from community.store.tables.reconciling import MatchRow
from community.store.unit_of_work import Work

ROWS_MAX = 100
Cell = str | int | datetime | None


@dataclass(frozen=True, slots=True)
class Proof:
    """Rows of one table that speak about a break; `more` if there are others of the same sort."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: bool = False


async def proofs_of(work: Work, found: StoredBreak) -> list[Proof]:
    """The rows behind a break, the nearest first; tables without any are left out."""
    items: dict[str, list[str]] = {"issuance": [], "event": [], "interval": []}
    for kind, key in await breaks.items_of(work, found.id):
        items[kind].append(key)
    tables = [
        *await _issuances(work, items["issuance"]),
        *await _events(work, items["event"]),
        *await _intervals(work, items["interval"]),
        *await _of_subject(work, found),
    ]
    return [table for table in tables if table.rows]


async def _issuances(work: Work, ids: Sequence[str]) -> list[Proof]:
    issuance, part = IssuanceRow, IssuancePartRow
    measured = select(col(issuance.measurement_id)).where(col(issuance.id).in_(ids)).order_by(col(issuance.from_wh))
    readings = list((await work.session.execute(measured)).scalars())
    return [
        await _rows(
            work, "Our issuance", issuance,
            "id from_wh to_wh period_start period_end amount state failure planned_at mined_block tx_hash final_at",
            col(issuance.id).in_(ids),
        ),
        await _rows(
            work, "Its parts", part, "issuance_id position holder_id address share_count amount",
            col(part.issuance_id).in_(ids),
        ),
        *await _readings(work, readings),
    ]  # fmt: skip


async def _readings(work: Work, ids: Sequence[str]) -> list[Proof]:
    measurement, statement = MeasurementRow, StatementRow
    digests = select(col(measurement.statement_digest)).where(col(measurement.id).in_(ids))
    return [
        await _rows(
            work, "The reading it rests on", measurement,
            "id device_id at register_wh evidence_mode statement_digest leaf_index recorded_at",
            col(measurement.id).in_(ids),
        ),
        await _rows(
            work, "The statement that the device signed", statement,
            "digest device_id device_key_id ctr format first_at span frame_digest recorded_at",
            col(statement.digest).in_(digests),
        ),
    ]  # fmt: skip


async def _events(work: Work, keys: Sequence[str]) -> list[Proof]:
    event, transfer = SettledEventRow, TransferRow
    places = [tuple(int(part) for part in key.split(":")) for key in keys]
    if not places:
        return []
    here = or_(*[(col(event.block_number) == block) & (col(event.log_index) == index) for block, index in places])
    hashes = select(col(event.tx_hash)).where(here)
    return [
        await _rows(
            work, "The settlement on chain", event,
            "block_number log_index tx_hash source_ref seq from_wh to_wh read_at minted_wh mode evidence", here,
        ),
        await _transfers(work, "The mints of its transaction", col(transfer.tx_hash).in_(hashes)),
    ]  # fmt: skip


async def _intervals(work: Work, keys: Sequence[str]) -> list[Proof]:
    row = IntervalRow
    named = [key.rsplit("@", 1) for key in keys[:ROWS_MAX]]
    starts = [datetime.fromisoformat(at) for _, at in named]
    points = select(col(EnergySourceRow.metering_point_id)).where(
        col(EnergySourceRow.identity_id).in_({source for source, _ in named})
    )
    here = col(row.metering_point_id).in_(points) & col(row.starts_at).in_(starts)
    columns = "starts_at revision energy_wh quality from_measurement_id to_measurement_id recorded_at"
    return [await _rows(work, "The quarter-hours", row, columns, here)]


async def _readings_around(work: Work, interval: str) -> Proof:
    """The readings at the two ends of an interval."""
    source_id, start = interval.rsplit("@", 1)
    starts_at = datetime.fromisoformat(start)
    row = MeasurementRow
    places = (
        select(col(InstallationRow.id))
        .join(EnergySourceRow, col(EnergySourceRow.metering_point_id) == col(InstallationRow.metering_point_id))
        .where(col(EnergySourceRow.identity_id) == source_id)
    )
    ends = (starts_at, starts_at + QUARTER_HOUR)
    columns = "at id register_id register_wh statement_digest recorded_at"
    here = col(row.installation_id).in_(places) & col(row.at).in_(ends)
    return await _rows(work, "The readings at its ends", row, columns, here)


async def _of_subject(work: Work, found: StoredBreak) -> list[Proof]:
    """What the break's subject names, by its kind."""
    subject = found.subject
    match found.kind:
        case BreakKind.BALANCE_DIFFERS:
            moved = or_(col(TransferRow.sender) == subject, col(TransferRow.recipient) == subject)
            return [
                await _balances(work, col(BalanceRow.address) == subject),
                await _transfers(work, "Its transfers", moved),
            ]
        case BreakKind.SUPPLY_DIFFERS if found.source_id is not None:
            refs = select(col(EnergySourceRow.source_ref)).where(col(EnergySourceRow.identity_id) == subject)
            columns = "source_ref seq from_wh to_wh read_at minted_wh block_number tx_hash"
            plant = "identity_id source_ref opening_register_wh opening_at"
            return [
                await _rows(work, "The source", EnergySourceRow, plant, col(EnergySourceRow.identity_id) == subject),
                await _rows(
                    work,
                    "Its settlements in the index",
                    SettledEventRow,
                    columns,
                    col(SettledEventRow.source_ref).in_(refs),
                ),
            ]
        case BreakKind.SUPPLY_DIFFERS:
            columns = "chain_id token minted burned final_minted final_burned"
            return [
                await _rows(work, "The supply in the index", SupplyRow, columns, col(SupplyRow.token) == subject),
                await _balances(work, col(BalanceRow.token) == subject),
            ]
        case BreakKind.SHARE_SUPPLY_DIFFERS | BreakKind.SHARE_TABLE_DIFFERS:
            return await _share_tables(work, subject)
        case BreakKind.READING_DIFFERS:
            return await _readings(work, [subject])
        case BreakKind.ENERGY_DIFFERS if "@" in subject:
            return [*await _intervals(work, [subject]), await _readings_around(work, subject)]
        case BreakKind.MISSING_OFF_CHAIN | BreakKind.UNATTRIBUTED:
            tx_hash = subject.partition(":")[0]
            here = col(TransferRow.tx_hash) == tx_hash
            numbers = select(col(TransferRow.block_number)).where(here)
            return [
                await _transfers(work, "The transfers of the transaction", here),
                await _rows(work, "Their block", BlockRow, "number hash at", col(BlockRow.number).in_(numbers)),
            ]
        case _:
            return []


async def _share_tables(work: Work, subject: str) -> list[Proof]:
    source_id = subject.split(":")[1] if subject.startswith("tokens:") else None
    table, share = ShareTableRow, ShareRow
    here = col(table.id) == subject if source_id is None else col(table.source_id) == source_id
    ids = select(col(table.id)).where(here)
    columns = "id source_id revision share_total config_hash valid_from valid_to recorded_at recorded_by"
    refs = select(col(EnergySourceRow.source_ref)).where(col(EnergySourceRow.identity_id) == source_id)
    moved = "block_number log_index tx_hash sender recipient amount"
    tokens = await _rows(
        work, "The share tokens that moved", ShareTransferRow, moved, col(ShareTransferRow.source_ref).in_(refs)
    )
    return [
        tokens,
        await _rows(work, "The share table", table, columns, here),
        await _rows(
            work, "Its rows", share, "share_table_id position holder_id address share_count",
            col(share.share_table_id).in_(ids),
        ),
    ]  # fmt: skip


async def _balances(work: Work, here: Any) -> Proof:
    columns = "token address amount final_amount block_number"
    return await _rows(work, "The balance in the index", BalanceRow, columns, here)


async def _transfers(work: Work, title: str, here: Any) -> Proof:
    columns = "block_number log_index tx_hash sender recipient amount kind"
    return await _rows(work, title, TransferRow, columns, here)


async def _rows(work: Work, title: str, row: type[SQLModel], names: str, here: Any) -> Proof:
    columns = tuple(names.split())
    chosen: list[Any] = [getattr(row, name) for name in columns]
    statement = select(*chosen).where(here).order_by(*chosen[:2]).limit(ROWS_MAX + 1)
    found = [tuple(each) for each in await work.session.execute(statement)]
    return Proof(title, columns, tuple(found[:ROWS_MAX]), more=len(found) > ROWS_MAX)


async def proofs_of_issuance(work: Work, issuance_id: str) -> list[Proof]:
    """The rows behind a matched settlement: issuance, parts, reading, statement, settlement, mints."""
    row = MatchRow
    here = select(col(row.block_number), col(row.log_index)).where(col(row.issuance_id) == issuance_id)
    places = [f"{block}:{index}" for block, index in await work.session.execute(here)]
    tables = [*await _issuances(work, [issuance_id]), *await _events(work, places)]
    return [table for table in tables if table.rows]
