"""What the books know of a device on its way into service: found anew each time, never remembered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlmodel import col

from community.attestation.reasons import Reason
from community.onboarding.plausibility_week import DOUBTS, WeekFacts, WeekRules, judge_week
from community.onboarding.stages import OnboardingFacts, SourceFacts, Stage
from community.store.tables.identity import DeviceKeyRow, DeviceRow, EnergySourceRow, IdentityRow
from community.store.tables.measuring import FrameRow, MeasurementRow, QuarantineRow, StatementRow
from community.store.tables.metering import InstallationRow, MeteringPointRow, MeterRow, RegisterRow
from community.store.tables.onboarding import SourceDeclarationRow
from community.store.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class InstalledMeter:
    """The meter that a device reads now, and where."""

    serial: str
    metering_point_id: str
    register_id: str | None
    """Of the register that counts there; None where the meter has none of that name."""


async def facts_of(work: Work, device_id: str, now: datetime, rules: WeekRules) -> OnboardingFacts | None:
    """The facts about one device; None if there is no such device."""
    row = (
        await work.session.execute(select(DeviceRow).where(col(DeviceRow.identity_id) == device_id))
    ).scalar_one_or_none()
    if row is None:
        return None
    key = await _first(
        work, select(DeviceKeyRow).where(col(DeviceKeyRow.device_id) == device_id).order_by(col(DeviceKeyRow.keyno))
    )
    uplink_at = select(func.min(col(FrameRow.received_at))).where(col(FrameRow.device_eui) == row.eui)
    meter = await installed_meter(work, device_id, now)
    week = None if meter is None else judge_week(await _week(work, device_id, meter, now, rules), rules, now)
    return OnboardingFacts(
        stage=Stage(row.onboarding),
        state=row.state,
        trial=row.trial,
        key_bound_at=None if key is None else min(now, max(key.valid_from, await _created_at(work, device_id))),
        key_id=None if key is None else key.kid,
        first_uplink_at=(await work.session.execute(uplink_at)).scalar_one_or_none(),
        first_statement_at=await _first_statement_at(work, device_id),
        serial_confirmed_at=row.serial_confirmed_at,
        week=week,
        source=None if meter is None else await _source_at(work, meter.metering_point_id),
    )


async def installed_meter(work: Work, device_id: str, now: datetime) -> InstalledMeter | None:
    """The meter that the device reads at `now`."""
    place = InstallationRow
    statement = (
        select(col(MeterRow.serial), col(place.metering_point_id), col(RegisterRow.id))
        .select_from(place)
        .join(MeterRow, col(MeterRow.id) == col(place.meter_id))
        .join(MeteringPointRow, col(MeteringPointRow.id) == col(place.metering_point_id))
        .outerjoin(
            RegisterRow,
            and_(
                col(RegisterRow.meter_id) == col(MeterRow.id),
                col(RegisterRow.obis) == col(MeteringPointRow.settled_obis),
            ),
        )
        .where(
            col(place.device_id) == device_id,
            col(place.valid_from) <= now,
            or_(col(place.valid_to).is_(None), col(place.valid_to) > now),
        )
        .order_by(col(place.valid_from).desc())
        .limit(1)
    )
    found = (await work.session.execute(statement)).first()
    return None if found is None else InstalledMeter(*found)


async def devices_on_their_way(work: Work, limit: int = 10_000) -> Sequence[str]:
    """Devices that facts may still move on."""
    row = DeviceRow
    waiting = select(col(row.identity_id)).where(
        col(row.onboarding).not_in((Stage.PLAUSIBLE.value, Stage.APPROVED.value)), col(row.state) != "revoked"
    )
    return (await work.session.execute(waiting.order_by(col(row.identity_id)).limit(limit))).scalars().all()


async def _week(work: Work, device_id: str, meter: InstalledMeter, now: datetime, rules: WeekRules) -> WeekFacts:
    row, since = MeasurementRow, now - rules.length
    mine = (col(row.register_id) == meter.register_id, col(row.device_id) == device_id)
    first = (await work.session.execute(select(func.min(col(row.at))).where(*mine))).scalar_one_or_none()
    lately = select(func.count(), func.min(col(row.register_wh)), func.max(col(row.register_wh))).where(
        *mine, col(row.at) > since, col(row.at) <= now
    )
    count, lowest, highest = (await work.session.execute(lately)).one()
    refused = (
        select(col(QuarantineRow.reason), func.count())
        .where(
            col(QuarantineRow.device_id) == device_id,
            col(QuarantineRow.reason).in_([reason.value for reason in DOUBTS]),
            col(QuarantineRow.resolved_at).is_(None),
        )
        .group_by(col(QuarantineRow.reason))
    )
    refusals = {row[0]: int(row[1]) for row in await work.session.execute(refused)}
    return WeekFacts(first, count, (highest or 0) - (lowest or 0), refusals)


async def _first_statement_at(work: Work, device_id: str) -> datetime | None:
    """When the first statement of the device verified: one on the books, or one that waits because it is pending."""
    stored = select(func.min(col(StatementRow.recorded_at))).where(col(StatementRow.device_id) == device_id)
    waiting = select(func.min(col(QuarantineRow.recorded_at))).where(
        col(QuarantineRow.device_id) == device_id, col(QuarantineRow.reason) == Reason.DEVICE_NOT_ACTIVE.value
    )
    found = [(await work.session.execute(each)).scalar_one_or_none() for each in (stored, waiting)]
    return min((at for at in found if at is not None), default=None)


async def _source_at(work: Work, metering_point_id: str) -> SourceFacts | None:
    row = EnergySourceRow
    declared = exists().where(col(SourceDeclarationRow.source_id) == col(row.identity_id))
    statement = select(col(row.identity_id), col(row.nameplate_w), col(row.trial), declared).where(
        col(row.metering_point_id) == metering_point_id
    )
    found = (await work.session.execute(statement)).first()
    return None if found is None else SourceFacts(found[0], found[1], bool(found[2]), bool(found[3]))


async def _created_at(work: Work, device_id: str) -> datetime:
    found = await work.session.execute(select(col(IdentityRow.created_at)).where(col(IdentityRow.id) == device_id))
    created: datetime = found.scalar_one()
    return created


async def _first(work: Work, statement: Any) -> Any:
    return (await work.session.execute(statement.limit(1))).scalars().first()
