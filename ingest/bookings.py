"""Entering proven readings into the books: each register judged by its neighbours, then stored with what follows."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from community.attestation.reasons import Reason
from community.attestation.statement import ReadingStatus
from community.metering.exchange import fits_exchange
from community.metering.intervals import RegisterPoint, plan_intervals
from community.metering.plausibility import (
    Advances,
    BeyondNameplate,
    FirstReading,
    RegisterLimits,
    RegisterState,
    Regression,
    ResetSuspected,
    RolledOver,
    judge_register,
)
from community.store.devices import DeviceFile, Installation, Register
from community.store.exchanges import RegisterExchange, book_exchange, exchange_into, exchange_out_of
from community.store.gaps import close_gap, open_gap
from community.store.intervals import add_interval
from community.store.measurements import REGISTER_MAX_WH, Measurement, Neighbours, add_measurement, neighbours_of
from community.store.quarantine import Refusal, quarantine
from community.store.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class ProvenReading:
    """Registers (OBIS code to Wh) at a boundary, with the evidence they all share."""

    at: datetime
    off_s: int
    status: int
    registers: dict[str, int]
    evidence_mode: str
    statement_digest: str
    leaf_index: int
    leaf_input: bytes | None = None
    leaf_path: bytes | None = None


@dataclass(slots=True)
class Bookings:
    """The readings of one frame on their way into the books, and what became of them."""

    work: Work
    frame_digest: str
    device: DeviceFile
    now: datetime
    metering_points: set[str] = field(default_factory=set)
    refused: int = 0

    async def book(self, reading: ProvenReading, wanted_obis: str | None = None) -> None:
        """Store every plausible register value; refuse each of the others with its reason.

        `wanted_obis` is a register that the reading must have, where its format does not fix them.
        """
        if not reading.status & ReadingStatus.READ_OK:
            detail = (
                f"the device marks its reading of {reading.at.isoformat()} as failed (status {reading.status:#04x})"
            )
            await self._refuse(Refusal(Reason.READING_FAILED, detail, reading.at))
            return
        place = self.device.installation_at(reading.at)
        if place is None:
            detail = f"no meter is on file for {self.device.name} at {reading.at.isoformat()}"
            await self._refuse(Refusal(Reason.NOT_INSTALLED, detail, reading.at))
            return
        if wanted_obis is not None and wanted_obis not in reading.registers:
            detail = (
                f"the telegram of meter {place.meter_serial} has no register {wanted_obis}, the one that counts here"
            )
            await self._refuse(Refusal(Reason.UNKNOWN_REGISTER, detail, reading.at, wanted_obis))
        for obis, value_wh in reading.registers.items():
            refusal = await self._book_register(place, reading, obis, value_wh)
            if refusal is not None:
                await self._refuse(replace(refusal, register=obis))

    async def _refuse(self, refusal: Refusal) -> None:
        await quarantine(self.work, self.frame_digest, self.device.id, refusal, self.now)
        self.refused += 1

    async def _book_register(
        self, place: Installation, reading: ProvenReading, obis: str, value_wh: int
    ) -> Refusal | None:
        register = place.registers.get(obis)
        if register is None:
            detail = f"meter {place.meter_serial} has no register {obis} on file"
            return Refusal(Reason.UNKNOWN_REGISTER, detail, reading.at)
        if value_wh > REGISTER_MAX_WH or (register.modulus_wh is not None and value_wh >= register.modulus_wh):
            detail = f"register {obis} of meter {place.meter_serial} cannot show {value_wh} Wh"
            return Refusal(Reason.UNKNOWN_REGISTER, detail, reading.at)
        known = _here(await neighbours_of(self.work, register.id, reading.at), place, obis)
        if known.same is not None:
            return _conflict(known.same, obis, reading.at, value_wh)
        fault = implausible(known, register, place, reading.at, value_wh)
        if fault is not None:
            return fault
        measurement = self._measurement(place, register, reading, value_wh)
        await add_measurement(self.work, measurement, self.now)
        if obis == place.metering_point.settled_obis:
            await self._follow_up(place, register, known, measurement.point)
        self.metering_points.add(place.metering_point.id)
        return None

    def _measurement(
        self, place: Installation, register: Register, reading: ProvenReading, value_wh: int
    ) -> Measurement:
        return Measurement(
            register_id=register.id,
            installation_id=place.id,
            device_id=self.device.id,
            at=reading.at,
            register_wh=value_wh,
            off_s=reading.off_s,
            status=reading.status,
            evidence_mode=reading.evidence_mode,
            statement_digest=reading.statement_digest,
            leaf_index=reading.leaf_index,
            leaf_input=reading.leaf_input,
            leaf_path=reading.leaf_path,
        )

    async def _follow_up(self, place: Installation, register: Register, known: Neighbours, new: RegisterPoint) -> None:
        point = place.metering_point.id
        plan = plan_intervals(known.before, new, known.after, modulus_wh=register.modulus_wh, factor=place.factor)
        for interval in plan.intervals:
            await add_interval(self.work, point, interval, self.now)
        if plan.gap_closed is not None:
            await close_gap(self.work, point, *plan.gap_closed, self.now)
        for gap in plan.gaps_opened:
            await open_gap(self.work, point, gap, self.now)
        for found, next_to_it in await self._exchanges_beside(place, register.obis, known):
            await book_exchange(self.work, found, self.now, new, next_to_it)

    async def _exchanges_beside(
        self, place: Installation, obis: str, known: Neighbours
    ) -> list[tuple[RegisterExchange, RegisterPoint | None]]:
        """The exchanges that no reading of this register separates from the new one, each with the reading that was next."""
        beside: list[tuple[RegisterExchange, RegisterPoint | None]] = []
        if obis in place.initial_wh and known.before is None:
            found = await exchange_into(self.work, place.id, obis)
            beside += [] if found is None else [(found, known.after)]
        if obis in place.final_wh and known.after is None:
            found = await exchange_out_of(self.work, place.id, obis)
            beside += [] if found is None else [(found, known.before)]
        return beside


def _here(known: Neighbours, place: Installation, obis: str) -> Neighbours:
    """Without those of the time when this meter hung elsewhere, where an exchange says with what it came or went."""
    before, after = known.before, known.after
    if obis in place.initial_wh and before is not None and before.at < place.valid_from:
        before = None
    if obis in place.final_wh and after is not None and place.valid_to is not None and after.at > place.valid_to:
        after = None
    return Neighbours(before, known.same, after)


def _conflict(same: RegisterPoint, obis: str, at: datetime, value_wh: int) -> Refusal | None:
    if same.register_wh == value_wh:
        return None
    detail = f"register {obis} at {at.isoformat()} is on the books with {same.register_wh} Wh; now {value_wh} Wh came"
    return Refusal(Reason.CONFLICTING_READING, detail, at)


def implausible(
    known: Neighbours, register: Register, place: Installation, at: datetime, value_wh: int
) -> Refusal | None:
    """Why `value_wh` cannot stand between its accepted neighbours; None if it can.

    A late reading is judged against the later one too: what was accepted stays, the newcomer has to fit.
    """
    # The register counts behind the transformers: what the installation moves is the difference times the factor.
    limits = RegisterLimits(register.modulus_wh, -(-place.max_power_w // place.factor))
    new = RegisterState(at, value_wh)
    if known.before is not None:
        fault = _fault(RegisterState(known.before.at, known.before.register_wh), new, limits, register.obis)
        if fault is not None:
            return Refusal(*fault, at)
    if known.after is not None:
        fault = _fault(new, RegisterState(known.after.at, known.after.register_wh), limits, register.obis)
        if fault is not None:
            return Refusal(fault[0], f"{fault[1]}; the later value was accepted before", at)
    return _beside_exchange(register, place, at, value_wh, limits)


def _beside_exchange(
    register: Register, place: Installation, at: datetime, value_wh: int, limits: RegisterLimits
) -> Refusal | None:
    """Why the value does not fit to what the register showed when its meter was put in, or taken out."""
    ends = ((place.initial_wh, place.valid_from, False), (place.final_wh, place.valid_to, True))
    for registers, instant, old in ends:
        stood_wh = registers.get(register.obis)
        if stood_wh is None or instant is None or fits_exchange(value_wh, at, instant, stood_wh, limits, old=old):
            continue
        moment = "taken out" if old else "put in"
        detail = (
            f"register {register.obis} stood at {stood_wh} Wh when meter {place.meter_serial} was {moment} at "
            f"{instant.isoformat()}: {value_wh} Wh at {at.isoformat()} do not fit to that"
        )
        return Refusal(Reason.RESET_SUSPECTED, detail, at)
    return None


def _fault(
    earlier: RegisterState, later: RegisterState, limits: RegisterLimits, obis: str
) -> tuple[Reason, str] | None:
    span = (
        f"register {obis}: {earlier.value_wh} Wh at {earlier.at.isoformat()}, "
        f"{later.value_wh} Wh at {later.at.isoformat()}"
    )
    match judge_register(earlier, later, limits):
        case FirstReading() | Advances() | RolledOver():
            return None
        case Regression(fall_wh):
            return Reason.REGISTER_REGRESSION, f"{span}: it fell by {fall_wh} Wh"
        case ResetSuspected(fall_wh):
            return Reason.RESET_SUSPECTED, f"{span}: it fell by {fall_wh} Wh"
        case BeyondNameplate(energy_wh):
            return (
                Reason.BEYOND_NAMEPLATE,
                f"{span}: {energy_wh} Wh are more than the installation can move in that time",
            )
