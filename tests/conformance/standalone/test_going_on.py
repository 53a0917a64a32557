"""A demo goes on only on the chain it was founded on, with the contracts it was founded with."""

import dataclasses
from collections.abc import AsyncIterator, Iterator

import pytest

from community.clients.evm import EvmNode
from community.errors import FatalError
from standalone.layout import Facts
from standalone.system import require_chain
from tests.support.anvil import AnvilChain, start_anvil
from tests.support.plant_on_chain import deploy


@pytest.fixture(scope="module")
def chain() -> Iterator[AnvilChain]:
    with start_anvil() as running:
        yield running


@pytest.fixture(scope="module")
def facts(chain: AnvilChain) -> Facts:
    token, issuer = deploy(chain)
    return Facts(31337, token, issuer, "0xs", 1, "0xr", "SoftHSM2", "o", "a", "m", 1795150800)


@pytest.fixture
async def node(chain: AnvilChain) -> AsyncIterator[EvmNode]:
    client = EvmNode(chain.url)
    yield client
    await client.close()


async def test_it_goes_on_where_it_was_founded(node: EvmNode, facts: Facts) -> None:
    await require_chain(node, facts)


async def test_a_chain_without_the_contracts_begins_anew(node: EvmNode, facts: Facts) -> None:
    with pytest.raises(FatalError, match=r"lost its contracts.*RESET=1"):
        await require_chain(node, dataclasses.replace(facts, issuer="0x" + "12" * 20))


async def test_contracts_of_another_version_begin_anew(node: EvmNode, facts: Facts) -> None:
    with pytest.raises(FatalError, match=r"another version.*RESET=1"):
        await require_chain(node, dataclasses.replace(facts, issuer=facts.token))
