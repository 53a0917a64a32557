"""A node that fails and lies at a share of the calls, by a seed: for both senders alike."""

from random import Random
from typing import Any

from eth_utils.crypto import keccak

from community.clients.evm import EvmNode, NodeUnavailable

_LOOKS = ("eth_getTransactionReceipt", "eth_getTransactionByHash")


class FaultyNode(EvmNode):
    """Drops calls, does them and stays silent, says ok without doing, and has not heard of what it knows."""

    def __init__(self, url: str, chance: Random, percent: int) -> None:
        super().__init__(url)
        self.chance = chance
        self.percent = percent

    async def call(self, method: str, *params: Any) -> Any:
        if self.chance.randrange(100) >= self.percent:
            return await super().call(method, *params)
        match self.chance.randrange(4):
            case 0 if method == "eth_sendRawTransaction":
                return "0x" + keccak(bytes.fromhex(params[0][2:])).hex()
            case 1 if method in _LOOKS:
                return None
            case 2 | 3:
                await super().call(method, *params)
                raise NodeUnavailable(f"{method}: accepted, but the answer was lost")
            case _:
                raise NodeUnavailable(f"{method}: dropped before the node saw it")
