"""Our side of a reconciliation: sources, issuances with parts and evidence, verified production."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from community.attestation.statement import MalformedStatement, parse_cose_sign1
from community.clock import slot_at, slot_start
from community.identity.identities import SettlementPeriod, SettlementPolicy
from community.minting.issuances import IssuanceState
from community.reconciliation.facts import EvidenceFacts, IntervalFacts, IssuanceFacts, Part, SourceFacts
from community.store.settlement_policies import policies_of
from community.store.tables.identity import DeviceKeyRow, EnergySourceRow, IdentityRow, KeyRevocationRow
from community.store.tables.measuring import IntervalRow, MeasurementRow, StatementRow
from community.store.tables.minting import (
    CorrectionRow,
    IssuanceMoveRow,
    IssuancePartRow,
    IssuanceRow,
    SourceEpochRow,
    SupplementIssuanceRow,
)
from community.store.unit_of_work import Work

VERIFIED = ("measured", "calculated")
"""Qualities of intervals whose energy is backed by verified readings at both ends."""
_FETCHED_AT_ONCE = 2000
_COLLECTS = {
    SettlementPeriod.INTERVAL: timedelta(0),
    SettlementPeriod.HOUR: timedelta(hours=1),
    SettlementPeriod.DAY: timedelta(days=1),
    SettlementPeriod.BASE_FEE: timedelta(days=1),
}


async def sources(work: Work) -> tuple[SourceFacts, ...]:
    """Every energy source."""
    statement = (
        select(EnergySourceRow, col(IdentityRow.name))
        .join(IdentityRow, col(IdentityRow.id) == col(EnergySourceRow.identity_id))
        .order_by(col(EnergySourceRow.identity_id))
    )
    found = list(await work.session.execute(statement))
    policies = await policies_of(work)
    return tuple(
        SourceFacts(
            row.identity_id,
            row.source_ref.lower(),
            name,
            row.opening_register_wh,
            row.opening_at,
            _collects(policies.get(row.identity_id) or SettlementPolicy(SettlementPeriod(row.settlement_period))),
        )
        for row, name in found
    )


def _collects(policy: SettlementPolicy) -> timedelta:
    """How long energy may lie before it is an issuance: the period, and the window for objections."""
    return _COLLECTS[policy.period] + policy.proposal_window


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was known at `known_at` and has been told otherwise since: revoked keys, and issuances that moved on."""

    known_at: datetime
    revoked_from: Mapping[str, datetime]
    states: Mapping[str, IssuanceState]


async def knowledge(work: Work, known_at: datetime) -> Knowledge:
    """What was known at an instant."""
    return Knowledge(known_at, await _revocations(work, known_at), await _earlier_states(work, known_at))


def _of_issuer(chain_id: int, issuer: str, known_at: datetime) -> tuple[Any, ...]:
    return (
        col(IssuanceRow.chain_id) == chain_id,
        func.lower(col(IssuanceRow.issuer)) == issuer,
        col(IssuanceRow.planned_at) <= known_at,
    )


async def issuance_ways(
    work: Work, chain_id: int, issuer: str, known_at: datetime, source_id: str
) -> AsyncIterator[tuple[int, int, datetime, datetime]]:
    """From and to Wh, and the period, of each issuance of a source that was planned by `known_at`, by from Wh."""
    row = IssuanceRow
    columns: tuple[Any, ...] = (col(row.from_wh), col(row.to_wh), col(row.period_start), col(row.period_end))
    statement = (
        select(*columns)
        .where(*_of_issuer(chain_id, issuer, known_at), col(row.source_id) == source_id)
        .order_by(col(row.from_wh), col(row.id))
        .execution_options(yield_per=_FETCHED_AT_ONCE)
    )
    async for found in await work.session.stream(statement):
        yield tuple(found)


async def issuances(
    work: Work, chain_id: int, issuer: str, known: Knowledge, source_id: str, from_wh: tuple[int, int]
) -> tuple[IssuanceFacts, ...]:
    """The issuances of a source that begin in [from, upto) Wh and were planned by then, in the state that was known then."""
    here = (
        *_of_issuer(chain_id, issuer, known.known_at),
        col(IssuanceRow.source_id) == source_id,
        col(IssuanceRow.from_wh) >= from_wh[0],
        col(IssuanceRow.from_wh) < from_wh[1],
    )
    statement = (
        select(IssuanceRow, MeasurementRow, StatementRow, DeviceKeyRow, col(CorrectionRow.evidence))
        .join(MeasurementRow, col(MeasurementRow.id) == col(IssuanceRow.measurement_id))
        .join(StatementRow, col(StatementRow.digest) == col(MeasurementRow.statement_digest))
        .join(DeviceKeyRow, col(DeviceKeyRow.id) == col(StatementRow.device_key_id))
        .outerjoin(SupplementIssuanceRow, col(SupplementIssuanceRow.issuance_id) == col(IssuanceRow.id))
        .outerjoin(CorrectionRow, col(CorrectionRow.id) == col(SupplementIssuanceRow.correction_id))
        .where(*here)
        .order_by(col(IssuanceRow.from_wh))
    )
    parts = await _parts(work, here)
    found = await work.session.execute(statement)
    return tuple(
        IssuanceFacts(
            id=issuance.id,
            source_id=issuance.source_id,
            from_wh=issuance.from_wh,
            to_wh=issuance.to_wh,
            period_start=issuance.period_start,
            period_end=issuance.period_end,
            amount=issuance.amount,
            parts=parts.get(issuance.id, ()),
            state=known.states.get(issuance.id) or _state_at(issuance, known.known_at),
            planned_at=issuance.planned_at,
            evidence=EvidenceFacts(document, "ATTESTED", issuance.period_end, issuance.to_wh, key_valid=True)
            if document
            else EvidenceFacts(
                digest=evidence_digest(measurement.evidence_mode, proof.signed),
                mode=measurement.evidence_mode,
                read_at=measurement.at,
                register_wh=measurement.register_wh,
                key_valid=_was_valid(key, known.revoked_from.get(key.id), measurement.at, known.known_at),
            ),
            mined_block=issuance.mined_block,
            failure=issuance.failure,
        )
        for issuance, measurement, proof, key, document in found
    )


async def _revocations(work: Work, known_at: datetime) -> dict[str, datetime]:
    """By key the earliest instant from which, as was told by `known_at`, nothing that it signed is believed."""
    told, key = KeyRevocationRow, DeviceKeyRow
    columns = (col(told.device_key_id), col(told.revoked_from), col(told.recorded_at))
    rows = list(await work.session.execute(select(*columns).order_by(col(told.revoked_from).desc())))
    of_record = {key_id for key_id, _, _ in rows}
    # a key that was marked past the books was marked for ever
    marked = select(col(key.id), col(key.revoked_from)).where(col(key.revoked_from).is_not(None))
    found: dict[str, datetime] = {
        key_id: since for key_id, since in await work.session.execute(marked) if key_id not in of_record and since
    }
    return found | {key_id: since for key_id, since, recorded_at in rows if recorded_at <= known_at}


def _was_valid(key: DeviceKeyRow, revoked_from: datetime | None, read_at: datetime, known_at: datetime) -> bool:
    if revoked_from is not None and read_at >= revoked_from:
        return False
    return key.valid_to is None or key.valid_to > known_at or read_at < key.valid_to


async def _earlier_states(work: Work, known_at: datetime) -> dict[str, IssuanceState]:
    """The states, as of `known_at`, of those issuances that have moved on since."""
    row, earlier = IssuanceMoveRow, aliased(IssuanceMoveRow)
    last: Any = (
        select(col(earlier.state))
        .where(col(earlier.issuance_id) == col(row.issuance_id), col(earlier.recorded_at) <= known_at)
        .order_by(col(earlier.id).desc())
        .limit(1)
        .correlate(row)
        .scalar_subquery()
    )
    statement = select(col(row.issuance_id), last).where(col(row.recorded_at) > known_at).distinct()
    return {
        issuance_id: IssuanceState.PLANNED if state is None else IssuanceState(state)
        for issuance_id, state in await work.session.execute(statement)
    }


def _state_at(issuance: IssuanceRow, known_at: datetime) -> IssuanceState:
    """For issuances whose moves are not on record: what became final later was on its way."""
    state = IssuanceState(issuance.state)
    if state is IssuanceState.FINAL and issuance.final_at is not None and issuance.final_at > known_at:
        return IssuanceState.BROADCAST
    return state


def newest_revisions(known_at: datetime) -> Any:
    """The ids of every interval's latest revision among those recorded by `known_at`."""
    return select(col(IntervalRow.id).label("id")).where(*_newest(known_at)).subquery()


def _newest(known_at: datetime) -> tuple[Any, ...]:
    """The conditions under which an interval's row is its latest revision at `known_at`."""
    row = IntervalRow
    later: Any = aliased(row)
    superseded = exists().where(
        later.metering_point_id == col(row.metering_point_id),
        later.starts_at == col(row.starts_at),
        later.revision > col(row.revision),
        later.recorded_at <= known_at,
    )
    return col(row.recorded_at) <= known_at, ~superseded


async def production_intervals(
    work: Work, known_at: datetime, source_id: str, since: datetime | None, before: datetime | None
) -> tuple[IntervalFacts, ...]:
    """Verified production at a source's metering point that starts in [since, before), in its latest revision then."""
    columns: tuple[Any, ...] = (
        col(EnergySourceRow.identity_id),
        col(IntervalRow.starts_at),
        col(IntervalRow.energy_wh),
        col(IntervalRow.recorded_at),
    )
    statement = (
        select(*columns)
        .join(EnergySourceRow, col(EnergySourceRow.metering_point_id) == col(IntervalRow.metering_point_id))
        .where(col(EnergySourceRow.identity_id) == source_id, col(IntervalRow.quality).in_(VERIFIED))
        .where(*_newest(known_at))
        .order_by(col(IntervalRow.starts_at))
    )
    if since is not None:
        statement = statement.where(col(IntervalRow.starts_at) >= since)
    if before is not None:
        statement = statement.where(col(IntervalRow.starts_at) < before)
    rests = await _rests(work, known_at)
    found = await work.session.execute(statement)
    return tuple(
        IntervalFacts(source_id, starts_at, energy_wh, recorded_at, rests.get((source_id, starts_at), 0))
        for source_id, starts_at, energy_wh, recorded_at in found
    )


async def _rests(work: Work, known_at: datetime) -> dict[tuple[str, datetime], int]:
    """What exchanged meters still counted that supplements mint, by source and start of the quarter-hour it belongs to."""
    row = SourceEpochRow
    columns = (col(row.source_id), col(row.opening_at), col(row.rest_wh))
    found = await work.session.execute(select(*columns).where(col(row.recorded_at) <= known_at))
    return {
        (source_id, slot_start(slot_at(opening_at - timedelta(seconds=1)))): rest_wh
        for source_id, opening_at, rest_wh in found
    }


def evidence_digest(mode: str, signed: bytes) -> str:
    """What the issuer contract records as evidence: SHA-256 of the signed bytes, 0x hex.

    DEVICE: of the Sig_structure under the device's signature. ATTESTED: of the bytes as they were kept.
    """
    if mode == "DEVICE":
        try:
            signed = parse_cose_sign1(signed).to_be_signed()
        except MalformedStatement:
            return "0x" + "00" * 32  # equals no evidence on chain, so the settlement becomes a break
    return "0x" + hashlib.sha256(signed).hexdigest()


async def _parts(work: Work, here: Sequence[Any]) -> dict[str, tuple[Part, ...]]:
    columns = (col(IssuancePartRow.issuance_id), col(IssuancePartRow.address), col(IssuancePartRow.amount))
    statement = (
        select(*columns)
        .join(IssuanceRow, col(IssuanceRow.id) == col(IssuancePartRow.issuance_id))
        .where(*here)
        .order_by(col(IssuancePartRow.issuance_id), col(IssuancePartRow.position))
    )
    gathered: dict[str, list[Part]] = {}
    for issuance_id, address, amount in await work.session.execute(statement):
        gathered.setdefault(issuance_id, []).append((address.lower(), amount))
    return {issuance_id: tuple(parts) for issuance_id, parts in gathered.items()}
