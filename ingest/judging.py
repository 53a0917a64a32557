"""One uplink inside a unit of work: kept, judged by the core, entered into the books. Safe to repeat."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from community.attestation import admission
from community.attestation.admission import Admitted, AdmittedLegacy, Duplicate, Quarantined, Rejected
from community.attestation.codecs import codec_of
from community.attestation.reasons import Reason
from community.attestation.sealing import MalformedEnvelope, peek_device
from community.attestation.statement import ReadingStatus
from community.clock import QUARTER_HOUR, slot_at, slot_start
from community.ids import digest_of
from community.store import frames, statements
from community.store.devices import DeviceFile, load_device
from community.store.sealed_columns import ColumnSeal
from community.store.statements import StoredStatement
from community.store.unit_of_work import Work
from ingest.bookings import ProvenReading
from ingest.cases import Case
from ingest.device_records import record_of
from ingest.lorawan.folds import Folds
from ingest.lorawan.frames import take_in_frame
from ingest.outcomes import Outcome
from ingest.proofs import book_readings, keep_proof, key_id, newest_keyno, stored_payload
from ingest.uplinks import NETWORK_SERVERS, Uplink

# The bytes may be right and only our registry behind: the device is to send again, so nothing is stored as received.
_SEND_AGAIN = (Reason.DEVICE_NOT_ACTIVE,)
_UNREGISTERED = (Reason.UNKNOWN_DEVICE, Reason.UNKNOWN_KEY)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges uplinks. `zone` is the time zone of meters that send local time only.

    `boundary_tolerance` is how far a legacy telegram's own time may lie from the quarter-hour it stands for.
    """

    column_key: ColumnSeal
    zone: str = "Europe/Vienna"
    boundary_tolerance: timedelta = timedelta(seconds=5)
    folds: Folds = field(default_factory=Folds)

    async def take_in(
        self, work: Work, uplink: Uplink, now: datetime, on_file: dict[str, DeviceFile | None] | None = None
    ) -> Outcome:
        """Record the uplink and what is decided about it. Everything it writes belongs to `work`.

        `on_file` remembers the devices loaded in this unit of work: several uplinks of one device load it once.
        """
        earlier = await frames.verdict_of(work, uplink.digest)
        device = await self._on_file(work, uplink.device_eui, {} if on_file is None else on_file)
        case = Case(work, uplink, device, earlier, now)
        if uplink.fault is not None:
            return await case.refuse("rejected", uplink.fault.reason, uplink.fault.detail)
        if device is None:
            return await case.refuse(
                "quarantined", Reason.UNKNOWN_DEVICE, f"no device {uplink.device_eui} is registered"
            )
        match device.payload_format:
            case "ecw1" if uplink.source == "device_broker":
                return await _take_in_ecw1(case, device)
            case "ecw1" if uplink.source in NETWORK_SERVERS:
                return await take_in_frame(case, device, self.folds)
            case "legacy":
                return await self._take_in_legacy(case, device)
            case other:
                detail = f"{other} frames of {uplink.source} are not read by this version"
                return await case.refuse("rejected", Reason.MALFORMED, detail)

    async def load(self, work: Work, eui: str) -> DeviceFile | None:
        """What is on file about a device."""
        return await load_device(work, eui, self.column_key)

    async def _on_file(self, work: Work, eui: str | None, on_file: dict[str, DeviceFile | None]) -> DeviceFile | None:
        if eui is None:
            return None
        if eui not in on_file:
            on_file[eui] = await load_device(work, eui, self.column_key)
        return on_file[eui]

    async def _take_in_legacy(self, case: Case, device: DeviceFile) -> Outcome:
        place = device.installation_at(case.uplink.received_at)
        keys = [] if place is None else place.meter_keys_at(case.uplink.received_at)
        if place is None or not keys:
            detail = f"no meter with a key is on file for {device.name}, so its telegrams cannot be read"
            return await case.refuse("quarantined", Reason.NOT_INSTALLED, detail)
        verdict, begins = self._legacy_verdict(case, device, keys)
        held = verdict.held if isinstance(verdict, Quarantined) else verdict
        if isinstance(held, AdmittedLegacy):
            # Telegrams come late by way of the storage: one below the newest is new all the same, if its own is not known.
            since = [
                stored
                for stored in await statements.statements_with_counter(
                    case.work, device.id, held.key.keyno, held.telegram.invocation_counter
                )
                if stored.first_at >= max(place.valid_from, begins) - QUARTER_HOUR
            ]
            counter = f"invocation counter {held.telegram.invocation_counter}"
            if any(stored.signed == held.evidence for stored in since):
                return await case.duplicate()
            if since:
                return await case.refuse(
                    "rejected", Reason.REPEATED_COUNTER, f"{counter} was used by another telegram of this meter"
                )
        match verdict:
            case AdmittedLegacy():
                return await self._admit_legacy(case, device, verdict)
            case Quarantined(reason, detail, AdmittedLegacy() as proven) if reason not in _SEND_AGAIN:
                await case.keep("quarantined")
                await statements.add_statement(case.work, _legacy_statement(case, device, proven), case.now)
                return await case.refuse("quarantined", reason, detail)
            case Quarantined(reason, detail):
                return await case.refuse("quarantined", reason, detail)
            case Rejected(reason, detail):
                return await case.refuse(_refused_as(reason), reason, detail)
            case Duplicate():
                return await case.duplicate()

    def _legacy_verdict(
        self, case: Case, device: DeviceFile, keys: list[tuple[bytes, datetime]]
    ) -> tuple[admission.LegacyVerdict, datetime]:
        """The verdict with the newest meter key that reads the telegram, and since when that key is in use.

        A new key begins a new row of invocation counters; what was enciphered before it may still come after.
        """
        verdicts = [
            (
                admission.admit_legacy(
                    case.uplink.payload, record_of(device), key, None, case.uplink.received_at, self.zone
                ),
                since,
            )
            for key, since in keys
        ]
        read = [
            each
            for each in verdicts
            if not (isinstance(each[0], Quarantined) and each[0].reason is Reason.METER_FRAME_UNREADABLE)
        ]
        return (read or verdicts)[0]

    async def _admit_legacy(self, case: Case, device: DeviceFile, verdict: AdmittedLegacy) -> Outcome:
        telegram = verdict.telegram
        statement = _legacy_statement(case, device, verdict)
        off = telegram.meter_time - statement.first_at
        inexact = abs(off) > self.boundary_tolerance
        await (case.keep("quarantined") if inexact else case.admit())
        await statements.add_statement(case.work, statement, case.now)
        if inexact:
            detail = f"the meter's time is {telegram.meter_time.isoformat()}, {int(off.total_seconds())} s from the quarter-hour"
            return await case.refuse("quarantined", Reason.NOT_AT_A_BOUNDARY, detail)
        place = device.installation_at(statement.first_at)
        wanted = {} if place is None else place.registers
        reading = ProvenReading(
            at=statement.first_at,
            off_s=int(off.total_seconds()),
            status=ReadingStatus.READ_OK,
            registers={obis: value for obis, value in telegram.registers.items() if obis in wanted},
            evidence_mode="ATTESTED",
            statement_digest=statement.digest,
            leaf_index=0,
        )
        booked = case.bookings(device)
        await booked.book(reading, wanted_obis=None if place is None else place.metering_point.settled_obis)
        return await case.admitted(booked)


async def _take_in_ecw1(case: Case, device: DeviceFile) -> Outcome:
    try:
        _, generation, counter = peek_device(case.uplink.payload)
    except MalformedEnvelope as error:
        return await case.refuse("rejected", Reason.MALFORMED, str(error))
    seen = await _seen(case.work, device.id, generation, counter)
    verdict: admission.Verdict = admission.admit_message(
        case.uplink.payload,
        record_of(device),
        lambda *_message: seen,
        case.uplink.received_at,
        stored_before=case.earlier is not None,
    )
    held = verdict.held if isinstance(verdict, Quarantined) else verdict
    if isinstance(held, Admitted):
        against = admission.judge_statement(held, await stored_payload(case.work, device.id, held))
        if not isinstance(against, Admitted):
            verdict = against
    match verdict:
        case Admitted():
            return await _admit_ecw1(case, device, verdict)
        case Duplicate():
            keyno = _keyno_of(device, held)
            if isinstance(held, Admitted):
                await frames.mark_seen(case.work, device.id, generation, counter)
            return await case.duplicate(keyno, generation)
        case Quarantined(reason, detail, Admitted() as proven) if reason not in _SEND_AGAIN:
            await case.keep("quarantined")
            await keep_proof(case, device, proven)
            await _remember(case, device, generation, counter)
            refused = await case.refuse("quarantined", reason, detail)
            return Outcome(refused.verdict, refused.reason, device, proven.signed.statement.keyno, generation)
        case Quarantined(reason, detail, proof):
            subject = digest_of(proof.evidence) if proof is not None else None
            return await case.refuse("quarantined", reason, detail, subject)
        case Rejected(reason, detail):
            return await case.refuse(_refused_as(reason), reason, detail)


async def _admit_ecw1(case: Case, device: DeviceFile, verdict: Admitted) -> Outcome:
    await case.admit()
    digest = await keep_proof(case, device, verdict)
    await _remember(case, device, verdict.generation, verdict.counter)
    booked = case.bookings(device)
    await book_readings(booked, verdict, digest)
    return await case.admitted(booked, verdict.signed.statement.keyno, verdict.generation)


async def _remember(case: Case, device: DeviceFile, generation: int, counter: int) -> None:
    """Note a message counter as used; now and then forget those that are too old to ask about."""
    await frames.mark_seen(case.work, device.id, generation, counter)
    newest = await frames.newest_counter(case.work, device.id, generation)
    if newest == counter and newest % 64 == 0:
        await frames.forget_old_counters(case.work, device.id, generation, newest)


def _legacy_statement(case: Case, device: DeviceFile, proven: AdmittedLegacy) -> StoredStatement:
    return StoredStatement(
        digest=digest_of(proven.evidence),
        device_id=device.id,
        device_key_id=key_id(device, proven.key.keyno),
        keyno=proven.key.keyno,
        ctr=proven.telegram.invocation_counter,
        format="legacy",
        signed=proven.evidence,
        first_at=slot_start(slot_at(proven.telegram.meter_time + QUARTER_HOUR / 2)),
        span=1,
        reading_count=1,
        frame_digest=case.frame.digest,
        codec=codec_of(proven.telegram.layout),
        plaintext_digest=proven.telegram.plaintext_digest.hex(),
    )


async def _seen(work: Work, device_id: str, generation: int, counter: int) -> bool:
    """Whether a message counter was taken in, or is older than what is remembered."""
    newest = await frames.newest_counter(work, device_id, generation)
    if newest is not None and counter < newest - frames.REPLAY_WINDOW:
        return True
    return await frames.message_seen(work, device_id, generation, counter)


def _keyno_of(device: DeviceFile, held: object) -> int | None:
    """The key whose statements a duplicate asks to be acknowledged again: its own, or the device's newest."""
    if isinstance(held, Admitted):
        return held.signed.statement.keyno
    return newest_keyno(device)


def _refused_as(reason: Reason) -> str:
    return "quarantined" if reason in _UNREGISTERED else "rejected"
