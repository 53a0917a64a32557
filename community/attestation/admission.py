"""The judgement on what a device sent: admitted, duplicate, rejected or quarantined. Pure; the shell loads and saves.

Rejected = not proven to be the device's; quarantined = proven, but not to be booked before a person has looked. The
bytes are kept in every case. Evidence is checked before time and state, so that a pending device's first message is its proof of
possession. What follows per register is judged by `community.metering.plausibility`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from community.attestation import merkle
from community.attestation.device_message import DeviceMessage, MalformedMessage, parse_up
from community.attestation.device_record import DeviceKeyRecord, DeviceRecord, DeviceState
from community.attestation.legacy import BadLegacyPayload, LegacyPayload, legacy_readings, split_legacy
from community.attestation.reasons import Reason
from community.attestation.sealing import (
    Direction,
    MalformedEnvelope,
    Opened,
    SealBroken,
    derive_salt_key,
    open_message,
)
from community.attestation.signatures import verify_p256
from community.attestation.statement import SignedStatement, SlotReading
from community.clock import as_utc, slot_at, slot_start
from community.metering.dlms.telegram import PushTelegram
from community.metering.dlms.unreadable import UnreadableTelegram

FUTURE_TOLERANCE = timedelta(seconds=60)
AGE_MAX = timedelta(days=40)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A statement proven to be the device's, with its readings and what proves each of them."""

    device_eui: bytes
    generation: int
    counter: int
    key: DeviceKeyRecord
    signed: SignedStatement
    readings: tuple[SlotReading, ...]
    leaf_inputs: tuple[bytes, ...]
    """One per reading, in their order: with the statement they prove it without any secret."""
    evidence: bytes
    """The COSE_Sign1, to be stored verbatim."""
    leaves: bytes
    """The hashes of the leaf inputs, one after the other: the path from each reading to the signed root."""


@dataclass(frozen=True, slots=True)
class AdmittedLegacy:
    """A meter's telegram in the legacy format, proven to be the gateway's."""

    device_eui: bytes
    key: DeviceKeyRecord
    payload: LegacyPayload
    telegram: PushTelegram
    evidence: bytes
    """The payload, to be stored verbatim."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Known already: to be acknowledged again and dropped."""

    detail: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not proven to be the device's, or unreadable. `detail` is a sentence about this case."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Proven to be the device's, but held until a person has looked. `held` is what could be admitted then."""

    reason: Reason
    detail: str
    held: Admitted | AdmittedLegacy | None = None


Verdict = Admitted | Duplicate | Rejected | Quarantined


@dataclass(frozen=True, slots=True)
class Proof:
    """What a message proves by itself. `counter` is None if it did not open."""

    verdict: Admitted | Rejected | Quarantined
    generation: int = 0
    counter: int | None = None


LegacyVerdict = AdmittedLegacy | Duplicate | Rejected | Quarantined


@dataclass(frozen=True, slots=True)
class NewReading:
    """Nothing is admitted for this slot yet."""


ReadingVerdict = NewReading | Duplicate | Quarantined


def admit_message(
    payload: bytes,
    device: DeviceRecord | None,
    seen: Callable[[int, int], bool],
    received_at: datetime,
    *,
    stored_before: bool = False,
) -> Verdict:
    """Judge one sealed ECW1 message.

    `device` is the registration of the EUI the message names (`sealing.peek_device`), None if there is none.
    `seen(generation, counter)` says whether a message of this device with that counter was taken in, and
    `stored_before` whether these very bytes were.
    """
    proof = prove_message(payload, device, received_at)
    used = proof.counter is not None and seen(proof.generation, proof.counter)
    return judge_proof(proof, seen=used, stored_before=stored_before)


def prove_message(payload: bytes, device: DeviceRecord | None, received_at: datetime) -> Proof:
    """What one sealed ECW1 message proves by itself. `judge_proof` then sets it against what was taken in before."""
    if device is None:
        return Proof(_unknown_device())
    if device.secret is None:
        return Proof(
            Rejected(Reason.UNDECRYPTABLE, "no secret is registered for this device, so its messages cannot be opened")
        )
    try:
        opened = open_message(payload, device.secret, device.device_eui, Direction.UP)
    except MalformedEnvelope as error:
        return Proof(Rejected(Reason.MALFORMED, str(error)))
    except SealBroken as error:
        return Proof(Rejected(Reason.UNDECRYPTABLE, str(error)))
    try:
        message = parse_up(opened.plaintext)
    except MalformedMessage as error:
        return Proof(Rejected(Reason.MALFORMED, str(error)), opened.generation, opened.counter)
    verdict = _judge_evidence(message, opened, device, device.secret, as_utc(received_at))
    return Proof(verdict, opened.generation, opened.counter)


def judge_proof(proof: Proof, *, seen: bool, stored_before: bool) -> Verdict:
    """Judge a proof by its message counter: `seen` says whether one with it was taken in, `stored_before` whether these bytes were."""
    if not seen:
        return proof.verdict
    numbers = f"message counter {proof.counter} of key generation {proof.generation}"
    if stored_before:
        return Duplicate(f"{numbers} was taken in before")
    return Rejected(Reason.REPEATED_COUNTER, f"{numbers} was already used by another message")


def admit_rebuilt(
    message: DeviceMessage, generation: int, counter: int, device: DeviceRecord, received_at: datetime
) -> Verdict:
    """Judge a statement put together from LoRaWAN frames; the seal of the last of them proved `generation` and `counter`."""
    if device.secret is None:
        return Rejected(
            Reason.UNDECRYPTABLE, "no secret is registered for this device, so no frame of it can be opened"
        )
    opened = Opened(device.device_eui, generation, counter, b"")
    return _judge_evidence(message, opened, device, device.secret, as_utc(received_at))


def judge_statement(verdict: Admitted, stored_payload: bytes | None) -> Verdict:
    """Judge an admitted statement against the one stored with its device, key number and counter (its payload), if any."""
    statement = verdict.signed.statement
    if stored_payload is None:
        return verdict
    if stored_payload == verdict.signed.payload:
        return Duplicate(f"statement {statement.ctr} of key {statement.keyno} is stored already")
    detail = f"key {statement.keyno} signed two different statements with counter {statement.ctr}; both are kept"
    return Quarantined(Reason.EQUIVOCATION, detail, verdict)


def judge_reading(registers: tuple[int, ...], slot: int, admitted: tuple[int, ...] | None) -> ReadingVerdict:
    """Judge register values against those already admitted for the same slot, if any: equal is a no-op."""
    if admitted is None:
        return NewReading()
    when = slot_start(slot).isoformat()
    if admitted == registers:
        return Duplicate(f"the reading of {when} is admitted already")
    detail = f"for {when} {_listed(admitted)} Wh is admitted already, now {_listed(registers)} Wh came"
    return Quarantined(Reason.CONFLICTING_READING, detail)


def admit_legacy(
    payload: bytes,
    device: DeviceRecord | None,
    meter_key: bytes,
    last_invocation: int | None,
    received_at: datetime,
    zone: str,
    *,
    stored_before: bool = False,
) -> LegacyVerdict:
    """Judge one payload of the original Trusted Gateway.

    `last_invocation` is the highest invocation counter taken in of this meter and key; `zone` (an IANA name) serves
    meters that send local time only; `stored_before` says whether these very bytes were taken in.
    """
    if device is None:
        return _unknown_device()
    try:
        parts = split_legacy(payload)
    except BadLegacyPayload as error:
        return Rejected(Reason.MALFORMED, str(error))
    key = next((key for key in device.keys if parts.signed_by(key.public_key)), None)
    if key is None:
        return Rejected(Reason.BAD_SIGNATURE, "no registered key of this gateway made the signature")
    try:
        telegram = legacy_readings(parts.frame, meter_key, zone)
    except UnreadableTelegram as error:
        return Quarantined(Reason.METER_FRAME_UNREADABLE, str(error))
    if last_invocation is not None and telegram.invocation_counter <= last_invocation:
        counter = f"invocation counter {telegram.invocation_counter}"
        if stored_before:
            return Duplicate(f"{counter} was taken in before")
        return Rejected(
            Reason.REPEATED_COUNTER, f"{counter} is not above {last_invocation}, the last one of this meter"
        )
    held = AdmittedLegacy(device.device_eui, key, parts, telegram, payload)
    slot = slot_at(telegram.meter_time)
    if not key.covers(slot, slot):
        return Rejected(Reason.KEY_NOT_VALID, f"key {key.keyno} was not valid at {telegram.meter_time.isoformat()}")
    fault = _state_fault(device) or _time_fault(telegram.meter_time, telegram.meter_time, as_utc(received_at))
    return Quarantined(*fault, held) if fault else held


def _judge_evidence(
    message: DeviceMessage, opened: Opened, device: DeviceRecord, secret: bytes, received_at: datetime
) -> Admitted | Rejected | Quarantined:
    signed, statement = message.signed, message.signed.statement
    if statement.device_id != device.device_eui:
        return Rejected(Reason.MALFORMED, f"the statement is of another device, {statement.device_id.hex()}")
    key = next((key for key in device.keys if (key.keyno, key.kid) == (statement.keyno, signed.kid)), None)
    if key is None:
        detail = f"no key with number {statement.keyno} and id {signed.kid.hex()} is registered for this device"
        return Rejected(Reason.UNKNOWN_KEY, detail)
    if not verify_p256(key.public_key, signed.to_be_signed(), signed.signature):
        return Rejected(Reason.BAD_SIGNATURE, f"the signature of statement {statement.ctr} is not by key {key.keyno}")
    leaf_inputs = message.leaf_inputs(derive_salt_key(secret, device.device_eui))
    leaves = merkle.leaf_hashes(leaf_inputs)
    if merkle.root(leaves) != statement.root:
        return Rejected(Reason.WRONG_ROOT, f"the readings sent are not those that statement {statement.ctr} signs")
    if not key.covers(statement.first_slot, statement.last_slot):
        span = f"{slot_start(statement.first_slot).isoformat()} to {slot_start(statement.last_slot).isoformat()}"
        return Rejected(Reason.KEY_NOT_VALID, f"key {key.keyno} was not valid for all of {span}")
    held = Admitted(
        device.device_eui,
        opened.generation,
        opened.counter,
        key,
        signed,
        message.readings,
        leaf_inputs,
        signed.cose_sign1(),
        b"".join(leaves),
    )
    fault = (
        _state_fault(device)
        or _profile_fault(statement.profile, device.profile)
        or _time_fault(slot_start(message.readings[0].slot), slot_start(statement.last_slot), received_at)
    )
    return Quarantined(*fault, held) if fault else held


def _unknown_device() -> Rejected:
    return Rejected(Reason.UNKNOWN_DEVICE, "the message names a device that is not registered")


def _state_fault(device: DeviceRecord) -> tuple[Reason, str] | None:
    if device.state == DeviceState.ACTIVE:
        return None
    return Reason.DEVICE_NOT_ACTIVE, f"the device is {device.state}, not active"


def _profile_fault(profile: int, expected: int | None) -> tuple[Reason, str] | None:
    if expected is None or profile == expected:
        return None
    return (
        Reason.MALFORMED,
        f"the statement has register profile {profile}, but {expected} is registered for the device",
    )


def _time_fault(oldest: datetime, newest: datetime, received_at: datetime) -> tuple[Reason, str] | None:
    if newest > received_at + FUTURE_TOLERANCE:
        detail = f"it is dated {newest.isoformat()}, but came at {received_at.isoformat()}"
        return Reason.FROM_THE_FUTURE, detail
    if oldest < received_at - AGE_MAX:
        return (
            Reason.TOO_OLD,
            f"its oldest reading is of {oldest.isoformat()}, more than {AGE_MAX.days} days before it came",
        )
    return None


def _listed(registers: tuple[int, ...]) -> str:
    return ", ".join(map(str, registers))
