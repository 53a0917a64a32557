"""What a chain node answers to the indexer: whatever the bytes, a value that passed every check or a documented error."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from community.chain.blocks import BlockHeader, BlockRef
from community.chain.bloom import bits_of
from community.clients.evm import NodeRefused, NodeUnavailable
from contracts import abi
from indexer.decode import Contracts, decode
from indexer.distrust import NodeContradiction, check_logs, header_of
from indexer.provider_limits import limit_in
from indexer.wire import blocks_of, logs_of
from tests.fuzz.target import Target

TOKEN, HOLDER = "0x" + "aa" * 20, "0x" + "00" * 12 + "01" * 20
HASH, TX = "0x" + "11" * 32, "0x" + "22" * 32
NOBODY = "0x" + "00" * 32
LOG = {
    "address": TOKEN, "topics": [abi.TOPIC_TRANSFER, NOBODY, HOLDER], "data": "0x" + "00" * 31 + "07", "blockNumber": "0x7",
    "blockHash": HASH, "transactionHash": TX, "logIndex": "0x0", "removed": False,
}  # fmt: skip
BLOCK = {
    "number": "0x7", "hash": HASH, "parentHash": "0x" + "10" * 32, "timestamp": "0x6a000000", "transactions": [TX],
    "logsBloom": "0x" + bits_of([TOKEN, abi.TOPIC_TRANSFER, NOBODY, HOLDER]).to_bytes(256, "big").hex(),
}  # fmt: skip
_HEADER = BlockHeader(
    BlockRef(7, HASH), "0x" + "10" * 32, datetime(2026, 1, 1, tzinfo=UTC), b"\xff" * 256, frozenset({TX})
)


def node_logs(data: bytes) -> None:
    """An answer to `eth_getLogs`: rows of the very block, or refused."""
    try:
        rows = decode(_HEADER, check_logs(_HEADER, logs_of(data), (TOKEN,)), Contracts(TOKEN, None))
    except NodeRefused as refusal:
        limit_in(refusal.message)
        return
    except (NodeUnavailable, NodeContradiction):
        return
    for number, index, block, tx, token, sender, recipient, amount in rows.transfers:
        assert (number, block, tx, token) == (7, HASH, TX, TOKEN) and index >= 0
        assert len(sender) == len(recipient) == 42 and 0 <= amount < 2**256


def node_blocks(data: bytes) -> None:
    """An answer to a batch of two: headers that are whole, or refused."""
    try:
        headers = [None if block is None else header_of(block) for block in blocks_of(data, 2)]
    except (NodeRefused, NodeUnavailable, NodeContradiction):
        return
    assert len(headers) == 2
    assert all(header is None or len(header.bloom) == 256 for header in headers)


def _answer(place: int, result: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": place, "result": result}


def _log_seeds() -> Iterator[bytes]:
    for logs in ([], [LOG], [LOG, LOG | {"logIndex": "0x1"}], None, [LOG | {"data": "0x_1"}]):
        yield json.dumps(_answer(0, logs)).encode()
    yield b'{"id":0,"error":{"code":-32005,"message":"query returned more than 10000 results"}}'


def _block_seeds() -> Iterator[bytes]:
    yield json.dumps([_answer(0, BLOCK), _answer(1, None)]).encode()
    yield json.dumps([_answer(1, BLOCK | {"number": "0x8"}), _answer(0, BLOCK)]).encode()
    yield b'{"id":null,"error":{"code":-32600,"message":"batch too large"}}'


TARGETS = {
    "node_logs": Target(node_logs, _log_seeds),
    "node_blocks": Target(node_blocks, _block_seeds, size_max=4096),
}
