"""A node over the simulated chain: JSON-RPC answers, with faults taken from a script that a test writes."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable
from contracts.abi import (
    SELECTOR_SETTLE,
    SELECTOR_SETTLE_MANY,
    SettleEvidence,
    ShareConfig,
    encode_has_role,
    encode_preview_settle,
    encode_source,
)
from tests.support.simulated_chain import BASE_FEE_WEI, CHAIN_ID, Block, Reverted, SimulatedChain


class Fault(StrEnum):
    """How a node fails at one call."""

    NONE = "none"
    DROPPED = "dropped"
    ACCEPTED_THEN_SILENT = "accepted, then silent"
    LIED_OK = "lied ok"
    STALE_NULL = "stale null"


_CALL = (
    bytes(32),
    SettleEvidence(b"", bytes(32), bytes(32), b"", (), 0),
    ShareConfig(bytes(32), bytes(32), ("0x" + "11" * 20,), (1,)),
)
_PREVIEW = encode_preview_settle(*_CALL)[:4]
_HAS_ROLE = encode_has_role(bytes(32), "0x" + "11" * 20)[:4]
_SOURCE = encode_source(bytes(32))[:4]


async def _go_on(_method: str) -> None:
    """No test waits at this call."""


@dataclass
class SimulatedNode(EvmNode):
    """`faults` are taken one a call; `before_call` may suspend the caller, as a long pause of its process would."""

    chain: SimulatedChain
    code_there: bytes = b""
    url: str = "http://simulated"
    faults: deque[Fault] = field(default_factory=deque)
    before_call: Callable[[str], Awaitable[None]] = _go_on
    on_broadcast: Callable[[bytes], None] = lambda _raw: None

    async def close(self) -> None:
        """Nothing is open."""

    async def call(self, method: str, *params: Any) -> Any:
        await self.before_call(method)
        await asyncio.sleep(0)
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is Fault.DROPPED:
            raise NodeUnavailable(f"{method}: dropped before the node saw it")
        if method == "eth_sendRawTransaction":
            self.on_broadcast(bytes.fromhex(params[0][2:]))
            if fault is Fault.LIED_OK:
                return "0x" + keccak(bytes.fromhex(params[0][2:])).hex()
        if fault is Fault.STALE_NULL and method in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
            return None
        answer = self._honest(method, *params)
        if fault is Fault.ACCEPTED_THEN_SILENT:
            raise NodeUnavailable(f"{method}: accepted, but the answer was lost")
        return answer

    def _honest(self, method: str, *params: Any) -> Any:
        chain = self.chain
        match method:
            case "eth_chainId" | "eth_getBalance":
                return hex(CHAIN_ID if method == "eth_chainId" else 10**20)
            case "eth_getCode":
                return "0x" + self.code_there.hex()
            case "eth_getTransactionCount":
                block = self._block(params[1])
                return hex(0 if block is None else block.state.nonces.get(params[0], 0))
            case "eth_getBlockByNumber":
                return _shown(self._block(params[0]), full=params[1])
            case "eth_feeHistory":
                return {"baseFeePerGas": [hex(BASE_FEE_WEI)] * 2, "reward": [[hex(10**9)]]}
            case "eth_call":
                return self._eth_call(bytes.fromhex(params[0]["data"][2:]))
            case "eth_estimateGas":
                self._eth_call(bytes.fromhex(params[0]["data"][2:]))
                return hex(200_000)
            case "eth_sendRawTransaction":
                try:
                    chain.take(bytes.fromhex(params[0][2:]))
                except ValueError as error:
                    raise NodeRefused(method, -32000, str(error)) from error
                return "0x" + keccak(bytes.fromhex(params[0][2:])).hex()
            case "eth_getTransactionByHash":
                known = params[0] in chain.pool or chain.place_of(params[0]) is not None
                return {"hash": params[0]} if known else None
            case "eth_getTransactionReceipt":
                return self._receipt(params[0])
            case _:
                raise NodeRefused(method, -32601, "method not found")

    def _block(self, tag: str) -> Block | None:
        chain = self.chain
        if tag == "finalized":
            return chain.finalised
        if tag in ("latest", "pending"):
            return chain.head
        number = int(tag, 16)
        return chain.blocks[number] if number < len(chain.blocks) else None

    def _receipt(self, tx_hash: str) -> dict[str, Any] | None:
        place = self.chain.place_of(tx_hash)
        if place is None:
            return None
        block, transaction, succeeded = place
        return {
            "transactionHash": transaction.tx_hash,
            "blockNumber": hex(block.number),
            "blockHash": block.hash,
            "status": "0x1" if succeeded else "0x0",
        }

    def _eth_call(self, data: bytes) -> str:
        selector, words = data[:4], data[4:]
        try:
            if selector == _HAS_ROLE:
                return "0x" + encode(["bool"], [True]).hex()
            if selector == _SOURCE:
                source = self.chain.head.state.sources["0x" + words.hex()]
                values = [source.register_wh, source.read_at, source.seq, source.max_watt, source.debt_wh, 1, True]
                types = ["uint64", "uint40", "uint32", "uint32", "uint64", "uint8", "bool"]
                return "0x" + encode(types, values).hex()
            if selector in (SELECTOR_SETTLE, SELECTOR_SETTLE_MANY):
                self.chain.try_call(data)
                return "0x"
            if selector == _PREVIEW:
                preview = self.chain.preview(SELECTOR_SETTLE + words)
                return "0x" + encode(["uint64", "uint64", "uint40", "uint64", "uint256[]"], list(preview)).hex()
        except Reverted as refusal:
            raise NodeRefused("eth_call", 3, f"execution reverted: {refusal}", refusal.data) from refusal
        raise NodeRefused("eth_call", -32601, f"no such function: {selector.hex()}")


def _shown(block: Block | None, *, full: bool) -> dict[str, Any] | None:
    if block is None:
        return None
    transactions = [
        {"hash": one.tx_hash, "from": one.sender, "nonce": hex(one.nonce)} if full else one.tx_hash
        for one, _ in block.transactions
    ]
    return {
        "number": hex(block.number),
        "hash": block.hash,
        "parentHash": block.parent,
        "timestamp": hex(block.at),
        "transactions": transactions,
    }
