"""The node client against a real chain, and against servers that misbehave as real ones have."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from eth_account import Account

from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable
from tests.support.anvil import CHAIN_ID, DEVELOPMENT_ADDRESSES, DEVELOPMENT_KEYS, AnvilChain, start_anvil

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

RETURN_42 = bytes.fromhex("600a600c600039600a6000f3602a60005260206000f3")
"""Deploys code that returns 42 as 32 bytes."""
REVERT_DEAD = bytes.fromhex("600c600c600039600c6000f361dead6000526002601efd")
"""Deploys code that reverts with the bytes dead."""


@pytest.fixture(scope="module")
def chain() -> Iterator[AnvilChain]:
    with start_anvil() as running:
        yield running


@pytest_asyncio.fixture
async def node(chain: AnvilChain) -> AsyncIterator[EvmNode]:
    client = EvmNode(chain.url)
    yield client
    await client.close()


def signed(nonce: int, to: str | None, data: bytes = b"", value: int = 0) -> tuple[bytes, str]:
    fields = {"chainId": CHAIN_ID, "nonce": nonce, "data": data, "value": value, "gas": 200_000, "type": 2}
    fields |= {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9} | (
        {} if to is None else {"to": bytes.fromhex(to[2:])}
    )
    transaction = Account.from_key(DEVELOPMENT_KEYS[0]).sign_transaction(fields)
    return bytes(transaction.raw_transaction), "0x" + transaction.hash.hex().removeprefix("0x")


async def mined(node: EvmNode, tx_hash: str) -> dict[str, Any]:
    """The receipt, once there is one: anvil answers to the transaction before it mines it."""
    async with asyncio.timeout(30):
        while (receipt := await node.receipt(tx_hash)) is None:
            await asyncio.sleep(0.01)
    return receipt


async def deploy(node: EvmNode, init_code: bytes) -> str:
    raw, tx_hash = signed(await node.nonce(DEVELOPMENT_ADDRESSES[0]), None, init_code)
    assert await node.send_raw(raw) == tx_hash
    receipt = await mined(node, tx_hash)
    assert receipt["status"] == "0x1"
    return str(receipt["contractAddress"])


async def test_reads_the_chain(node: EvmNode, chain: AnvilChain) -> None:
    chain.mine(3)
    head = await node.block_number()
    block = await node.block("latest")
    assert await node.chain_id() == CHAIN_ID
    assert block is not None and int(block["number"], 16) == head >= 3
    assert await node.block(block["hash"]) == block
    assert await node.block(head + 1000) is None
    assert await node.block("0x" + "11" * 32) is None
    assert (await node.fee_history(2, [60]))["baseFeePerGas"]
    assert await node.balance(DEVELOPMENT_ADDRESSES[1]) > 0


async def test_sends_and_follows_a_transaction(node: EvmNode) -> None:
    sender = DEVELOPMENT_ADDRESSES[0]
    nonce = await node.nonce(sender)
    raw, tx_hash = signed(nonce, DEVELOPMENT_ADDRESSES[1], value=5)
    assert await node.receipt(tx_hash) is None
    assert await node.transaction(tx_hash) is None
    assert await node.send_raw(raw) == tx_hash
    receipt = await mined(node, tx_hash)
    known = await node.transaction(tx_hash)
    assert receipt["status"] == "0x1"
    assert known is not None and known["blockHash"] == receipt["blockHash"]
    assert await node.nonce(sender) == nonce + 1
    with pytest.raises(NodeRefused):
        await node.send_raw(raw)


async def test_calls_contracts_and_hands_out_reverts(node: EvmNode) -> None:
    answers, reverts = await deploy(node, RETURN_42), await deploy(node, REVERT_DEAD)
    assert int.from_bytes(await node.eth_call(answers, b""), "big") == 42
    assert await node.code(answers) != b""
    assert await node.code(DEVELOPMENT_ADDRESSES[1]) == b""
    assert await node.estimate_gas(answers, b"", sender=DEVELOPMENT_ADDRESSES[0]) > 21_000
    for refused in (
        node.eth_call(reverts, b"", sender=DEVELOPMENT_ADDRESSES[0]),
        node.estimate_gas(reverts, b"", sender=DEVELOPMENT_ADDRESSES[0]),
    ):
        with pytest.raises(NodeRefused) as caught:
            await refused
        assert caught.value.data == b"\xde\xad"


async def test_unknown_methods_are_refused(node: EvmNode) -> None:
    with pytest.raises(NodeRefused, match="eth_doesNotExist"):
        await node.call("eth_doesNotExist")


async def test_logs_by_range_and_by_block(node: EvmNode) -> None:
    # emits LOG1 with topic 7 and no data in its constructor, and deploys nothing
    raw, tx_hash = signed(await node.nonce(DEVELOPMENT_ADDRESSES[0]), None, bytes.fromhex("600760006000a100"))
    await node.send_raw(raw)
    receipt = await mined(node, tx_hash)
    number, topic = int(receipt["blockNumber"], 16), "0x" + "00" * 31 + "07"
    by_range = await node.logs(from_block=number, to_block=number, topics=[topic])
    by_block = await node.logs(block_hash=receipt["blockHash"], addresses=[receipt["contractAddress"]])
    assert [log["transactionHash"] for log in by_range] == [tx_hash]
    assert by_block == by_range
    assert await node.logs(from_block=number, to_block=number, topics=["0x" + "00" * 32]) == []


async def test_nothing_listening_is_unavailable() -> None:
    client = EvmNode("http://127.0.0.1:9", timeout_s=2)
    with pytest.raises(NodeUnavailable):
        await client.chain_id()
    await client.close()


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(500, text="<html>Bad gateway</html>"),
        httpx.Response(200, text="<html>Welcome</html>"),
        httpx.Response(429, json={"error": "slow down"}),
        httpx.Response(503, json={"jsonrpc": "2.0", "id": 0, "error": {"code": -32603, "message": "overloaded"}}),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "limit exceeded"}}),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 0, "error": "odd"}),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 99, "result": "0x1"}),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 0}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 0, "result": None}),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 0, "result": "0xzz"}),
    ],
    ids=lambda response: f"{response.status_code} {response.text[:40]}",
)
async def test_a_node_in_trouble_is_unavailable(response: httpx.Response) -> None:
    body = response.text

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {response.status_code} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        client = EvmNode(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(NodeUnavailable):
            await client.chain_id()
        await client.close()
