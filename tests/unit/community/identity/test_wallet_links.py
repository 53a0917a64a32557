"""A wallet is linked by its own signature over this challenge, in time; everything else is refused with a reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from community.identity.wallet_links import LIFETIME, Linked, LinkRefused, WalletChallenge, judge_link
from tests.support.anvil import DEVELOPMENT_ADDRESSES, DEVELOPMENT_KEYS

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WALLET, OTHER = DEVELOPMENT_ADDRESSES
CHALLENGE = WalletChallenge.issue("member-anna", WALLET, 137, bytes(range(32)), NOW)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def signed(challenge: WalletChallenge = CHALLENGE, key: str = DEVELOPMENT_KEYS[0]) -> bytes:
    """The signature as a wallet gives it."""
    message = encode_typed_data(full_message=challenge.typed_data())
    return bytes(Account.sign_message(message, key).signature)


def refused(signature: bytes, now: datetime = NOW) -> str:
    verdict = judge_link(CHALLENGE, signature, now)
    assert isinstance(verdict, LinkRefused), verdict
    return verdict.reason


@pytest.mark.parametrize("after", [timedelta(0), LIFETIME - timedelta(seconds=1)])
def test_a_wallet_is_linked(after: timedelta) -> None:
    assert judge_link(CHALLENGE, signed(), NOW + after) == Linked("member-anna", WALLET, NOW + after)


def test_a_recovery_number_without_27_is_taken_too() -> None:
    signature = signed()
    assert isinstance(judge_link(CHALLENGE, signature[:64] + bytes((signature[64] - 27,)), NOW), Linked)


@pytest.mark.parametrize(
    "change",
    [
        {"identity_id": "member-bert"},
        {"address": OTHER},
        {"chain_id": 1},
        {"nonce": "0x" + "00" * 32},
        {"expires_at": NOW + LIFETIME - timedelta(seconds=1)},
    ],
)
def test_every_field_is_signed(change: dict[str, Any]) -> None:
    assert "The signature is by" in refused(signed(replace(CHALLENGE, **change)))


def test_another_wallet_cannot_answer() -> None:
    assert f"by {OTHER}, not by {WALLET}" in refused(signed(key=DEVELOPMENT_KEYS[1]))


def test_the_challenge_ends_after_ten_minutes() -> None:
    assert "expired" in refused(signed(), NOW + LIFETIME)
    assert "from the future" in refused(signed(), NOW - timedelta(minutes=2))


def test_what_is_no_signature() -> None:
    good = signed()
    high_s = (ORDER - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    for wrong in (b"", good[:64], good + b"\0", good[:64] + b"\x05", good[:32] + high_s + good[64:], bytes(65)):
        assert "The signature is none" in refused(wrong)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"nonce": "0x12"}, "nonce"),
        ({"nonce": "0x" + "AB" * 32}, "nonce"),
        ({"address": "0x12"}, "EVM address"),
        ({"address": "0x" + "AA" * 20}, "lower-case"),
        ({"identity_id": ""}, "names an identity"),
        ({"chain_id": 0}, "and a chain"),
        ({"expires_at": NOW}, "ten minutes"),
        ({"expires_at": NOW + LIFETIME + timedelta(seconds=1)}, "ten minutes"),
    ],
)
def test_no_wrong_challenge_is_made(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(CHALLENGE, **change)


def test_a_mistyped_address_is_noticed_before_anybody_signs() -> None:
    with pytest.raises(ValueError, match="mistyped"):
        WalletChallenge.issue("member-anna", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92267", 137, bytes(32), NOW)
