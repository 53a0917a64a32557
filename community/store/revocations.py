"""Taking a device or one of its keys out of service from an instant on that may lie in the past, and what rests on it.

Nothing that is on the books changes: that a reading is suspect follows from the key that signed it and the instant
from which that key is not believed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from community.store import audit, outbox
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.measurements import registers_read_by
from community.store.onboarding import Told
from community.store.tables.identity import DeviceKeyRow, DeviceRow, KeyRevocationRow
from community.store.tables.measuring import IntervalRow, MeasurementRow, StatementRow
from community.store.tables.minting import IssuanceRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all

LISTED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class RestingInterval:
    """Energy of a quarter-hour between two readings of which at least one is suspect."""

    metering_point_id: str
    starts_at: datetime
    energy_wh: int
    revision: int


@dataclass(frozen=True, slots=True)
class RestingIssuance:
    """An issuance that begins or ends at a suspect reading."""

    id: str
    source_id: str
    from_wh: int
    to_wh: int
    period_start: datetime
    period_end: datetime
    state: str
    tx_hash: str | None


@dataclass(frozen=True, slots=True)
class RestsOn:
    """What rests on the revoked keys of a device."""

    measurements: int
    intervals: tuple[RestingInterval, ...]
    issuances: tuple[RestingIssuance, ...]

    @property
    def energy_wh(self) -> int:
        """The energy of the listed intervals."""
        return sum(one.energy_wh for one in self.intervals)

    @property
    def issued_wh(self) -> int:
        """The energy of the listed issuances."""
        return sum(one.to_wh - one.from_wh for one in self.issuances)


async def revoke(
    work: Work, device_id: str, since: datetime, told: Told, now: datetime, *, keyno: int | None = None
) -> Outcome:
    """Believe nothing that a device's keys, or key `keyno`, signed from `since` on. Without `keyno` the device ends.

    An earlier instant than the one told before widens it; a later one changes nothing.
    """
    if since > now:
        return NotPossible(
            "A revocation counts from now or from an instant in the past. A key's planned end is a rotation."
        )
    device, key = DeviceRow, DeviceKeyRow
    held = select(col(device.state)).where(col(device.identity_id) == device_id).with_for_update(key_share=True)
    if (await work.session.execute(held)).first() is None:
        return NotFound()
    mine = [col(key.device_id) == device_id]
    if keyno is not None:
        mine.append(col(key.keyno) == keyno)
        if (await work.session.execute(select(col(key.id)).where(*mine))).first() is None:
            return NotPossible(f"The device has no key with number {keyno}.")
    sooner = or_(col(key.revoked_from).is_(None), col(key.revoked_from) > since)
    revoked = await work.session.execute(
        update(key).where(*mine, sooner).values(revoked_from=since).returning(col(key.id))
    )
    told_of = [
        {"device_key_id": key_id, "revoked_from": since, "recorded_at": now} for key_id in sorted(revoked.scalars())
    ]
    await insert_all(work, KeyRevocationRow, told_of)
    if keyno is None:
        await work.session.execute(update(device).where(col(device.identity_id) == device_id).values(state="revoked"))
    subject = device_id if keyno is None else f"{device_id} key {keyno}"
    recorded = await audit.record(
        work,
        actor=told.actor,
        command="revoke_device" if keyno is None else "revoke_key",
        subject=subject,
        reason=f"from {since.isoformat()} on: {told.reason}",
        idempotency_key=told.idempotency_key,
        now=now,
    )
    if recorded is audit.Recorded.KEY_TAKEN:
        return NotPossible("This idempotency key belongs to another command. Make a new one for each command.")
    await outbox.announce(work, "device", device_id, now)
    return Decided()


async def rests_on(work: Work, device_id: str) -> RestsOn:
    """What rests on readings that revoked keys of the device signed from their revocation on."""
    suspect = _suspect_measurements(device_id)
    count = select(func.count()).select_from(suspect.subquery())
    intervals = (
        select(IntervalRow)
        .where(or_(col(IntervalRow.from_measurement_id).in_(suspect), col(IntervalRow.to_measurement_id).in_(suspect)))
        .order_by(col(IntervalRow.metering_point_id), col(IntervalRow.starts_at), col(IntervalRow.revision))
        .limit(LISTED_MAX)
    )
    issuance, before = IssuanceRow, aliased(IssuanceRow)
    begins_there = exists().where(
        col(before.source_id) == col(issuance.source_id),
        col(before.epoch) == col(issuance.epoch),
        col(before.to_wh) == col(issuance.from_wh),
        col(before.measurement_id).in_(suspect),
    )
    issuances = (
        select(issuance)
        .where(or_(col(issuance.measurement_id).in_(suspect), begins_there))
        .order_by(col(issuance.source_id), col(issuance.from_wh))
        .limit(LISTED_MAX)
    )
    return RestsOn(
        (await work.session.execute(count)).scalar_one(),
        tuple(
            RestingInterval(row.metering_point_id, row.starts_at, row.energy_wh, row.revision)
            for row in (await work.session.execute(intervals)).scalars()
        ),
        tuple(
            RestingIssuance(
                row.id,
                row.source_id,
                row.from_wh,
                row.to_wh,
                row.period_start,
                row.period_end,
                row.state,
                row.tx_hash,
            )
            for row in (await work.session.execute(issuances)).scalars()
        ),
    )


def signed_after_revocation() -> Any:
    """The condition that a measurement is suspect, of a query that joins its statement and its key."""
    return and_(col(DeviceKeyRow.revoked_from).is_not(None), col(MeasurementRow.at) >= col(DeviceKeyRow.revoked_from))


def _suspect_measurements(device_id: str) -> Any:
    return (
        select(col(MeasurementRow.id))
        .join(StatementRow, col(StatementRow.digest) == col(MeasurementRow.statement_digest))
        .join(DeviceKeyRow, col(DeviceKeyRow.id) == col(StatementRow.device_key_id))
        .where(
            col(MeasurementRow.register_id).in_(registers_read_by([device_id])),
            col(MeasurementRow.device_id) == device_id,
            signed_after_revocation(),
        )
    )
