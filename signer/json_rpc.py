"""Web3Signer's JSON-RPC as values: which call a body makes, and what `eth_signTransaction` asks for. Pure.

One call a request, no batches: an answer belongs to a signature. A transaction is read strictly (hexadecimal quantities as
in Ethereum's JSON-RPC, no unknown field), because what is not understood must not be signed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from community.json_input import parse_json

SIZE_MAX = 262_144
DEPTH_MAX = 4
_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,31})")
_BYTES = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NUMBERS = ("nonce", "gas", "maxFeePerGas", "maxPriorityFeePerGas")
_FIELDS = {"from", "to", "data", "input", "value", "chainId", "type", "accessList", "evidence", *_NUMBERS}

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
UNAVAILABLE, REJECTED = -32002, -32003
"""Codes of JSON-RPC 2.0 and of EIP-1474 (resource unavailable, transaction rejected)."""


class RpcError(Exception):
    """The call is answered with an error. `call_id` is the call's, None where it could not be read."""

    def __init__(self, code: int, message: str, call_id: Any = None, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.call_id, self.data = code, message, call_id, data

    def body(self) -> dict[str, Any]:
        """The answer."""
        error = {"code": self.code, "message": self.message} | ({} if self.data is None else {"data": self.data})
        return {"jsonrpc": "2.0", "id": self.call_id, "error": error}


@dataclass(frozen=True, slots=True)
class RpcCall:
    """A JSON-RPC call."""

    call_id: int | str | None
    method: str
    params: list[Any]


@dataclass(frozen=True, slots=True)
class WantedTransaction:
    """What is to be signed. Addresses are lower-case 0x hex, fees in wei; `chain_id` None means the signer's chain.

    `evidence` is not part of the transaction: the payload that a call of `settleAttested` names by its hash.
    """

    account: str
    to: str
    nonce: int
    gas: int
    max_fee: int
    tip: int
    data: bytes
    chain_id: int | None
    evidence: bytes = b""


def read_call(body: bytes) -> RpcCall:
    """The call in `body`. Raises RpcError."""
    try:
        content = parse_json(body, size_max=SIZE_MAX, depth_max=DEPTH_MAX)
    except ValueError as error:
        raise RpcError(PARSE_ERROR, f"The body cannot be read as JSON: {error}.") from error
    if isinstance(content, list):
        raise RpcError(INVALID_REQUEST, "Batches are not taken: send one call a request.")
    if not isinstance(content, dict):
        raise RpcError(INVALID_REQUEST, "A call is an object with jsonrpc, id, method and params.")
    call_id, method, params = content.get("id"), content.get("method"), content.get("params", [])
    known_id = call_id is None or (isinstance(call_id, int | str) and not isinstance(call_id, bool))
    if content.get("jsonrpc") != "2.0" or not isinstance(method, str) or not isinstance(params, list) or not known_id:
        raise RpcError(
            INVALID_REQUEST,
            'A call has "jsonrpc": "2.0", a method, a list of params, and an id that is a number or a text.',
            call_id if known_id else None,
        )
    return RpcCall(call_id, method, params)


def read_transaction(params: list[Any]) -> WantedTransaction:
    """The one parameter of `eth_signTransaction`. Raises ValueError with what is wrong."""
    if len(params) != 1 or not isinstance(params[0], dict):
        raise ValueError("eth_signTransaction takes one transaction object")
    fields: dict[str, Any] = params[0]
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)} cannot be signed here: only EIP-1559 transactions with {', '.join(sorted(_FIELDS))}"
        )
    nonce, gas, max_fee, tip = (_quantity(fields, name) for name in _NUMBERS)
    if _quantity(fields, "value", 0) != 0:
        raise ValueError("value must be 0: this signer sends no coins")
    if _quantity(fields, "type", 2) != 2 or fields.get("accessList", []) != []:
        raise ValueError("type must be 0x2 and the access list empty")
    chain_id = _quantity(fields, "chainId") if "chainId" in fields else None
    evidence = fields.get("evidence", "0x")
    if not isinstance(evidence, str) or not _BYTES.fullmatch(evidence):
        raise ValueError("evidence must be bytes, 0x and an even number of hexadecimal digits")
    sender, to, octets = _address(fields, "from"), _address(fields, "to"), bytes.fromhex(evidence[2:])
    return WantedTransaction(sender, to, nonce, gas, max_fee, tip, _data(fields), chain_id, octets)


def _quantity(fields: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ValueError(f"{name} must be a quantity, such as 0x5208")
    return int(value, 16)


def _address(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise ValueError(f"{name} must be an address, 0x and 40 hexadecimal digits")
    return value.lower()


def _data(fields: Mapping[str, Any]) -> bytes:
    """`data` or `input`; nodes and clients use either, and both where they agree."""
    given = {fields[name] for name in ("data", "input") if isinstance(fields.get(name), str)}
    if len(given) != 1 or not _BYTES.fullmatch(text := given.pop()):
        raise ValueError("data (or input) must be bytes, 0x and an even number of hexadecimal digits")
    return bytes.fromhex(text[2:])
