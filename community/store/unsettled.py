"""Why admitted readings of a source are not settled: for the person who asks what it waits for."""

from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlmodel import col

from community.store.issuances import READ_OK
from community.store.tables.identity import DeviceKeyRow, DeviceRow, EnergySourceRow
from community.store.tables.measuring import MeasurementRow, StatementRow
from community.store.tables.metering import InstallationRow, MeteringPointRow, RegisterRow
from community.store.unit_of_work import Work


async def left_out(work: Work, source_id: str, after: datetime) -> list[str]:
    """A line for each reason why readings of a source's register after `after` may not be settled, with their number."""
    at, mode = col(MeasurementRow.at), col(MeasurementRow.evidence_mode)
    read_ok = (col(MeasurementRow.status).op("&")(READ_OK) == READ_OK).label("read_ok")
    ends_at = col(DeviceKeyRow.valid_to)
    revoked_from = col(DeviceKeyRow.revoked_from)
    key_valid = and_(
        col(DeviceKeyRow.valid_from) <= at,
        or_(ends_at.is_(None), at < ends_at),
        or_(revoked_from.is_(None), at < revoked_from),
    ).label("key_valid")
    on_trial = or_(col(DeviceRow.trial), col(EnergySourceRow.trial)).label("on_trial")
    groups = (
        mode,
        col(EnergySourceRow.evidence_mode),
        col(DeviceRow.identity_id),
        col(DeviceRow.state),
        col(DeviceRow.onboarding),
        on_trial,
        col(MeteringPointRow.direction),
        read_ok,
        key_valid,
    )
    statement = (
        select(*groups, func.count(), func.min(at))
        .select_from(MeasurementRow)
        .join(InstallationRow, col(InstallationRow.id) == col(MeasurementRow.installation_id))
        .join(MeteringPointRow, col(MeteringPointRow.id) == col(InstallationRow.metering_point_id))
        .join(EnergySourceRow, col(EnergySourceRow.metering_point_id) == col(MeteringPointRow.id))
        .join(RegisterRow, col(RegisterRow.id) == col(MeasurementRow.register_id))
        .join(DeviceRow, col(DeviceRow.identity_id) == col(MeasurementRow.device_id))
        .join(StatementRow, col(StatementRow.digest) == col(MeasurementRow.statement_digest))
        .join(DeviceKeyRow, col(DeviceKeyRow.id) == col(StatementRow.device_key_id))
        .where(
            col(EnergySourceRow.identity_id) == source_id,
            col(RegisterRow.meter_id) == col(InstallationRow.meter_id),
            col(RegisterRow.obis) == col(MeteringPointRow.settled_obis),
            at > after,
        )
        .group_by(*groups)
        .order_by(func.min(at))
    )
    lines = []
    for row in await work.session.execute(statement):
        found, wanted, device, state, onboarding, trial, direction, is_read, is_valid, count, first = row
        why = _why(found, wanted, _why_not_of(device, state, onboarding, on_trial=bool(trial)), direction)
        if why is None and not is_read:
            why = "the device marked them as failed"
        if why is None and not is_valid:
            why = f"the key of device {device} that signed them was not valid then"
        if why is not None:
            lines.append(f"{count} readings from {first.isoformat()} on are left out: {why}")
    return lines


def _why(found: str, wanted: str, device: str | None, direction: str) -> str | None:
    if direction != "production":
        return f"their metering point is one of {direction}"
    if found != wanted:
        return f"their evidence is {found}, the source's is {wanted}"
    return device


def _why_not_of(device: str, state: str, onboarding: str, *, on_trial: bool) -> str | None:
    if state != "active":
        return f"device {device} is {state}"
    if on_trial:
        return f"device {device} or its source is on trial"
    if onboarding != "approved":
        return f"device {device} is not approved for issuance: its onboarding stands at {onboarding}"
    return None
