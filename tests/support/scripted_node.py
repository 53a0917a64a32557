"""A chain node that answers from a script: honest by default, lying where a test says so."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils.crypto import keccak

from community.chain.bloom import bloom_of
from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable
from community.clients.json_rpc import Call

Answer = Callable[[Any], Any]


def word(number: int) -> str:
    return f"{number:064x}"


def address_topic(address: str) -> str:
    return "0x" + "0" * 24 + address[2:]


@dataclass
class ScriptedChain:
    """Blocks with their logs, as JSON-RPC shows them. `finalised` is a number."""

    chain_id: int = 31337
    finalised: int = 0
    blocks: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add()

    def add(self, *logs: tuple[str, list[str], str], salt: str = "") -> str:
        """Append a block with logs (address, topics, data); its hash."""
        number = len(self.blocks)
        parent = self.blocks[-1]["hash"] if self.blocks else "0x" + word(0)
        block_hash = "0x" + keccak(text=f"{parent}{number}{salt}{logs}").hex()
        items = [bytes.fromhex(item[2:]) for address, topics, _ in logs for item in (address, *topics)]
        self.blocks.append(
            {
                "number": hex(number), "hash": block_hash, "parentHash": parent, "timestamp": hex(1_800_000_000 + number),
                "logsBloom": "0x" + bloom_of(items).hex(), "transactions": ["0x" + word(number + 10**6)] if logs else [],
            }
        )  # fmt: skip
        self.logs[block_hash] = [
            {
                "address": address, "topics": topics, "data": data, "blockNumber": hex(number), "blockHash": block_hash,
                "transactionHash": "0x" + word(number + 10**6), "logIndex": hex(index), "removed": False,
            }
            for index, (address, topics, data) in enumerate(logs)
        ]  # fmt: skip
        return block_hash

    def drop(self, blocks: int) -> None:
        """Give up the newest blocks."""
        del self.blocks[-blocks:]


class ScriptedNode(EvmNode):
    """Answers from `chain`. `lies[method]` maps the honest answer to another; `down` makes every call fail."""

    def __init__(self, chain: ScriptedChain, url: str = "http://scripted") -> None:
        self.url = url
        self.chain = chain
        self.lies: dict[str, Answer] = {}
        self.unknown_methods: set[str] = set()
        self.log_range_max = 10**9
        self.down = False
        self.calls: list[str] = []

    async def close(self) -> None:
        """Nothing is open."""

    async def fetch(self, calls: Sequence[Call]) -> bytes:
        answers = []
        for place, (method, params) in enumerate(calls):
            try:
                answers.append({"jsonrpc": "2.0", "id": place, "result": await self.call(method, *params)})
            except NodeRefused as error:
                refused = {"code": error.code, "message": error.message}
                answers.append({"jsonrpc": "2.0", "id": place, "error": refused})
        return json.dumps(answers[0] if len(calls) == 1 else answers).encode()

    async def call(self, method: str, *params: Any) -> Any:
        self.calls.append(method)
        if self.down:
            raise NodeUnavailable(f"The chain node did not answer {method}: it is down")
        if method in self.unknown_methods:
            raise NodeRefused(method, -32601, "method not found")
        answer = self._honest(method, *params)
        return self.lies[method](answer) if method in self.lies else answer

    def _honest(self, method: str, *params: Any) -> Any:
        blocks = self.chain.blocks
        match method:
            case "eth_chainId":
                return hex(self.chain.chain_id)
            case "eth_getCode":
                return "0x6000"
            case "eth_getBlockByNumber" if params[0] in ("latest", "finalized"):
                return blocks[-1 if params[0] == "latest" else self.chain.finalised]
            case "eth_getBlockByNumber":
                number = int(params[0], 16)
                return blocks[number] if number < len(blocks) else None
            case "eth_getBlockByHash":
                return next((block for block in blocks if block["hash"] == params[0]), None)
            case "eth_getLogs":
                return self._logs(params[0])
            case "eth_getBlockReceipts":
                block = blocks[int(params[0], 16)]
                return [self._receipt(block)] if block["transactions"] else []
            case "eth_getTransactionReceipt":
                return next(self._receipt(block) for block in blocks if params[0] in block["transactions"])
            case _:
                raise NodeRefused(method, -32601, "method not found")

    def _logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        if "blockHash" in query:
            wanted = [query["blockHash"]]
        else:
            first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
            if last - first >= self.log_range_max:
                raise NodeRefused("eth_getLogs", -32602, "query returned more than 10000 results")
            wanted = [block["hash"] for block in self.chain.blocks[first : last + 1]]
        return [log for one in wanted for log in self.chain.logs[one] if log["address"] in query["address"]]

    def _receipt(self, block: dict[str, Any]) -> dict[str, Any]:
        return {
            "blockHash": block["hash"], "transactionHash": block["transactions"][0], "logs": self.chain.logs[block["hash"]],
        }  # fmt: skip
