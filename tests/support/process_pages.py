"""The page that each process shows Prometheus, made from its own condition over a real store, without starting it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from api.condition import ApiCondition
from api.live import Hub
from community.chain.blocks import BlockRef
from community.chain.index_checkpoint import IndexCheckpoint
from community.clients.evm import EvmNode
from community.runtime.figures import process_page
from community.runtime.probes import Condition, page_figures
from community.store.unit_of_work import Store
from gateway_agent.condition import AgentCondition
from gateway_agent.spool import Spool
from indexer.condition import Condition as IndexerCondition
from ingest.condition import IngestCondition
from ingest.intake import IntakeCounts
from settlement.condition import SettlementCondition
from settlement.terms import SettlementTerms
from signer.condition import SignerCondition
from tests.support.manual_clock import ManualClock

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HASH = "0x" + "11" * 32


async def pages(store: Store, folder: Path, node_url: str) -> dict[str, str]:
    """The text of every process's /metrics."""
    async with conditions(store, folder, node_url) as given:
        return {process: process_page(process, await page_figures(process, one)) for process, one in given.items()}


@asynccontextmanager
async def conditions(store: Store, folder: Path, node_url: str) -> AsyncIterator[dict[str, Condition]]:
    """A condition of each process, as after its start."""
    node, spool = EvmNode(node_url), Spool(folder / "spool.db", "70b3d57ed0000001")
    try:
        yield _conditions(store, node, spool)
    finally:
        spool.close()
        await node.close()


def _conditions(store: Store, node: EvmNode, spool: Spool) -> dict[str, Condition]:
    intake = cast(Any, SimpleNamespace(counts=IntakeCounts(), waiting=0))
    indexer = IndexerCondition(now, 10, store)
    indexer.progressed(IndexCheckpoint(1, 0, BlockRef(9, HASH), BlockRef(0, HASH), 10, NOW))
    indexer.node_failed("one")
    api = ApiCondition(store, Hub(store))
    api.answers["2xx"] += 1
    terms = SettlementTerms(chain_id=1, issuer="0x" + "1" * 40, account="0x" + "2" * 40)
    registry = cast(Any, SimpleNamespace(revision=3, sources={}, chain_id=1, issuer="0x" + "1" * 40))
    clock = ManualClock(NOW)
    return {
        "ingest": IngestCondition(
            store, now, intake, cast(Any, SimpleNamespace(sent=0)), cast(Any, SimpleNamespace(asked=0)), lambda: True
        ),
        "settlement": SettlementCondition(terms, node, store, now, lambda: True),
        "signer": SignerCondition(lambda: registry, "0x" + "2" * 40),
        "indexer": indexer,
        "api": api,
        "gateway_agent": AgentCondition("pv", spool, clock, None),
    }


def now() -> datetime:
    return NOW
