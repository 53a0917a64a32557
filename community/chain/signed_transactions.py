"""Reading a signed EIP-1559 transaction: its fields, its hash, and the account that signed it. Nothing here signs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import coincurve
import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak
from rlp.exceptions import DecodingError  # type: ignore[import-untyped]

TYPE = 2
_FIELDS = 12
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class MalformedTransaction(ValueError):
    """Bytes that are no signed EIP-1559 transaction."""


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """What the bytes say. Addresses and the hash are lower-case 0x hex."""

    chain_id: int
    nonce: int
    tip_wei: int
    max_fee_wei: int
    gas_limit: int
    to: str
    value: int
    data: bytes
    sender: str
    tx_hash: str


def read_signed(raw: bytes) -> SignedTransaction:
    """The transaction in `raw`, its sender recovered from the signature (EIP-1559, EIP-2). Raises MalformedTransaction."""
    fields = _fields(raw)
    *unsigned, parity, r, s = fields
    numbers = [_number(field) for field in (*unsigned[:5], unsigned[6], parity, r, s)]
    chain_id, nonce, tip_wei, max_fee_wei, gas_limit, value, parity_bit, r_value, s_value = numbers
    if unsigned[8] != [] and not isinstance(unsigned[8], (list, tuple)):
        raise MalformedTransaction("the access list is no list")
    if not isinstance(unsigned[5], bytes) or len(unsigned[5]) not in (0, 20) or not isinstance(unsigned[7], bytes):
        raise MalformedTransaction("the receiver is no address, or the data no bytes")
    if parity_bit > 1 or not 0 < r_value < 1 << 256 or not 0 < s_value <= _HALF_ORDER:
        raise MalformedTransaction("the signature is outside its range")
    digest = keccak(bytes((TYPE,)) + rlp.encode(unsigned))
    signature = r_value.to_bytes(32, "big") + s_value.to_bytes(32, "big") + bytes((parity_bit,))
    try:
        public_key = coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as error:
        raise MalformedTransaction("no key can have made this signature") from error
    return SignedTransaction(
        chain_id=chain_id,
        nonce=nonce,
        tip_wei=tip_wei,
        max_fee_wei=max_fee_wei,
        gas_limit=gas_limit,
        to="0x" + unsigned[5].hex(),
        value=value,
        data=unsigned[7],
        sender="0x" + keccak(public_key.format(compressed=False)[1:])[-20:].hex(),
        tx_hash="0x" + keccak(raw).hex(),
    )


def signed_bytes(shown: Mapping[str, Any]) -> bytes:
    """The bytes of a transaction from the JSON object in which a node shows it. Raises MalformedTransaction.

    Nothing is believed: the bytes must have the hash that the node gives.
    """
    try:
        numbers = [int(shown[name], 16) for name in ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas")]
        to, value, data = (
            bytes.fromhex(str(shown["to"])[2:]),
            int(shown["value"], 16),
            bytes.fromhex(shown["input"][2:]),
        )
        access = [
            [bytes.fromhex(entry["address"][2:]), [bytes.fromhex(key[2:]) for key in entry["storageKeys"]]]
            for entry in shown.get("accessList") or []
        ]
        signature = [int(shown.get("yParity", shown["v"]), 16), int(shown["r"], 16), int(shown["s"], 16)]
        raw = bytes((TYPE,)) + bytes(rlp.encode([*numbers, to, value, data, access, *signature]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedTransaction(f"the node shows no transaction of type 2: {error}") from error
    if "0x" + keccak(raw).hex() != str(shown.get("hash")).lower():
        raise MalformedTransaction("the transaction that the node shows has another hash than the node says")
    return raw


def _fields(raw: bytes) -> list[Any]:
    if raw[:1] != bytes((TYPE,)):
        raise MalformedTransaction("these bytes are no transaction of type 2")
    try:
        fields = rlp.decode(raw[1:])
    except (DecodingError, ValueError, TypeError, RecursionError) as error:
        raise MalformedTransaction(f"the transaction's encoding is broken: {error}") from error
    if not isinstance(fields, (list, tuple)) or len(fields) != _FIELDS:
        raise MalformedTransaction(f"a signed transaction of type 2 has {_FIELDS} fields")
    return list(fields)


def _number(field: Any) -> int:
    if not isinstance(field, bytes) or len(field) > 32 or field[:1] == b"\0":
        raise MalformedTransaction("a number of the transaction is not in its one form")
    return int.from_bytes(field, "big")
