"""Reading Web3Signer's JSON-RPC strictly: what is not understood is not signed."""

import json
from typing import Any

import pytest

from signer.json_rpc import SIZE_MAX, RpcError, WantedTransaction, read_call, read_transaction

A, B = "0x" + "Aa" * 20, "0x" + "bb" * 20
TRANSACTION = {
    "from": A,
    "to": B,
    "nonce": "0x0",
    "gas": "0x5208",
    "maxFeePerGas": "0x64",
    "maxPriorityFeePerGas": "0xa",
    "data": "0x0102",
}


def call(**changes: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_accounts", "params": []} | changes).encode()


def test_a_call_and_a_transaction_are_read() -> None:
    read = read_call(call(id="x", params=[TRANSACTION]))
    assert (read.call_id, read.method) == ("x", "eth_accounts")
    assert read_call(b'{"jsonrpc":"2.0","id":null,"method":"m"}').params == []
    wanted = WantedTransaction(A.lower(), B, 0, 21_000, 100, 10, b"\1\2", None)
    assert read_transaction(read.params) == wanted
    full = TRANSACTION | {"input": "0x0102", "value": "0x0", "type": "0x2", "accessList": [], "chainId": "0x89"}
    assert read_transaction([full]).chain_id == 137


@pytest.mark.parametrize(
    ("body", "code", "call_id"),
    [
        (b"", -32700, None),
        (b"\xff", -32700, None),
        (b"[" * 1000, -32700, None),
        (b" " * (SIZE_MAX + 1), -32700, None),
        (b"[]", -32600, None),
        (b"1", -32600, None),
        (call(jsonrpc="1.0"), -32600, 1),
        (call(method=5), -32600, 1),
        (call(params={}), -32600, 1),
        (call(id=[1]), -32600, None),
        (call(id=True), -32600, None),
        (call(id=1.5), -32600, None),
    ],
)
def test_what_is_no_call(body: bytes, code: int, call_id: Any) -> None:
    with pytest.raises(RpcError) as caught:
        read_call(body)
    assert (caught.value.code, caught.value.body()["id"]) == (code, call_id)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"value": "0x1"}, "sends no coins"),
        ({"value": 0}, "value must be a quantity"),
        ({"type": "0x0"}, "type must be 0x2"),
        ({"accessList": [{}]}, "access list empty"),
        ({"gasPrice": "0x1"}, "gasPrice cannot be signed"),
        ({"nonce": 0}, "nonce must be a quantity"),
        ({"nonce": "0x00"}, "nonce must be a quantity"),
        ({"nonce": "-0x1"}, "nonce must be a quantity"),
        ({"gas": None}, "gas must be a quantity"),
        ({"maxFeePerGas": "0x" + "f" * 33}, "maxFeePerGas must be a quantity"),
        ({"chainId": "137"}, "chainId must be a quantity"),
        ({"from": "0x12"}, "from must be an address"),
        ({"to": None}, "to must be an address"),
        ({"data": "0x1"}, "data (or input) must be bytes"),
        ({"data": None}, "data (or input) must be bytes"),
        ({"input": "0x03"}, "data (or input) must be bytes"),
    ],
)
def test_what_is_no_transaction_for_us(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the sentence follows
        read_transaction([TRANSACTION | change])
    assert sentence in str(caught.value)


@pytest.mark.parametrize("params", [[], [1], [TRANSACTION, TRANSACTION], ["x"]])
def test_one_transaction_is_the_parameter(params: list[Any]) -> None:
    with pytest.raises(ValueError, match="one transaction object"):
        read_transaction(params)
