"""A process of its own that follows until a step is reached, and is then gone as by `kill -9`."""

import asyncio
import os
import signal
import sys

from community.clients.evm import EvmNode
from community.store.unit_of_work import Store
from indexer.decode import Contracts
from indexer.follow import Follower
from tests.conformance.indexer.ledgers import now
from tests.support.anvil import CHAIN_ID


async def main(step: str, url: str, node_url: str, contracts: str) -> None:
    """Follow from the stored checkpoint. Returns only if the step is never reached."""

    def reached(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    store, node = Store.open(url), EvmNode(node_url)
    follower = Follower(store, CHAIN_ID, Contracts(*contracts.split(",")), start_block=0, now=now, reached=reached)
    while not (await follower.step(node)).caught_up:
        pass
    await node.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
