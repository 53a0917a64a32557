"""The message of a sign-in says what EIP-4361 wants, and only its own wallet's signature in time counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from community.identity.wallet_sign_in import LIFETIME, SignInMessage

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
WALLET = Account.from_key(b"\x07" * 32)
MESSAGE = SignInMessage(
    "https://sun.example:8443/app", WALLET.address.lower(), 137, "0123456789abcdef" * 2, NOW, NOW + LIFETIME
)


def signature(message: SignInMessage = MESSAGE) -> bytes:
    return bytes(WALLET.sign_message(encode_defunct(text=message.text)).signature)


def test_the_message_is_that_of_eip_4361() -> None:
    assert MESSAGE.text.splitlines() == [
        "sun.example:8443 wants you to sign in with your Ethereum account:",
        WALLET.address,
        "",
        "Sign in to your energy community. This costs nothing and moves nothing.",
        "",
        "URI: https://sun.example:8443/app",
        "Version: 1",
        "Chain ID: 137",
        "Nonce: 0123456789abcdef0123456789abcdef",
        "Issued At: 2026-11-27T12:00:00Z",
        "Expiration Time: 2026-11-27T12:10:00Z",
    ]


def test_its_wallet_signs_it_in_time() -> None:
    signed = signature()
    assert MESSAGE.is_signed_by_wallet(signed, NOW)
    assert MESSAGE.is_signed_by_wallet(signed[:64] + bytes([signed[64] - 27]), NOW)
    assert not MESSAGE.is_signed_by_wallet(signed, NOW + LIFETIME)
    assert not MESSAGE.is_signed_by_wallet(signed, NOW - timedelta(hours=1))


def test_nothing_else_signs_it() -> None:
    signed = signature()
    high = (
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - int.from_bytes(signed[32:64], "big")
    ).to_bytes(32, "big")
    other = signature(replace(MESSAGE, nonce="f" * 32))
    for wrong in (
        b"",
        signed[:-1],
        signed + b"\x00",
        bytes(65),
        other,
        signed[:32] + high + bytes([55 - signed[64]]),
        signed[:64] + b"\x05",
    ):
        assert not MESSAGE.is_signed_by_wallet(wrong, NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"site": "sun.example"},
        {"site": "https://"},
        {"site": "https://sun.example\nURI: https://evil.example"},
        {"nonce": "F" * 32},
        {"nonce": "0" * 31},
        {"address": WALLET.address},
        {"address": "0x12"},
        {"chain_id": 0},
        {"expires_at": NOW},
        {"expires_at": NOW + LIFETIME + timedelta(seconds=1)},
    ],
)
def test_an_impossible_message_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"sign-in|wallet|address"):
        replace(MESSAGE, **wrong)  # type: ignore[arg-type]
