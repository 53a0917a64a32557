"""How each device is, computed from the books: last seen, what is missing, what was refused, how its clock stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlmodel import col

from community.attestation.airtime import airtime_of, strongest_dbm
from community.attestation.reasons import Reason
from community.clock import QUARTER_HOUR, slot_at, slot_start
from community.json_input import parse_json
from community.store.measurements import registers_read_by
from community.store.tables.identity import DeviceRow, IdentityRow
from community.store.tables.measuring import FrameRow, MeasurementRow, QuarantineRow, StatementRow
from community.store.tables.metering import InstallationRow, MeteringPointRow, RegisterRow
from community.store.tables.repairing import DeviceStatusRow
from community.store.unit_of_work import Work

SPANS = {"24 h": timedelta(hours=24), "7 d": timedelta(days=7), "30 d": timedelta(days=30)}
LOOKED_BACK = SPANS["30 d"]
DRIFT_LOOKED_BACK = timedelta(days=1)
DRIFT_MAX = timedelta(seconds=30)
SIGNATURE_FAILURES = (
    Reason.BAD_SIGNATURE,
    Reason.UNKNOWN_KEY,
    Reason.KEY_NOT_VALID,
    Reason.WRONG_ROOT,
    Reason.UNDECRYPTABLE,
)
COUNTER_ANOMALIES = (Reason.REPEATED_COUNTER, Reason.EQUIVOCATION)
_OFFSET_UNKNOWN = 255
ENVELOPE_MAX = 262_144
ENVELOPE_DEPTH_MAX = 32


@dataclass(frozen=True, slots=True)
class Missing:
    """Readings of the settled register that should have come in a span, and those that did."""

    expected: int
    present: int

    @property
    def per_mille(self) -> int | None:
        """Missing readings of a thousand; None where none was expected."""
        return None if not self.expected else max(0, self.expected - self.present) * 1000 // self.expected


@dataclass(frozen=True, slots=True)
class SaidOfItself:
    """What the device said last, and when. Nothing proves it."""

    is_online: bool
    firmware: str | None
    backlog: int | None
    told_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """One device. `drift` is the least time from a reading's own instant to its arrival in the last day.

    It holds the way through the network too: what is far below zero or above 30 s is the clock.
    """

    device_id: str
    eui: str
    name: str
    state: str
    onboarding: str
    last_seen_at: datetime | None
    missing: dict[str, Missing]
    signature_failures: int
    counter_anomalies: int
    drift: timedelta | None
    airtime_us: int | None = None
    """Time on the air of its uplinks in the last day; None without radio."""
    signal_dbm: int | None = None
    """How strongly the nearest gateway heard its newest uplink of the last day."""
    said: SaidOfItself | None = None

    @property
    def drifts(self) -> bool:
        """Whether the device's clock asks for a correction (MEA-9)."""
        return self.drift is not None and not -DRIFT_MAX <= self.drift <= DRIFT_MAX


async def device_health(
    work: Work, now: datetime, euis: Sequence[str] | None = None, limit: int = 1000
) -> list[DeviceHealth]:
    """The health of devices by EUI; all of them, or those in `euis`."""
    row = DeviceRow
    statement = (
        select(row, col(IdentityRow.name))
        .join(IdentityRow, col(IdentityRow.id) == col(row.identity_id))
        .order_by(col(row.eui))
        .limit(limit)
    )
    if euis is not None:
        statement = statement.where(col(row.eui).in_(euis))
    devices = [(device, name) for device, name in await work.session.execute(statement)]
    ids = [device.identity_id for device, _ in devices]
    seen = await _last_seen(work, [device.eui for device, _ in devices])
    present = {span: await _present(work, ids, now - length, now) for span, length in SPANS.items()}
    expected = await _expected(work, ids, now)
    refused = await _refused(work, ids, now - LOOKED_BACK)
    drift = await _drift(work, ids, now)
    radio = await _radio(work, [device.eui for device, _ in devices], now)
    said = await _said(work, ids)
    return [
        DeviceHealth(
            device_id=device.identity_id,
            eui=device.eui,
            name=name,
            state=device.state,
            onboarding=device.onboarding,
            last_seen_at=seen.get(device.eui),
            missing={
                span: Missing(expected.get((device.identity_id, span), 0), present[span].get(device.identity_id, 0))
                for span in SPANS
            },
            signature_failures=_count(refused, device.identity_id, SIGNATURE_FAILURES),
            counter_anomalies=_count(refused, device.identity_id, COUNTER_ANOMALIES),
            drift=drift.get(device.identity_id),
            airtime_us=None if device.eui not in radio else radio[device.eui].airtime_us,
            signal_dbm=None if device.eui not in radio else radio[device.eui].signal_dbm,
            said=said.get(device.identity_id),
        )
        for device, name in devices
    ]


async def _last_seen(work: Work, euis: Sequence[str]) -> dict[str, datetime]:
    row = FrameRow
    statement = select(col(row.device_eui), func.max(col(row.received_at))).where(col(row.device_eui).in_(euis))
    found: dict[str, datetime] = {}
    for eui, at in await work.session.execute(statement.group_by(col(row.device_eui))):
        found[str(eui)] = at
    return found


def _settled(selected: Any, ids: Sequence[str]) -> Any:
    """Measurements of the register that counts at the place where each device reads it."""
    return (
        selected.select_from(MeasurementRow)
        .join(InstallationRow, col(InstallationRow.id) == col(MeasurementRow.installation_id))
        .join(MeteringPointRow, col(MeteringPointRow.id) == col(InstallationRow.metering_point_id))
        .join(
            RegisterRow,
            and_(
                col(RegisterRow.id) == col(MeasurementRow.register_id),
                col(RegisterRow.obis) == col(MeteringPointRow.settled_obis),
            ),
        )
        .where(
            col(MeasurementRow.device_id).in_(ids),
            col(InstallationRow.device_id).in_(ids),
            col(RegisterRow.meter_id) == col(InstallationRow.meter_id),
        )
    )


async def _present(work: Work, ids: Sequence[str], since: datetime, until: datetime) -> dict[str, int]:
    row = MeasurementRow
    statement = (
        _settled(select(col(row.device_id), func.count()), ids)
        .where(col(row.at) > since, col(row.at) <= until)
        .group_by(col(row.device_id))
    )
    return {device: count for device, count in await work.session.execute(statement)}  # noqa: C416 - rows are no pairs


async def _expected(work: Work, ids: Sequence[str], now: datetime) -> dict[tuple[str, str], int]:
    """Boundaries at which each device had a meter to read, by device and span."""
    row = InstallationRow
    since = now - LOOKED_BACK
    statement = select(col(row.device_id), col(row.valid_from), col(row.valid_to)).where(
        col(row.device_id).in_(ids),
        or_(col(row.valid_to).is_(None), col(row.valid_to) > since),
        col(row.valid_from) <= now,
    )
    found: dict[tuple[str, str], int] = {}
    for device, valid_from, valid_to in await work.session.execute(statement):
        for span, length in SPANS.items():
            begins, ends = max(valid_from, now - length), min(valid_to or now, now)
            if begins < ends:
                boundaries = slot_at(ends) - slot_at(begins - timedelta(microseconds=1 if begins == valid_from else 0))
                found[device, span] = found.get((device, span), 0) + boundaries
    return found


async def _refused(work: Work, ids: Sequence[str], since: datetime) -> dict[tuple[str, str], int]:
    row = QuarantineRow
    statement = (
        select(col(row.device_id), col(row.reason), func.count())
        .where(col(row.device_id).in_(ids), col(row.recorded_at) >= since)
        .group_by(col(row.device_id), col(row.reason))
    )
    return {(str(device), reason): count for device, reason, count in await work.session.execute(statement)}


async def _drift(work: Work, ids: Sequence[str], now: datetime) -> dict[str, timedelta]:
    """wire-format 2.6: the minimum of received_at - (slot x 900 + off), over statements that came alone and at once."""
    row = MeasurementRow
    statement = (
        select(col(row.device_id), col(row.at), col(row.off_s), col(FrameRow.received_at))
        .join(StatementRow, col(StatementRow.digest) == col(row.statement_digest))
        .join(FrameRow, col(FrameRow.digest) == col(StatementRow.frame_digest))
        .where(
            col(row.register_id).in_(registers_read_by(ids)),
            col(row.device_id).in_(ids),
            col(row.at) > slot_start(slot_at(now - DRIFT_LOOKED_BACK)) - QUARTER_HOUR,
            col(row.off_s) != _OFFSET_UNKNOWN,
        )
    )
    found: dict[str, timedelta] = {}
    for device, at, off_s, received_at in await work.session.execute(statement):
        late = received_at - at - timedelta(seconds=off_s)
        found[device] = min(found.get(device, late), late)
    return found


@dataclass(slots=True)
class _Radio:
    airtime_us: int | None = None
    signal_dbm: int | None = None


async def _radio(work: Work, euis: Sequence[str], now: datetime) -> dict[str, _Radio]:
    """Time on the air in the last day, and the newest uplink's signal, by EUI, of those heard by a LoRaWAN network server."""
    row = FrameRow
    statement = (
        select(col(row.device_eui), col(row.envelope), func.length(col(row.payload)))
        .where(
            col(row.device_eui).in_(euis),
            col(row.received_at) > now - SPANS["24 h"],
            col(row.received_at) <= now,
            col(row.source) != "device_broker",
            col(row.envelope).is_not(None),
        )
        .order_by(col(row.received_at))
    )
    found: dict[str, _Radio] = {}
    for eui, envelope, size in await work.session.execute(statement):
        try:
            message = parse_json(str(envelope).encode(), size_max=ENVELOPE_MAX, depth_max=ENVELOPE_DEPTH_MAX)
        except ValueError:
            continue
        if not isinstance(message, dict):
            continue
        radio = found.setdefault(str(eui), _Radio())
        airtime, signal = airtime_of(message, size), strongest_dbm(message)
        if airtime is not None:
            radio.airtime_us = (radio.airtime_us or 0) + airtime
        if signal is not None:
            radio.signal_dbm = signal
    return found


async def _said(work: Work, ids: Sequence[str]) -> dict[str, SaidOfItself]:
    row = DeviceStatusRow
    rows = await work.session.execute(select(row).where(col(row.device_id).in_(ids)))
    return {
        one.device_id: SaidOfItself(one.is_online, one.firmware, one.backlog, one.told_at) for one in rows.scalars()
    }


def _count(refused: dict[tuple[str, str], int], device_id: str, reasons: Sequence[Reason]) -> int:
    return sum(refused.get((device_id, reason.value), 0) for reason in reasons)
