"""Every verdict, each from one change to a message that is admitted otherwise."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from community.attestation.admission import (
    Admitted,
    AdmittedLegacy,
    Duplicate,
    NewReading,
    Quarantined,
    Rejected,
    Verdict,
    admit_legacy,
    admit_message,
    judge_reading,
    judge_statement,
)
from community.attestation.device_message import DeviceMessage
from community.attestation.device_record import DeviceKeyRecord, DeviceRecord, DeviceState
from community.attestation.merkle import leaf_hash, root
from community.attestation.reasons import Reason
from community.attestation.sealing import Direction, seal_message
from community.attestation.signatures import kid_of
from community.attestation.statement import parse_cose_sign1
from community.clock import slot_start
from tests.unit.community.attestation.builders import (
    ECW1_MESSAGES,
    EUI,
    FIRST_SLOT,
    SECRET,
    DeviceKey,
    message_of,
    readings_of,
    sealed,
    sec1_of_pem,
    some_readings,
    vector,
)

KEY = DeviceKey()
KEY_RECORD = DeviceKeyRecord(1, KEY.public_key, KEY.kid, FIRST_SLOT)
DEVICE = DeviceRecord(EUI, DeviceState.ACTIVE, (KEY_RECORD,), SECRET, 1)
MESSAGE = message_of(KEY, some_readings())
PAYLOAD = sealed(MESSAGE)
RECEIVED_AT = slot_start(FIRST_SLOT + 3) + timedelta(seconds=5)


def _never(generation: int, counter: int) -> bool:
    return False


def _judge(
    payload: bytes = PAYLOAD, device: DeviceRecord | None = DEVICE, received_at: datetime = RECEIVED_AT
) -> Verdict:
    return admit_message(payload, device, _never, received_at)


def test_a_genuine_message_is_admitted_with_its_evidence() -> None:
    verdict = _judge()
    assert isinstance(verdict, Admitted)
    assert (verdict.device_eui, verdict.generation, verdict.counter, verdict.key) == (EUI, 0, 100, KEY_RECORD)
    assert verdict.readings == MESSAGE.readings
    assert root([leaf_hash(leaf) for leaf in verdict.leaf_inputs]) == verdict.signed.statement.root
    assert parse_cose_sign1(verdict.evidence) == MESSAGE.signed


@pytest.mark.parametrize("name", ECW1_MESSAGES)
def test_the_published_messages_are_admitted(name: str) -> None:
    v = vector("ecw1", name)
    public_key = sec1_of_pem(v["public_key_pem"])
    key = DeviceKeyRecord(v["keyno"], public_key, bytes.fromhex(v["kid"]), v["first_slot"])
    secret, eui = bytes.fromhex(v["device_secret"]), bytes.fromhex(v["dev_eui"])
    device = DeviceRecord(eui, DeviceState.ACTIVE, (key,), secret, v["profile"])
    received_at = slot_start(v["first_slot"] + v["span"])
    verdict = admit_message(bytes.fromhex(v["mqtt"]["payload"]), device, _never, received_at)
    assert isinstance(verdict, Admitted)
    assert verdict.evidence.hex() == v["cose_sign1"]
    assert verdict.readings == readings_of(v)


def test_a_counter_that_was_seen_is_a_duplicate_or_a_replay() -> None:
    asked: list[tuple[int, int]] = []

    def seen(generation: int, counter: int) -> bool:
        asked.append((generation, counter))
        return True

    assert isinstance(admit_message(PAYLOAD, DEVICE, seen, RECEIVED_AT, stored_before=True), Duplicate)
    verdict = admit_message(PAYLOAD, DEVICE, seen, RECEIVED_AT)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.REPEATED_COUNTER
    assert asked == [(0, 100)] * 2


def _with_key(**change: int | None) -> DeviceRecord:
    return replace(DEVICE, keys=(replace(KEY_RECORD, **change),))  # type: ignore[arg-type]


def _bad_signature() -> bytes:
    signed = replace(MESSAGE.signed, signature=KEY.sign(b"something else"))
    return sealed(DeviceMessage(signed, MESSAGE.readings))


def _wrong_root() -> bytes:
    first, *rest = MESSAGE.readings
    return sealed(DeviceMessage(MESSAGE.signed, (replace(first, registers=(9,)), *rest)))


def _of_another_device() -> bytes:
    return sealed(message_of(KEY, some_readings(), eui=bytes(8)))


def _plaintext(content: bytes) -> bytes:
    return seal_message(SECRET, EUI, 0, Direction.UP, 1, content)


@pytest.mark.parametrize(
    ("payload", "device", "reason"),
    [
        (PAYLOAD, None, Reason.UNKNOWN_DEVICE),
        (PAYLOAD, replace(DEVICE, secret=None), Reason.UNDECRYPTABLE),
        (PAYLOAD, replace(DEVICE, secret=bytes(32)), Reason.UNDECRYPTABLE),
        (PAYLOAD, replace(DEVICE, device_eui=bytes(8)), Reason.UNDECRYPTABLE),
        (PAYLOAD[:-1] + b"\0", DEVICE, Reason.UNDECRYPTABLE),
        (PAYLOAD[:-1], DEVICE, Reason.MALFORMED),
        (_plaintext(b"\x80"), DEVICE, Reason.MALFORMED),
        (_of_another_device(), DEVICE, Reason.MALFORMED),
        (PAYLOAD, _with_key(keyno=2), Reason.UNKNOWN_KEY),
        (PAYLOAD, replace(DEVICE, keys=()), Reason.UNKNOWN_KEY),
        (sealed(message_of(DeviceKey(5), some_readings())), DEVICE, Reason.UNKNOWN_KEY),
        (_bad_signature(), DEVICE, Reason.BAD_SIGNATURE),
        (_wrong_root(), DEVICE, Reason.WRONG_ROOT),
        (PAYLOAD, _with_key(valid_from_slot=FIRST_SLOT + 1), Reason.KEY_NOT_VALID),
        (PAYLOAD, _with_key(valid_to_slot=FIRST_SLOT + 3), Reason.KEY_NOT_VALID),
    ],
)
def test_what_is_not_proven_is_rejected(payload: bytes, device: DeviceRecord | None, reason: Reason) -> None:
    verdict = _judge(payload, device)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is reason
    assert verdict.detail


@pytest.mark.parametrize(
    ("device", "received_at", "reason"),
    [
        (replace(DEVICE, state=DeviceState.PENDING), RECEIVED_AT, Reason.DEVICE_NOT_ACTIVE),
        (replace(DEVICE, state=DeviceState.REVOKED), RECEIVED_AT, Reason.DEVICE_NOT_ACTIVE),
        (replace(DEVICE, profile=2), RECEIVED_AT, Reason.MALFORMED),
        (DEVICE, slot_start(FIRST_SLOT + 3) - timedelta(seconds=61), Reason.FROM_THE_FUTURE),
        (DEVICE, slot_start(FIRST_SLOT) + timedelta(days=40, seconds=1), Reason.TOO_OLD),
    ],
)
def test_what_is_proven_but_doubtful_is_held(device: DeviceRecord, received_at: datetime, reason: Reason) -> None:
    verdict = _judge(PAYLOAD, device, received_at)
    assert isinstance(verdict, Quarantined)
    assert verdict.reason is reason
    assert isinstance(verdict.held, Admitted)
    assert verdict.held.readings == MESSAGE.readings


def test_the_limits_themselves_are_admitted() -> None:
    assert isinstance(_judge(received_at=slot_start(FIRST_SLOT + 3) - timedelta(seconds=60)), Admitted)
    assert isinstance(_judge(received_at=slot_start(FIRST_SLOT) + timedelta(days=40)), Admitted)
    assert isinstance(_judge(device=_with_key(valid_to_slot=FIRST_SLOT + 4)), Admitted)
    assert isinstance(_judge(device=replace(DEVICE, profile=None)), Admitted)


def test_no_altered_message_is_admitted() -> None:
    for at in range(len(PAYLOAD)):
        altered = bytearray(PAYLOAD)
        altered[at] ^= 0x04
        assert isinstance(_judge(bytes(altered)), Rejected)


def test_two_statements_with_one_counter_prove_equivocation() -> None:
    verdict = _judge()
    assert isinstance(verdict, Admitted)
    assert judge_statement(verdict, None) is verdict
    assert isinstance(judge_statement(verdict, MESSAGE.signed.payload), Duplicate)
    other = message_of(KEY, some_readings(register=5)).signed.payload
    alarm = judge_statement(verdict, other)
    assert isinstance(alarm, Quarantined)
    assert (alarm.reason, alarm.held) == (Reason.EQUIVOCATION, verdict)


def test_a_slot_has_one_reading() -> None:
    assert isinstance(judge_reading((1, 2), FIRST_SLOT, None), NewReading)
    assert isinstance(judge_reading((1, 2), FIRST_SLOT, (1, 2)), Duplicate)
    conflict = judge_reading((1, 3), FIRST_SLOT, (1, 2))
    assert isinstance(conflict, Quarantined)
    assert conflict.reason is Reason.CONFLICTING_READING
    assert "1, 2 Wh" in conflict.detail
    assert "1, 3 Wh" in conflict.detail


LEGACY_VECTOR = vector("legacy", "legacy-0")
LEGACY_PAYLOAD = bytes.fromhex(LEGACY_VECTOR["payload_hex"])
METER_KEY = bytes.fromhex(LEGACY_VECTOR["meter_key_hex"])
GATEWAY_KEY = bytes.fromhex(LEGACY_VECTOR["public_key_hex"])
METER_TIME = datetime.fromisoformat("2025-07-14T10:00:00Z")


def _legacy_device(state: DeviceState = DeviceState.ACTIVE, valid_from: int = 0, other: bool = False) -> DeviceRecord:
    key = KEY.public_key if other else GATEWAY_KEY
    return DeviceRecord(EUI, state, (DeviceKeyRecord(1, key, kid_of(key), valid_from),))


def test_a_legacy_payload_is_admitted() -> None:
    verdict = admit_legacy(LEGACY_PAYLOAD, _legacy_device(), METER_KEY, 999, METER_TIME, "Europe/Vienna")
    assert isinstance(verdict, AdmittedLegacy)
    assert verdict.telegram.meter_time == METER_TIME
    assert verdict.telegram.registers["1-0:1.8.0"] == 4490428
    assert (verdict.evidence, verdict.key.public_key) == (LEGACY_PAYLOAD, GATEWAY_KEY)


@pytest.mark.parametrize(
    ("payload", "device", "meter_key", "last", "received_at", "kind", "reason"),
    [
        (LEGACY_PAYLOAD, None, METER_KEY, None, METER_TIME, Rejected, Reason.UNKNOWN_DEVICE),
        (LEGACY_PAYLOAD[1:], _legacy_device(), METER_KEY, None, METER_TIME, Rejected, Reason.MALFORMED),
        (LEGACY_PAYLOAD, _legacy_device(other=True), METER_KEY, None, METER_TIME, Rejected, Reason.BAD_SIGNATURE),
        (LEGACY_PAYLOAD, _legacy_device(), METER_KEY, 1000, METER_TIME, Rejected, Reason.REPEATED_COUNTER),
        (LEGACY_PAYLOAD, _legacy_device(), METER_KEY, 2000, METER_TIME, Rejected, Reason.REPEATED_COUNTER),
        (LEGACY_PAYLOAD, _legacy_device(valid_from=2**31), METER_KEY, None, METER_TIME, Rejected, Reason.KEY_NOT_VALID),
        (LEGACY_PAYLOAD, _legacy_device(), bytes(16), None, METER_TIME, Quarantined, Reason.METER_FRAME_UNREADABLE),
        (
            LEGACY_PAYLOAD,
            _legacy_device(DeviceState.PENDING),
            METER_KEY,
            None,
            METER_TIME,
            Quarantined,
            Reason.DEVICE_NOT_ACTIVE,
        ),
        (
            LEGACY_PAYLOAD,
            _legacy_device(),
            METER_KEY,
            None,
            METER_TIME - timedelta(seconds=61),
            Quarantined,
            Reason.FROM_THE_FUTURE,
        ),
        (
            LEGACY_PAYLOAD,
            _legacy_device(),
            METER_KEY,
            None,
            METER_TIME + timedelta(days=41),
            Quarantined,
            Reason.TOO_OLD,
        ),
    ],
)
def test_a_doubtful_legacy_payload_is_not_admitted(
    payload: bytes,
    device: DeviceRecord | None,
    meter_key: bytes,
    last: int | None,
    received_at: datetime,
    kind: type[Rejected | Quarantined],
    reason: Reason,
) -> None:
    verdict = admit_legacy(payload, device, meter_key, last, received_at, "Europe/Vienna")
    assert isinstance(verdict, kind)
    assert verdict.reason is reason


def test_the_same_legacy_payload_again_is_a_duplicate() -> None:
    verdict = admit_legacy(
        LEGACY_PAYLOAD, _legacy_device(), METER_KEY, 1000, METER_TIME, "Europe/Vienna", stored_before=True
    )
    assert isinstance(verdict, Duplicate)


def test_a_device_record_must_be_sound() -> None:
    with pytest.raises(ValueError, match="key id"):
        replace(KEY_RECORD, kid=bytes(8))
    with pytest.raises(ValueError, match="validity"):
        replace(KEY_RECORD, valid_to_slot=FIRST_SLOT - 1)
    with pytest.raises(ValueError, match="8 bytes"):
        replace(DEVICE, device_eui=b"")
    with pytest.raises(ValueError, match="32 bytes"):
        replace(DEVICE, secret=bytes(31))
    with pytest.raises(ValueError, match="one key"):
        replace(DEVICE, keys=(KEY_RECORD, KEY_RECORD))
    assert SECRET.hex() not in repr(DEVICE)
    assert repr(SECRET) not in repr(DEVICE)


def test_every_reason_says_what_to_do() -> None:
    assert len({reason.sentence for reason in Reason}) == len(Reason) >= 17
    assert all(reason.sentence.endswith(".") and len(reason.sentence) > 40 for reason in Reason)
