"""Recording a meter exchange: the old installation ends where the new one begins, with the registers read off at both."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlmodel import col

from community.clock import as_utc
from community.ids import named_id
from community.metering.exchange import fits_exchange
from community.metering.plausibility import RegisterLimits
from community.store import audit, exchanges, frames, outbox
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.devices import end_installation, install
from community.store.measurements import neighbours_of
from community.store.onboarding import Told
from community.store.tables.identity import DeviceRow
from community.store.tables.metering import (
    InstallationRegisterRow,
    InstallationRow,
    MeteringPointRow,
    MeterRow,
    RegisterRow,
)
from community.store.unit_of_work import Work

_DIGEST_DIGITS = 64


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """What the protocol of an exchange says.

    `registers` gives (final of the old meter, initial of the new one) in Wh by OBIS code. What is None stays as it was:
    the device that reads the place, its transformer factor, its power. Raises ValueError.
    """

    metering_point_code: str
    at: datetime
    new_serial: str
    registers: dict[str, tuple[int, int]]
    protocol_digest: str
    device_eui: str | None = None
    factor: int | None = None
    max_power_w: int | None = None

    def __post_init__(self) -> None:
        as_utc(self.at)
        if not self.registers or any(min(values) < 0 for values in self.registers.values()):
            raise ValueError(
                "an exchange gives the final and the initial value, not below zero, of at least one register"
            )
        if len(self.protocol_digest) != _DIGEST_DIGITS or not set(self.protocol_digest) <= set("0123456789abcdef"):
            raise ValueError("the protocol's SHA-256 is 64 lower-case hexadecimal digits")


@dataclass(frozen=True, slots=True)
class _Places:
    point: MeteringPointRow
    old: InstallationRow
    old_registers: dict[str, RegisterRow]
    new_meter: MeterRow
    new_registers: dict[str, RegisterRow]
    new: InstallationRow | None
    device_id: str


async def record_exchange(work: Work, record: ExchangeRecord, told: Told, now: datetime) -> Outcome:
    """Write an exchange down and enter the energy across it, if its readings have come. The same one again is no change."""
    await frames.lock_intake(work)  # readings are judged against what is decided here
    places = await _places(work, record)
    if not isinstance(places, _Places):
        return places
    known = await _known(work, places.old.id, "final")
    if known:
        if known == {obis: final for obis, (final, _) in record.registers.items()} and places.new is not None:
            return Decided()
        return NotPossible("Other final registers are recorded for the old meter. They stay.")
    fault = await _fault(work, record, places)
    if fault is not None:
        return NotPossible(fault)
    new_id = await _place(work, record, places)
    for obis, (final, initial) in record.registers.items():
        for place, moment, value in ((places.old.id, "final", final), (new_id, "initial", initial)):
            await work.session.execute(
                insert(InstallationRegisterRow).values(
                    installation_id=place,
                    obis=obis,
                    moment=moment,
                    register_wh=value,
                    protocol_digest=record.protocol_digest,
                    recorded_at=now,
                    recorded_by=told.actor,
                )
            )
    point = places.point
    for found in await exchanges.exchanges_at(work, point.id, point.settled_obis):
        if found.new_installation_id == new_id:
            await exchanges.book_exchange(work, found, now)
    await audit.record(
        work,
        actor=told.actor,
        command="record_meter_exchange",
        subject=point.id,
        reason=f"meter {record.new_serial} from {record.at.isoformat()} on: {told.reason}",
        idempotency_key=told.idempotency_key,
        now=now,
    )
    await outbox.announce(work, "measurement", point.id, now)
    return Decided()


async def _places(work: Work, record: ExchangeRecord) -> _Places | Outcome:
    found = select(MeteringPointRow).where(col(MeteringPointRow.code) == record.metering_point_code)
    point = (await work.session.execute(found)).scalar_one_or_none()
    if point is None:
        return NotFound()
    row = InstallationRow
    here = select(row).where(col(row.metering_point_id) == point.id).order_by(col(row.valid_from))
    rows = list((await work.session.execute(here)).scalars())
    old = next((one for one in rows if one.valid_from < record.at and one.valid_to in (None, record.at)), None)
    if old is None:
        return NotPossible(f"No meter was in place at {point.code} until {record.at.isoformat()}: check the instant.")
    new = next((one for one in rows if one.valid_from == record.at), None)
    meter = (
        await work.session.execute(select(MeterRow).where(col(MeterRow.serial) == record.new_serial))
    ).scalar_one_or_none()
    if meter is None:
        return NotPossible(f"Meter {record.new_serial} is not on file: enter it first (`python -m ingest import`).")
    if meter.id == old.meter_id or (new is not None and new.meter_id != meter.id):
        return NotPossible(f"Meter {record.new_serial} is not the one that came to {point.code} then.")
    device_id = old.device_id if new is None else new.device_id
    if record.device_eui is not None:
        asked = select(col(DeviceRow.identity_id)).where(col(DeviceRow.eui) == record.device_eui)
        named = (await work.session.execute(asked)).scalar_one_or_none()
        if named is None or (new is not None and named != new.device_id):
            return NotPossible(f"Device {record.device_eui} does not read the new meter.")
        device_id = named
    return _Places(
        point, old, await _registers(work, old.meter_id), meter, await _registers(work, meter.id), new, device_id
    )


async def _registers(work: Work, meter_id: str) -> dict[str, RegisterRow]:
    found = await work.session.execute(select(RegisterRow).where(col(RegisterRow.meter_id) == meter_id))
    return {row.obis: row for row in found.scalars()}


async def _known(work: Work, installation_id: str, moment: str) -> dict[str, int]:
    row = InstallationRegisterRow
    found = select(row).where(col(row.installation_id) == installation_id, col(row.moment) == moment)
    return {each.obis: each.register_wh for each in (await work.session.execute(found)).scalars()}


async def _fault(work: Work, record: ExchangeRecord, places: _Places) -> str | None:
    """Why the record cannot stand beside the registers and the readings on the books; None if it can."""
    if places.point.settled_obis not in record.registers:
        return f"Give the values of register {places.point.settled_obis}: it is the one that counts here."
    for obis, (final, initial) in record.registers.items():
        sides = (("old", places.old, places.old_registers, final), ("new", places.new, places.new_registers, initial))
        for side, place, registers, value in sides:
            register = registers.get(obis)
            if register is None:
                return f"The {side} meter has no register {obis} on file."
            if register.modulus_wh is not None and value >= register.modulus_wh:
                return f"Register {obis} of the {side} meter cannot show {value} Wh."
            known = await neighbours_of(work, register.id, record.at)
            if side == "old" and (known.same or known.after):
                return "The old meter has readings at or after that instant: the exchange was later."
            edge = known.before if side == "old" else known.same or known.after
            power_w = (place or places.old).max_power_w
            limits = RegisterLimits(register.modulus_wh, -(-power_w // (place or places.old).factor))
            if edge is not None and not fits_exchange(
                edge.register_wh, edge.at, record.at, value, limits, old=side == "old"
            ):
                return (
                    f"Register {obis} of the {side} meter stood at {edge.register_wh} Wh at {edge.at.isoformat()}: "
                    f"{value} Wh do not fit to that."
                )
    return None


async def _place(work: Work, record: ExchangeRecord, places: _Places) -> str:
    """End the old installation and begin the new one, unless that is on the books. Returns the new one's id."""
    if places.old.valid_to is None:
        await end_installation(work, places.old.id, record.at)
    if places.new is not None:
        return places.new.id
    new_id = named_id("inst", places.point.id, places.new_meter.id, record.at.isoformat())
    await install(
        work,
        new_id,
        metering_point_id=places.point.id,
        meter_id=places.new_meter.id,
        device_id=places.device_id,
        valid_from=record.at,
        max_power_w=record.max_power_w or places.old.max_power_w,
        factor=record.factor or places.old.factor,
    )
    return new_id
