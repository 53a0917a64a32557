"""One ECW1 frame from a LoRaWAN network server: opened, folded, and the statements that become whole entered in the books."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from community.attestation import admission
from community.attestation.admission import Admitted, Duplicate, Quarantined, Rejected
from community.attestation.device_message import DeviceMessage
from community.attestation.device_status import MalformedStatus, parse_radio_status
from community.attestation.lora_frame import Port
from community.attestation.lora_reassembly import RefusedFrame, RepeatedFrame, TakenFrame
from community.attestation.reasons import Reason
from community.attestation.statement import OFFSET_UNKNOWN_S
from community.clock import QUARTER_HOUR_S, slot_at, slot_start
from community.ids import digest_of
from community.store import lora_frames
from community.store.device_statuses import keep_statuses
from community.store.devices import DeviceFile
from community.store.lora_frames import LoraFrame
from community.store.provisional_readings import ProvisionalReading, drop_provisional, show_provisional
from community.store.quarantine import Refusal, quarantine, resolve_reason, resolve_subject
from community.store.unit_of_work import Work
from ingest.cases import Case
from ingest.device_records import record_of
from ingest.lorawan.folds import DeviceFold, Folds, NotFoldable, advanced, with_verified
from ingest.lorawan.key_registration import register_key
from ingest.outcomes import Outcome
from ingest.proofs import book_readings, keep_proof, stored_payload
from ingest.uplinks import Uplink

PORTS = frozenset({Port.READINGS, Port.SIGNATURE, Port.STATUS, Port.KEY_REGISTRATION})
DELAY_MAX_S = 2**31 - 1
# Proven, and to be booked once the registry says so: the frames stay open until then.
_WAITS = (Reason.DEVICE_NOT_ACTIVE, Reason.KEY_NOT_VALID)


@dataclass(slots=True)
class _Entry:
    """The statements of one unit of work on their way into the books, and what became of them."""

    case: Case
    device: DeviceFile
    opened: DeviceFold
    refusals: list[Outcome] = field(default_factory=list)
    metering_points: set[str] = field(default_factory=set)
    readings_refused: int = 0
    admitted: int = 0

    async def enter(self, case: Case, message: DeviceMessage, verdict: admission.Verdict) -> None:
        """Enter one statement; `case` is that of the frame which made it whole."""
        statement = message.signed.statement
        match verdict:
            case Admitted():
                digest = await keep_proof(case, self.device, verdict)
                doubt = _doubt(self.device, statement.ctr)
                await resolve_subject(case.work, doubt, "its signature holds now", case.now)
                booked = case.bookings(self.device)
                await book_readings(booked, verdict, digest)
                self.metering_points |= booked.metering_points
                self.readings_refused += booked.refused
                self.admitted += 1
            case Duplicate():
                pass
            case Quarantined(reason, detail, Admitted() as proven) if reason not in _WAITS:
                await keep_proof(case, self.device, proven)
                self.refusals.append(await case.refuse("quarantined", reason, detail))
            case Quarantined(reason, detail) | Rejected(reason, detail):
                subject = digest_of(message.signed.cose_sign1())
                self.refusals.append(await case.refuse("quarantined", reason, detail, subject))
                if reason in _WAITS:
                    self.opened.waiting.add(statement.ctr)
                    return
        await drop_provisional(
            case.work, self.device.id, slot_start(statement.first_slot), slot_start(statement.last_slot)
        )

    async def enter_replayed(self) -> None:
        """Enter what came together while the frames were folded again."""
        for frame, message in self.opened.replayed:
            earlier = Uplink(frame.source, self.device.eui, frame.payload, frame.received_at, frame.f_port)
            case = replace(self.case, uplink=earlier, earlier="admitted")
            await self.enter(case, message, await _verdict_on(case.work, self.device, message, frame.received_at))
        self.opened.replayed = ()

    async def doubt(self) -> None:
        """Tell a person of statements of which everything came, and whose signature does not hold all the same."""
        work, digest = self.case.work, self.case.uplink.digest
        for ctr in self.opened.fold.unverifiable:
            await quarantine(work, digest, self.device.id, _doubt(self.device, ctr), self.case.now)

    def outcome(self) -> Outcome:
        refused = self.refusals[0] if self.refusals else Outcome("admitted", device=self.device)
        return replace(refused, metering_points=frozenset(self.metering_points), readings_refused=self.readings_refused)


async def take_in_frame(case: Case, device: DeviceFile, folds: Folds) -> Outcome:
    """Record a frame and what follows from it. Everything it writes belongs to the case's unit of work."""
    uplink = case.uplink
    if uplink.f_port not in PORTS:
        detail = f"port {uplink.f_port} carries no frame of this format; 10 to 13 do"
        return await case.refuse("rejected", Reason.MALFORMED, detail)
    if await lora_frames.was_opened(case.work, uplink.digest):
        return await case.duplicate()
    try:
        opened = await folds.open(case.work, device, case.now)
    except NotFoldable as error:
        return await case.refuse("quarantined", Reason.UNDECRYPTABLE, str(error))
    match opened.fold.take(uplink.f_port, uplink.payload, slot_at(uplink.received_at)):
        case RefusedFrame(detail, broken):
            folds.keep(device, opened)
            return await case.refuse("rejected", Reason.UNDECRYPTABLE if broken else Reason.MALFORMED, detail)
        case RepeatedFrame(counter):
            folds.keep(device, opened)
            return await _repeated(case, device, counter)
        case TakenFrame() as taken:
            if await lora_frames.payload_with_counter(case.work, device.id, taken.opened.counter) is not None:
                return await _repeated(case, device, taken.opened.counter)  # the fold took it: it is made anew
            outcome = await _taken(_Entry(case, device, opened), taken)
            folds.keep(device, opened)
            if uplink.f_port == Port.KEY_REGISTRATION:
                return await register_key(case, device, taken.opened.rest) or outcome
            if uplink.f_port == Port.STATUS and taken.opened.rest:
                return await _told(case, device, taken.opened.rest) or outcome
            return outcome


async def enter_waiting(case: Case, device: DeviceFile, folds: Folds) -> Outcome:
    """Enter the statements that the registry lets in now, without any new frame. Raises NotFoldable."""
    opened = await folds.open(case.work, device, case.now)
    entry = _Entry(case, device, opened)
    await entry.enter_replayed()
    await _end_waiting(entry)
    opened.progress = with_verified(opened, opened.progress)
    await lora_frames.save_progress(case.work, device.id, opened.progress)
    folds.keep(device, opened)
    return entry.outcome()


async def _told(case: Case, device: DeviceFile, plaintext: bytes) -> Outcome | None:
    """Keep what a device says of itself; the refusal if it cannot be read."""
    try:
        status = parse_radio_status(plaintext)
    except MalformedStatus as error:
        return await case.refuse("quarantined", Reason.MALFORMED, str(error))
    await keep_statuses(case.work, {device.eui: status}, case.uplink.received_at)
    return None


async def _repeated(case: Case, device: DeviceFile, counter: int) -> Outcome:
    known = await lora_frames.payload_with_counter(case.work, device.id, counter)
    if known is None or known == case.uplink.payload:  # too old to tell, or by the other network server
        return await case.duplicate()
    detail = f"message counter {counter} was already used by another frame"
    return await case.refuse("rejected", Reason.REPEATED_COUNTER, detail)


async def _taken(entry: _Entry, taken: TakenFrame) -> Outcome:
    case, device, opened = entry.case, entry.device, entry.opened
    work, uplink = case.work, case.uplink
    verdicts = [await _verdict_on(work, device, message, uplink.received_at) for message in taken.verified]
    if any(isinstance(verdict, Rejected | Quarantined) for verdict in verdicts):
        await case.keep("quarantined")
    else:
        await case.admit()
    await lora_frames.add_lora_frame(work, _row(device, uplink, taken))
    await show_provisional(work, device.id, _provisional(uplink, taken), case.now)
    await entry.enter_replayed()
    for message, verdict in zip(taken.verified, verdicts, strict=True):
        await entry.enter(case, message, verdict)
    await entry.doubt()
    await _end_waiting(entry)
    opened.progress = advanced(opened, uplink.digest)
    await lora_frames.save_progress(work, device.id, opened.progress)
    return entry.outcome()


async def _end_waiting(entry: _Entry) -> None:
    """Where statements were let in and none waits, what was held against the device is settled."""
    if entry.admitted and not entry.opened.waiting:
        for reason in _WAITS:
            resolution = "the registry lets the device's statements in: they are on the books"
            await resolve_reason(entry.case.work, entry.device.id, reason, resolution, entry.case.now)


def _doubt(device: DeviceFile, ctr: int) -> Refusal:
    detail = (
        f"all readings and the whole signature of statement {ctr} came, and no key on file made it: compare the device's keys and "
        "profile; the frames are kept, and are tried again when the registry changes"
    )
    return Refusal(Reason.BAD_SIGNATURE, detail, subject=f"statement {device.id} {ctr}")


async def _verdict_on(
    work: Work, device: DeviceFile, message: DeviceMessage, received_at: datetime
) -> admission.Verdict:
    verdict = admission.admit_rebuilt(message, 0, 0, record_of(device), received_at)
    held = verdict.held if isinstance(verdict, Quarantined) else verdict
    if not isinstance(held, Admitted):
        return verdict
    against = admission.judge_statement(held, await stored_payload(work, device.id, held))
    return verdict if isinstance(against, Admitted) else against


def _row(device: DeviceFile, uplink: Uplink, taken: TakenFrame) -> LoraFrame:
    delay_s = None
    if taken.newest_slot is not None and taken.opened.block is not None:
        off_s = taken.opened.block.offsets_s[0]
        read_s = taken.newest_slot * QUARTER_HOUR_S + (0 if off_s == OFFSET_UNKNOWN_S else off_s)
        delay_s = min(int(uplink.received_at.timestamp()) - read_s, DELAY_MAX_S)
    return LoraFrame(
        digest=uplink.digest,
        device_id=device.id,
        generation=taken.opened.generation,
        counter=taken.opened.counter,
        f_port=taken.opened.f_port,
        received_at=uplink.received_at,
        newest_slot=taken.newest_slot,
        statement_ctr=taken.statement_ctr,
        delay_s=delay_s,
    )


def _provisional(uplink: Uplink, taken: TakenFrame) -> list[ProvisionalReading]:
    return [
        ProvisionalReading(slot_start(each.slot), each.registers, each.off_s, each.status, uplink.digest)
        for each in taken.provisional
    ]
