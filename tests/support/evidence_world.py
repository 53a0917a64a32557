"""A plant and its neighbour that settled on a real chain, indexed, with a debt in between: what evidence bundles are made of."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from community.clients.evm import EvmNode
from community.evidence import records
from community.evidence.bundle_lines import Bundle, lines_of, read_bundle
from community.store.evidence import bundles, subjects
from contracts.abi import CORRECTOR_ROLE, encode_correct
from indexer.decode import Contracts
from indexer.follow import Follower
from tests.support.anvil import CHAIN_ID
from tests.support.plant_on_chain import ADMIN, SOURCE_REF, grant
from tests.support.sending_device import NOON
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import opened

SINCE, UNTIL = NOON, NOON + timedelta(hours=6)
DEBT_WH = 100
ENERGY_WH = 1234 + 766 + 500
Records = list[Any]


@dataclass(frozen=True, slots=True)
class EvidenceWorld:
    """The running world, and the bundle of its plant's period."""

    world: SettlementWorld
    lines: tuple[bytes, ...]

    @property
    def bundle(self) -> Bundle:
        """Read anew each time."""
        return read_bundle(self.lines)

    def tampered(self, change: Callable[[Records], None]) -> Bundle:
        """The bundle after somebody changed its records and wrote its end anew."""
        found: Records = [msgspec.json.decode(line, type=records.Record) for line in self.lines[:-1]]
        change(found)
        return read_bundle(lines_of(found))


@asynccontextmanager
async def evidence_world(folder: Path, store_url: str | None = None) -> AsyncIterator[EvidenceWorld]:
    """Three settlements of the plant: alone, in one transaction with the neighbour's, and one that nets a debt."""
    async with settlement_world(folder, store_url=store_url) as world:
        grant(world.chain, world.issuer, CORRECTOR_ROLE, ADMIN)
        await world.build("barn")
        await world.add_readings((0, 0))
        await world.add_readings((1, 0), (2, 1234))
        await world.settle_until(1)
        await world.add_readings((3, 2000))
        await world.add_readings((3, 300), plant="barn")
        await world.settle_until(3)
        world.transact(world.issuer, encode_correct(SOURCE_REF, DEBT_WH, bytes([9]) * 32))
        await world.add_readings((4, 2500), (5, 2500))
        await world.settle_until(4)
        world.chain.mine(12)
        await index(world)
        yield EvidenceWorld(world, tuple(await bundle_lines(world)))


async def index(world: SettlementWorld) -> None:
    """Bring the index to the chain's head."""
    node, contracts = EvmNode(world.chain.url), Contracts(world.token.lower(), world.issuer.lower())
    try:
        async with opened(world.store_url) as store:
            follower = Follower(store, CHAIN_ID, contracts, start_block=0, now=lambda: datetime.now(UTC))
            while not (await follower.step(node)).caught_up:
                pass
    finally:
        await node.close()


async def bundle_lines(world: SettlementWorld, source_id: str = "plant") -> Sequence[bytes]:
    """The lines of the period's bundle, straight from the books."""
    async with opened(world.store_url) as store, store.read() as work:
        subject = await subjects.of_source(work, source_id, SINCE, UNTIL)
        assert subject is not None
        return list(lines_of([record async for record in bundles.stream(work, subject, world.token)]))
