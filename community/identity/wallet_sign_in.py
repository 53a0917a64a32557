"""Signing in with a wallet: a message in the words of EIP-4361, signed once (EIP-191), within ten minutes. Pure.

The server writes the message and keeps what it says, so nothing that a client sends is parsed. It names the site and a
nonce: a signature given to another site, or given before, signs nobody in here.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from community.clock import as_utc
from community.identity.derivation import checksum_address

LIFETIME = timedelta(minutes=10)
STATEMENT = "Sign in to your energy community. This costs nothing and moves nothing."
_SITE = re.compile(r"https?://([A-Za-z0-9.:\[\]-]+)(?:/[^\s]*)?")
_AUTHORITY = r"\1"
_NONCE = re.compile(r"[0-9a-f]{32}")
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True, slots=True)
class SignInMessage:
    """What a wallet is asked to sign. `site` is the address of the web application, `nonce` 32 hex digits drawn at random.

    Raises ValueError.
    """

    site: str
    address: str
    chain_id: int
    nonce: str
    issued_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        if not _SITE.fullmatch(self.site):
            raise ValueError("the site of a sign-in is an address such as https://community.example")
        if not _NONCE.fullmatch(self.nonce):
            raise ValueError("the nonce of a sign-in is 32 lower-case hex digits")
        if self.address != checksum_address(self.address).lower():
            raise ValueError("the wallet's address must be 0x and 40 lower-case hex digits")
        if not timedelta(0) < as_utc(self.expires_at) - as_utc(self.issued_at) <= LIFETIME or self.chain_id < 1:
            raise ValueError("a sign-in names a chain and ends at most ten minutes after it was issued")

    @property
    def text(self) -> str:
        """The message, to the letter (EIP-4361, "Message Format")."""
        return "\n".join(
            (
                f"{_SITE.sub(_AUTHORITY, self.site)} wants you to sign in with your Ethereum account:",
                checksum_address(self.address),
                "",
                STATEMENT,
                "",
                f"URI: {self.site}",
                "Version: 1",
                f"Chain ID: {self.chain_id}",
                f"Nonce: {self.nonce}",
                f"Issued At: {_instant(self.issued_at)}",
                f"Expiration Time: {_instant(self.expires_at)}",
            )
        )

    def is_signed_by_wallet(self, signature: bytes, now: datetime) -> bool:
        """Whether `signature` (65 bytes, r | s | v, the lower s) is the wallet's, in time."""
        if not as_utc(self.issued_at) - LIFETIME <= as_utc(now) < as_utc(self.expires_at):
            return False
        low = len(signature) == 65 and int.from_bytes(signature[32:64], "big") <= _HALF_ORDER
        if not low or signature[64] not in (0, 1, 27, 28):
            return False
        try:
            signer = Account.recover_message(encode_defunct(text=self.text), signature=signature)
        except (BadSignature, ValidationError, ValueError):
            return False
        return str(signer).lower() == self.address


def _instant(at: datetime) -> str:
    return as_utc(at).strftime("%Y-%m-%dT%H:%M:%SZ")
