"""A chain with the contracts for the indexer's tests. `finalized` is 16 blocks behind its head."""

from collections.abc import AsyncIterator, Iterator

import pytest

from community.clients.evm import EvmNode
from tests.conformance.indexer.ledgers import Ledger
from tests.support.anvil import AnvilChain, start_anvil


@pytest.fixture(scope="module")
def chain() -> Iterator[AnvilChain]:
    with start_anvil(slots_in_an_epoch=8) as running:
        yield running


@pytest.fixture
def ledger(chain: AnvilChain) -> Ledger:
    """Fresh contracts; the chain's earlier blocks are of no interest to them."""
    return Ledger.deploy(chain)


@pytest.fixture
async def node(chain: AnvilChain) -> AsyncIterator[EvmNode]:
    client = EvmNode(chain.url)
    yield client
    await client.close()
