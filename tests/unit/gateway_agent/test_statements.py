"""Grouping, signing, and when to send again."""

import hashlib
from pathlib import Path

import pytest

from community.attestation.device_message import parse_up
from community.attestation.sealing import derive_salt_key
from community.attestation.signatures import verify_p256, verify_p256_digest
from community.attestation.statement import SlotReading
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.statements import DeviceIdentity, group_waiting, legacy_payload, sign_statement, up_plaintext
from gateway_agent.uplinks.attempts import Attempts

IDENTITY = DeviceIdentity(bytes(range(8)), bytes(range(32)), 0, 1, 1)
FIRST = 1_994_304


def readings(*slots: int) -> list[SlotReading]:
    return [SlotReading(FIRST + slot, 0, 1, (1000 + slot,)) for slot in slots]


@pytest.mark.parametrize(
    ("slots", "groups"),
    [
        ((), []),
        ((0,), [(0,)]),
        ((0, 1, 5), [(0, 1, 5)]),
        ((0, 95), [(0, 95)]),
        ((0, 96), [(0,), (96,)]),
        (tuple(range(200)), [tuple(range(96)), tuple(range(96, 192)), tuple(range(192, 200))]),
    ],
)
def test_waiting_readings_share_statements_of_at_most_a_day(
    slots: tuple[int, ...], groups: list[tuple[int, ...]]
) -> None:
    assert group_waiting(readings(*slots)) == [readings(*group) for group in groups]


def test_a_statement_is_signed_by_the_key_and_its_message_is_readable(tmp_path: Path) -> None:
    signer = DevelopmentKeySigner.create(tmp_path / "key.pem")
    message = parse_up(up_plaintext(sign_statement(IDENTITY, signer, 7, readings(0, 2))))
    statement = message.signed.statement
    assert (statement.ctr, statement.first_slot, statement.span, statement.count) == (7, FIRST, 3, 2)
    assert verify_p256(signer.public_key(), message.signed.to_be_signed(), message.signed.signature)
    assert message.matches_root(derive_salt_key(IDENTITY.secret, IDENTITY.eui))


def test_a_legacy_payload_is_frame_digest_signature(tmp_path: Path) -> None:
    signer = DevelopmentKeySigner.create(tmp_path / "key.pem")
    frame = bytes(range(105))
    payload = legacy_payload(signer, frame)
    assert (len(payload), payload[:105], payload[105:137]) == (201, frame, hashlib.sha256(frame).digest())
    assert verify_p256_digest(signer.public_key(), payload[105:137], payload[137:])


def test_pauses_double_up_to_ten_minutes() -> None:
    attempts, now_s, pauses = Attempts(10.0), 0.0, []
    assert attempts.is_due(1, now_s)
    for _ in range(9):
        attempts.sent(1, now_s)
        due_s = attempts.next_due_s()
        assert due_s is not None and not attempts.is_due(1, due_s - 0.001) and attempts.is_due(1, due_s)
        pauses.append(due_s - now_s)
        now_s = due_s
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    attempts.sent(2, now_s)
    attempts.forget_up_to(1)
    assert attempts.is_due(1, now_s) and not attempts.is_due(2, now_s)
    attempts.forget(2)
    assert attempts.next_due_s() is None


def test_a_backend_that_is_heard_again_gets_what_it_missed_at_once() -> None:
    attempts = Attempts(10.0)
    for now_s in (0.0, 10.0, 30.0, 70.0):
        attempts.sent(1, now_s)
    attempts.sent(2, 95.0)
    assert not attempts.is_due(1, 100.0)
    attempts.hurry(100.0)
    assert attempts.is_due(1, 100.0)
    assert not attempts.is_due(2, 100.0)  # it may still be on its way
    attempts.sent(1, 100.0)
    assert attempts.is_due(1, 110.0)


def test_no_pause_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        Attempts(0)
