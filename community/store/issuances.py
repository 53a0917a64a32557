"""Issuances in the books: what settlement may mint next, what it decided, and where each decision stands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlmodel import col

from community.errors import RetryableError
from community.minting.issuances import (
    OPEN_STATES,
    SETTLED_STATES,
    Issuance,
    IssuancePart,
    IssuanceState,
    states_before,
)
from community.minting.planning import SettledUpTo, VerifiedReading
from community.store.outbox import announce_all
from community.store.statements import path_of
from community.store.tables.identity import DeviceKeyRow, DeviceRow, EnergySourceRow, ShareTableRow
from community.store.tables.measuring import MeasurementRow, StatementRow
from community.store.tables.metering import InstallationRow, MeteringPointRow, RegisterRow
from community.store.tables.minting import IssuanceMoveRow, IssuancePartRow, IssuanceRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_absent, insert_all
from community.units import BASE_UNITS_PER_WH, TokenAmount, WattHours

READINGS_MAX = 400
"""Readings looked at for one plan: more than four days of quarter-hours. What is settled moves the next plan on."""
READ_OK = 1
"""Status bit 0 of a reading (wire format 2.1): the meter was read."""


class DecidedMeanwhile(RetryableError):
    """Another process decided on the same energy first."""


class SharesChanged(RetryableError):
    """An issuance was planned under a share table that has ended before its period does."""


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """What proves a measurement: the signed statement, and its reading's leaf with the path to the root.

    A legacy payload (format "legacy") proves its one reading as a whole: leaf and path are empty.
    """

    signed: bytes
    format: str
    public_key: bytes
    leaf_input: bytes
    leaf_path: bytes
    leaf_index: int


async def newest_issuance(work: Work, source_id: str, planned_by: datetime | None = None) -> Issuance | None:
    """The issuance of a source that reaches the highest register value, of the newest epoch that has any.

    Only of those planned by then, if that is given.
    """
    row = IssuanceRow
    statement = _newest_first(select(row).where(col(row.source_id) == source_id)).limit(1)
    if planned_by is not None:
        statement = statement.where(col(row.planned_at) <= planned_by)
    return await _one(work, statement)


async def newest_issuances(work: Work, source_ids: Sequence[str]) -> dict[str, Issuance]:
    """`newest_issuance` of each of these sources that has any."""
    row, source = IssuanceRow, EnergySourceRow
    newest = _newest_first(select(col(row.id)).where(col(row.source_id) == col(source.identity_id))).limit(1)
    ids = select(newest.correlate(source).scalar_subquery()).where(col(source.identity_id).in_(source_ids))
    return {one.source_id: one for one in await _all(work, select(row).where(col(row.id).in_(ids)))}


def _newest_first(statement: Any) -> Any:
    # Who begins highest ends highest; where they begin is what the index has.
    return statement.order_by(col(IssuanceRow.epoch).desc(), col(IssuanceRow.from_wh).desc())


async def issuance_ending_at(work: Work, source_id: str, to_wh: int, epoch: int) -> Issuance | None:
    """The issuance of an epoch of a source that reaches exactly this register value."""
    row = IssuanceRow
    own = (col(row.source_id) == source_id, col(row.epoch) == epoch, col(row.to_wh) == to_wh)
    return await _one(work, select(row).where(*own))


async def issuances_in(work: Work, states: Collection[IssuanceState], limit: int = 500) -> list[Issuance]:
    """Issuances in any of `states`, oldest first."""
    statement = (
        select(IssuanceRow)
        .where(col(IssuanceRow.state).in_([state.value for state in states]))
        .order_by(col(IssuanceRow.planned_at), col(IssuanceRow.epoch), col(IssuanceRow.from_wh))
        .limit(limit)
    )
    return await _all(work, statement)


async def issuance_by_id(work: Work, issuance_id: str) -> Issuance | None:
    """One issuance with its parts."""
    statement = select(IssuanceRow).where(col(IssuanceRow.id) == issuance_id)
    return await _one(work, statement)


async def settled_and_minted(work: Work, source_id: str) -> tuple[int, int]:
    """Wh of a source's register that are settled on chain, and Wh that were minted for them: less where a debt was netted."""
    row = IssuanceRow
    statement = select(col(row.to_wh) - col(row.from_wh), col(row.amount)).where(
        col(row.source_id) == source_id, col(row.state).in_([state.value for state in SETTLED_STATES])
    )
    # Amounts are decimal strings on SQLite: they are added up here.
    rows = list(await work.session.execute(statement))
    return sum(energy for energy, _ in rows), sum(amount for _, amount in rows) // BASE_UNITS_PER_WH


async def final_since(work: Work, since: datetime) -> list[str]:
    """Ids of the issuances that became final after `since`, oldest first: those that are still watched."""
    statement = (
        select(col(IssuanceRow.id))
        .where(col(IssuanceRow.state) == IssuanceState.FINAL.value, col(IssuanceRow.final_at) > since)
        .order_by(col(IssuanceRow.final_at))
    )
    return list((await work.session.execute(statement)).scalars())


async def count_by_state(work: Work) -> dict[IssuanceState, int]:
    """How many issuances stand where."""
    rows = await work.session.execute(select(col(IssuanceRow.state), func.count()).group_by(col(IssuanceRow.state)))
    return {IssuanceState(state): count for state, count in rows}


async def readings_after(work: Work, source_id: str, settled: SettledUpTo) -> list[VerifiedReading]:
    """Admitted readings of a source's settled register after `settled`, oldest first.

    Only of an approved source, a device that is active and approved for issuance, and a key that was valid at the
    reading's instant: energy on trial, or of a revoked device or key, is never minted. Of a long standstill only its last reading is given.
    """
    found = await _page_after(work, source_id, settled.at)
    if len(found) == READINGS_MAX and all(one.register_wh == settled.register_wh for one in found):
        # A plant that stood still for more than a page of readings: without this its next energy would never be seen.
        at, moved = col(MeasurementRow.at), col(MeasurementRow.register_wh) != settled.register_wh
        first = _of_source(select(func.min(at)), source_id).where(at > settled.at, moved)
        moved_at = (await work.session.execute(first)).scalar_one()
        last = _of_source(select(func.max(at)), source_id).where(at > settled.at)
        idle_until = (await work.session.execute(last if moved_at is None else last.where(at < moved_at))).scalar_one()
        found = await _page_after(work, source_id, idle_until - timedelta(microseconds=1))
    return found


async def is_settleable(work: Work, source_id: str, measurement_id: str) -> bool:
    """Whether a measurement still counts: its source, device and key may have been revoked since it was planned."""
    statement = _of_source(select(col(MeasurementRow.id)), source_id).where(col(MeasurementRow.id) == measurement_id)
    return (await work.session.execute(statement)).first() is not None


async def register_of(work: Work, measurement_id: str) -> str:
    """The register that a measurement is of."""
    return (await registers_of(work, [measurement_id]))[measurement_id]


async def registers_of(work: Work, measurement_ids: Sequence[str]) -> dict[str, str]:
    """The register that each of these measurements is of."""
    row = MeasurementRow
    found = await work.session.execute(
        select(col(row.id), col(row.register_id)).where(col(row.id).in_(measurement_ids))
    )
    return {str(measurement): str(register) for measurement, register in found}


async def _page_after(work: Work, source_id: str, after: datetime) -> list[VerifiedReading]:
    row = MeasurementRow
    columns = (col(row.id), col(row.at), col(row.register_wh), col(row.register_id), col(InstallationRow.factor))
    statement = _of_source(select(*columns), source_id).where(col(row.at) > after)
    rows = await work.session.execute(statement.order_by(col(row.at)).limit(READINGS_MAX))
    return [VerifiedReading(one.id, one.at, WattHours(one.register_wh), one.register_id, one.factor) for one in rows]


def _of_source(selected: Any, source_id: str) -> Any:
    """`selected` columns of the measurements of a source that may be settled."""
    return (
        selected.select_from(MeasurementRow)
        .join(InstallationRow, col(InstallationRow.id) == col(MeasurementRow.installation_id))
        .join(MeteringPointRow, col(MeteringPointRow.id) == col(InstallationRow.metering_point_id))
        .join(EnergySourceRow, col(EnergySourceRow.metering_point_id) == col(MeteringPointRow.id))
        .join(RegisterRow, col(RegisterRow.id) == col(MeasurementRow.register_id))
        .join(DeviceRow, col(DeviceRow.identity_id) == col(MeasurementRow.device_id))
        .join(StatementRow, col(StatementRow.digest) == col(MeasurementRow.statement_digest))
        .join(DeviceKeyRow, col(DeviceKeyRow.id) == col(StatementRow.device_key_id))
        .where(
            col(EnergySourceRow.identity_id) == source_id,
            col(EnergySourceRow.approved_at).is_not(None),
            col(RegisterRow.meter_id) == col(InstallationRow.meter_id),  # the way to the readings by index
            col(RegisterRow.obis) == col(MeteringPointRow.settled_obis),
            col(MeteringPointRow.direction) == "production",
            col(MeasurementRow.evidence_mode) == col(EnergySourceRow.evidence_mode),
            col(MeasurementRow.status).op("&")(READ_OK) == READ_OK,
            col(DeviceRow.state) == "active",
            col(DeviceRow.onboarding) == "approved",
            col(DeviceRow.trial).is_(False),
            col(EnergySourceRow.trial).is_(False),
            or_(col(DeviceKeyRow.revoked_from).is_(None), col(MeasurementRow.at) < col(DeviceKeyRow.revoked_from)),
            col(DeviceKeyRow.valid_from) <= col(MeasurementRow.at),
            or_(col(DeviceKeyRow.valid_to).is_(None), col(MeasurementRow.at) < col(DeviceKeyRow.valid_to)),
        )
    )


async def evidence_of(work: Work, measurement_id: str) -> StoredEvidence | None:
    """What proves a measurement, None if it is not there."""
    statement = (
        select(MeasurementRow, StatementRow, DeviceKeyRow)
        .join(StatementRow, col(StatementRow.digest) == col(MeasurementRow.statement_digest))
        .join(DeviceKeyRow, col(DeviceKeyRow.id) == col(StatementRow.device_key_id))
        .where(col(MeasurementRow.id) == measurement_id)
    )
    found = (await work.session.execute(statement)).one_or_none()
    if found is None:
        return None
    measurement, signed, key = found
    return StoredEvidence(
        signed=signed.signed,
        format=signed.format,
        public_key=key.public_key,
        leaf_input=measurement.leaf_input or b"",
        leaf_path=path_of(measurement.leaf_path, signed.leaves, measurement.leaf_index),
        leaf_index=measurement.leaf_index,
    )


async def add_issuance(work: Work, issuance: Issuance) -> None:
    """Record one decision with its parts: see `add_issuances`."""
    await add_issuances(work, [issuance])


async def add_issuances(work: Work, issuances: Sequence[Issuance]) -> None:
    """Record decisions with their parts. Raises DecidedMeanwhile if energy of one was decided on before.

    Raises SharesChanged if a share table has ended meanwhile: then its issuance must be planned anew.
    """
    await _hold_shares(work, issuances)
    rows = [
        {
            "id": issuance.id,
            "chain_id": issuance.chain_id,
            "issuer": issuance.issuer,
            "source_id": issuance.source_id,
            "from_wh": issuance.from_wh,
            "to_wh": issuance.to_wh,
            "period_start": issuance.period_start,
            "period_end": issuance.period_end,
            "amount": issuance.amount,
            "measurement_id": issuance.measurement_id,
            "share_table_id": issuance.share_table_id,
            "state": issuance.state.value,
            "failure": issuance.failure,
            "planned_at": issuance.planned_at,
            "epoch": issuance.epoch,
        }
        for issuance in issuances
    ]
    if await insert_absent(work, IssuanceRow, rows) < len(rows):
        named = ", ".join(f"{issuance.source_id} from {issuance.from_wh} Wh on" for issuance in issuances)
        raise DecidedMeanwhile(f"Energy of these is decided on already: {named}.")
    parts = [
        {
            "issuance_id": issuance.id,
            "position": position,
            "holder_id": part.holder_id,
            "address": part.address,
            "share_count": part.share_count,
            "amount": part.amount,
        }
        for issuance in issuances
        for position, part in enumerate(issuance.parts)
    ]
    await insert_all(work, IssuancePartRow, parts)
    begun = [(one.id, one.state) for one in issuances if one.state is not IssuanceState.PLANNED]
    await _note_moves(work, begun, issuances[0].planned_at)
    await announce_all(work, "issuance", [one.id for one in issuances], issuances[0].planned_at)


async def _hold_shares(work: Work, issuances: Sequence[Issuance]) -> None:
    """Keep the share tables as they are until this unit of work has committed, if each still holds for its whole period."""
    row = ShareTableRow
    ids = {issuance.share_table_id for issuance in issuances}
    statement = select(col(row.id), col(row.valid_to)).where(col(row.id).in_(ids)).with_for_update(read=True)
    ends = {table_id: valid_to for table_id, valid_to in await work.session.execute(statement) if valid_to is not None}
    for one in issuances:
        if one.share_table_id in ends and ends[one.share_table_id] < one.period_end:
            raise SharesChanged(f"The shares of {one.source_id} changed while an issuance was planned: plan it anew.")


async def move_issuance(work: Work, issuance_id: str, state: IssuanceState, now: datetime, **facts: Any) -> bool:
    """Bring one issuance into `state`: see `move_issuances`. Says whether it moved."""
    return bool(await move_issuances(work, [issuance_id], state, now, **facts))


async def move_issuances(
    work: Work, issuance_ids: Sequence[str], state: IssuanceState, now: datetime, **facts: Any
) -> list[str]:
    """Bring issuances into `state` with `facts` (failure, mined_block, tx_hash, final_at), if the table allows it.

    Those that moved: a repeat of a step that was done already moves nothing.
    """
    moved = await work.session.execute(
        update(IssuanceRow)
        .where(
            col(IssuanceRow.id).in_(issuance_ids),
            col(IssuanceRow.state).in_([before.value for before in states_before(state)]),
        )
        .values(state=state.value, **facts)
        .returning(col(IssuanceRow.id))
    )
    ids = [str(each) for each in moved.scalars()]
    await _note_moves(work, [(each, state) for each in ids], now)
    await announce_all(work, "issuance", ids, now)
    return ids


async def _note_moves(work: Work, moves: Sequence[tuple[str, IssuanceState]], now: datetime) -> None:
    """Keep when issuances came into a state."""
    rows = [{"issuance_id": each, "state": state.value, "recorded_at": now} for each, state in moves]
    await insert_all(work, IssuanceMoveRow, rows)


async def sources_under_way(work: Work) -> set[str]:
    """The sources of which an issuance is decided on and neither mined nor stopped."""
    states = [state.value for state in OPEN_STATES - SETTLED_STATES]
    found = await work.session.execute(
        select(col(IssuanceRow.source_id)).where(col(IssuanceRow.state).in_(states)).distinct()
    )
    return {str(each) for each in found.scalars()}


async def _one(work: Work, statement: Any) -> Issuance | None:
    return next(iter(await _all(work, statement)), None)


async def _all(work: Work, statement: Any) -> list[Issuance]:
    """The issuances that `statement` selects, with their parts."""
    rows = list((await work.session.execute(statement)).scalars())
    if not rows:
        return []
    parts: dict[str, list[IssuancePart]] = {}
    found = await work.session.execute(
        select(IssuancePartRow)
        .where(col(IssuancePartRow.issuance_id).in_([row.id for row in rows]))
        .order_by(col(IssuancePartRow.issuance_id), col(IssuancePartRow.position))
    )
    for part in found.scalars():
        held = IssuancePart(part.holder_id, part.address, part.share_count, TokenAmount(part.amount))
        parts.setdefault(part.issuance_id, []).append(held)
    return [_issuance(row, parts.get(row.id, [])) for row in rows]


def _issuance(row: IssuanceRow, parts: Sequence[IssuancePart]) -> Issuance:
    return Issuance(
        id=row.id,
        chain_id=row.chain_id,
        issuer=row.issuer,
        source_id=row.source_id,
        from_wh=WattHours(row.from_wh),
        to_wh=WattHours(row.to_wh),
        period_start=row.period_start,
        period_end=row.period_end,
        amount=TokenAmount(row.amount),
        measurement_id=row.measurement_id,
        share_table_id=row.share_table_id,
        parts=tuple(parts),
        planned_at=row.planned_at,
        state=IssuanceState(row.state),
        failure=row.failure,
        mined_block=row.mined_block,
        tx_hash=row.tx_hash,
        epoch=row.epoch,
    )
