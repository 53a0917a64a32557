"""Linking a wallet that an identity brings: it signs a challenge (EIP-712), once, within ten minutes. Pure.

The message names the identity, the wallet, the chain, a nonce and when it ends, so a signature given to somebody else, on
another chain or earlier proves nothing here. The wallet shows these words to the person who signs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from community.clock import as_utc
from community.identity.derivation import checksum_address

LIFETIME = timedelta(minutes=10)
AHEAD_MAX = timedelta(minutes=1)
"""How far another host's clock may be ahead of ours."""
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_DOMAIN = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
]
_LINK = [
    {"name": "statement", "type": "string"},
    {"name": "identity", "type": "string"},
    {"name": "wallet", "type": "address"},
    {"name": "nonce", "type": "bytes32"},
    {"name": "expiresAt", "type": "uint64"},
]
STATEMENT = "Tokens for my share of produced energy shall be paid to this wallet."


@dataclass(frozen=True, slots=True)
class WalletChallenge:
    """What a wallet is asked to sign. `address` is lower-case 0x hex, `nonce` 0x and 64 hex digits drawn at random.

    Raises ValueError.
    """

    nonce: str
    identity_id: str
    address: str
    chain_id: int
    issued_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        if len(self.nonce) != 66 or self.nonce != "0x" + bytes.fromhex(self.nonce[2:]).hex():
            raise ValueError("the nonce of a challenge is 0x and 64 lower-case hex digits")
        if self.address != checksum_address(self.address).lower():
            raise ValueError("the wallet's address must be 0x and 40 lower-case hex digits")
        if not self.identity_id or not 0 < self.chain_id < 1 << 63:
            raise ValueError("a challenge names an identity and a chain")
        if not timedelta(0) < as_utc(self.expires_at) - as_utc(self.issued_at) <= LIFETIME:
            raise ValueError("a challenge ends at most ten minutes after it was issued")

    @classmethod
    def issue(cls, identity_id: str, address: str, chain_id: int, nonce: bytes, now: datetime) -> "WalletChallenge":
        """A challenge for a wallet, given in any spelling of EIP-55. Raises ValueError for one with a mistyped digit."""
        lower = checksum_address(address).lower()
        return cls("0x" + nonce.hex(), identity_id, lower, chain_id, now, now + LIFETIME)

    def typed_data(self) -> dict[str, Any]:
        """The message as wallets take it (`eth_signTypedData_v4`)."""
        return {
            "types": {"EIP712Domain": _DOMAIN, "LinkWallet": _LINK},
            "primaryType": "LinkWallet",
            "domain": {"name": "Energy community", "version": "1", "chainId": self.chain_id},
            "message": {
                "statement": STATEMENT,
                "identity": self.identity_id,
                "wallet": checksum_address(self.address),
                "nonce": self.nonce,
                "expiresAt": int(self.expires_at.timestamp()),
            },
        }


@dataclass(frozen=True, slots=True)
class Linked:
    """The wallet signed: from `at` on it is an address of the identity."""

    identity_id: str
    address: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LinkRefused:
    """The proof does not hold. `reason` is a sentence for the person who tried."""

    reason: str


def judge_link(challenge: WalletChallenge, signature: bytes, now: datetime) -> Linked | LinkRefused:
    """Whether `signature` (65 bytes, r | s | v, the lower s) over the challenge is the wallet's, in time."""
    if as_utc(now) >= as_utc(challenge.expires_at):
        return LinkRefused("The challenge has expired after ten minutes: ask for a new one and sign that.")
    if as_utc(now) < as_utc(challenge.issued_at) - AHEAD_MAX:
        return LinkRefused("The challenge is from the future: the clocks of two hosts differ. Set them, and try again.")
    signer = _signer_of(challenge, signature)
    if signer is None:
        return LinkRefused(
            "The signature is none: 65 bytes of r, s and v with the lower s are wanted (EIP-712, EIP-2)."
        )
    if signer != challenge.address:
        return LinkRefused(
            f"The signature is by {signer}, not by {challenge.address}: sign with the wallet to be linked."
        )
    return Linked(challenge.identity_id, challenge.address, now)


def _signer_of(challenge: WalletChallenge, signature: bytes) -> str | None:
    if (
        len(signature) != 65
        or int.from_bytes(signature[32:64], "big") > _HALF_ORDER
        or signature[64] not in (0, 1, 27, 28)
    ):
        return None
    message = encode_typed_data(full_message=challenge.typed_data())
    try:
        return str(Account.recover_message(message, signature=signature)).lower()
    except (BadSignature, ValidationError, ValueError):
        return None
