"""Coin addresses from account-level extended public keys: BIP-44 for EVM chains, BIP-84 for Bitcoin. No secrets here.

An address is derived twice, by hdwallet and by our own public derivation, and handed out only if both agree: a member's
energy goes to it for years. Bulk work (checks over many addresses) takes the fast path alone.
"""

import functools
import operator
from collections.abc import Iterator

import coincurve
from eth_utils.crypto import keccak
from hdwallet.derivations import CustomDerivation
from hdwallet.eccs import SLIP10Secp256k1ECC
from hdwallet.hds import BIP32HD

from community.errors import FatalError
from community.identity.coin_addresses import AccountRole, CoinChain
from community.identity.extended_keys import (
    HARDENED,
    ExtendedPublicKey,
    InvalidExtendedKey,
    hash160,
    parse_account_xpub,
)

EXTERNAL = 0
"""The chain of addresses that are given to others (BIP-44 `change` 0)."""
INDEX_MAX = HARDENED - 1

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_FOLDED = tuple(
    functools.reduce(operator.xor, (each for bit, each in enumerate(_BECH32_GENERATOR) if top >> bit & 1), 0)
    for top in range(32)
)
"""What the five bits that leave the checksum fold back into it."""


_PURPOSE_AND_COIN = {CoinChain.EVM: (44, 60), CoinChain.BITCOIN: (84, 0)}
_ACCOUNT_NUMBERS = {
    AccountRole.MEMBER: 0,
    AccountRole.DEVICE: 1,
    AccountRole.ENERGY_SOURCE: 2,
    AccountRole.OPERATOR: 9,
}


def account_path(chain: CoinChain, role: AccountRole) -> str:
    """The hardened path of the account whose xpub the signer exports, such as m/44'/60'/0'."""
    purpose, coin = _PURPOSE_AND_COIN[chain]
    return f"m/{purpose}'/{coin}'/{_ACCOUNT_NUMBERS[role]}'"


def address_path(account: str, index: int, change: int = EXTERNAL) -> str:
    """The full path of one address below the account path `account`."""
    return f"{account}/{change}/{index}"


def derive_address(account_xpub: str, chain: CoinChain, index: int, change: int = EXTERNAL) -> str:
    """The address at `change`/`index` below the account: 0x lower-case hex, or bech32 for Bitcoin.

    Raises InvalidExtendedKey for a bad or wrong-level key, ValueError for an index outside 0 to 2^31 - 1, and
    FatalError if the two derivations disagree.
    """
    fast = derive_public_key(account_xpub, index, change)
    if fast != hdwallet_public_key(account_xpub, index, change):
        raise FatalError(
            f"Two derivations of address {change}/{index} disagree. Hand out no address from this account; check the "
            "installed hdwallet and coincurve packages against the test vectors."
        )
    return address_of(fast, chain)


def derive_addresses(account_xpub: str, chain: CoinChain, first: int, count: int) -> Iterator[str]:
    """`count` addresses from index `first` on, by the fast path alone."""
    points = parse_account_xpub(account_xpub).child(EXTERNAL).child_points(first, count)
    return (_address_of_point(point, chain) for point in points)


def derive_public_key(account_xpub: str, index: int, change: int = EXTERNAL) -> bytes:
    """The compressed public key at `change`/`index`, by public derivation on coincurve."""
    account: ExtendedPublicKey = parse_account_xpub(account_xpub)
    return account.child(change).child(index).public_key


def hdwallet_public_key(account_xpub: str, index: int, change: int = EXTERNAL) -> bytes:
    """The same by hdwallet. The key is parsed by us first: hdwallet accepts invalid ones below the master level.

    A new object each time: a second derivation on one object would start from the first one's result.
    """
    parse_account_xpub(account_xpub)
    if not (0 <= change <= INDEX_MAX and 0 <= index <= INDEX_MAX):
        raise ValueError(f"{change}/{index} cannot be derived publicly; numbers are 0 to 2^31 - 1")
    wallet = BIP32HD(ecc=SLIP10Secp256k1ECC, public_key=True).from_xpublic_key(xpublic_key=account_xpub)
    wallet.from_derivation(CustomDerivation(path=f"m/{change}/{index}"))
    return bytes.fromhex(str(wallet.public_key()))


def address_of(public_key: bytes, chain: CoinChain) -> str:
    """The address of a compressed secp256k1 public key: 0x lower-case hex, or bech32 P2WPKH (BIP-84, BIP-173)."""
    return _address_of_point(coincurve.PublicKey(public_key), chain)


def _address_of_point(point: coincurve.PublicKey, chain: CoinChain) -> str:
    match chain:
        case CoinChain.EVM:
            return "0x" + keccak(point.format(compressed=False)[1:])[-20:].hex()
        case CoinChain.BITCOIN:
            return _bech32_p2wpkh(hash160(point.format()))


def checksum_address(address: str) -> str:
    """The EIP-55 form of an EVM address, for people. Raises ValueError if it is none, or its checksum is wrong."""
    digits = address.removeprefix("0x")
    if len(digits) != 40 or not address.startswith("0x") or any(c not in "0123456789abcdefABCDEF" for c in digits):
        raise ValueError("not an EVM address: give 0x and 40 hexadecimal digits")
    lower = digits.lower()
    marks = keccak(text=lower).hex()
    mixed = "".join(c.upper() if int(mark, 16) >= 8 else c for c, mark in zip(lower, marks, strict=False))
    if digits not in (mixed, lower, lower.upper()):
        raise ValueError("the capitals of this address do not match its digits (EIP-55): a digit was mistyped")
    return "0x" + mixed


def _bech32_p2wpkh(key_hash: bytes) -> str:
    """Segregated witness version 0 of a 20-byte key hash on Bitcoin's main network."""
    number = int.from_bytes(key_hash, "big")
    words = [0, *[(number >> shift) & 31 for shift in _WORD_SHIFTS]]
    check = _bech32_polymod([*words, 0, 0, 0, 0, 0, 0], _BECH32_AFTER_BC) ^ 1
    words += [(check >> shift) & 31 for shift in (25, 20, 15, 10, 5, 0)]
    return "bc1" + "".join([_BECH32[word] for word in words])


def _bech32_polymod(values: list[int], check: int = 1) -> int:
    for value in values:
        check = (check & 0x1FFFFFF) << 5 ^ value ^ _BECH32_FOLDED[check >> 25]
    return check


_WORD_SHIFTS = range(155, -1, -5)
_BECH32_AFTER_BC = _bech32_polymod([*(ord(c) >> 5 for c in "bc"), 0, *(ord(c) & 31 for c in "bc")])
"""The checksum's state after the human-readable part, which is the same for every address."""


__all__ = [
    "EXTERNAL",
    "INDEX_MAX",
    "AccountRole",
    "CoinChain",
    "InvalidExtendedKey",
    "account_path",
    "address_of",
    "address_path",
    "checksum_address",
    "derive_address",
    "derive_addresses",
    "derive_public_key",
    "hdwallet_public_key",
]
