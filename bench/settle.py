"""Settlements a second through the whole pipeline on a local chain, beside a sender as tutorials teach it.

Both settle the same quarter-hours of a community of plants, one issuance for each. Ours plans from the books, asks the
contract first, stores the intents with their nonce, has them signed behind a broker by a signer that verifies the evidence
again, stores the bytes, sends, and follows to finality. The tutorial's sender only signs and sends calls that are ready
made, one a transaction. What it saves shows in the second figure: under faults of the node, against an issuer that refuses
nothing, how many settlements each of both minted exactly once. The gate there is that the tutorial's fails.
"""

import asyncio
import logging
import tempfile
import time
from pathlib import Path
from random import Random

import structlog

from bench.measuring import Figure
from bench.settling.counting import encode_counts
from bench.settling.faulty_node import FaultyNode
from bench.settling.plant import OPENED, WH_PER_READING, Community, community_with
from bench.settling.tutorial_sender import TutorialSender
from community.clients.evm import EvmNode
from community.errors import RetryableError
from community.minting.issuances import IssuanceState
from community.minting.planning import PlannedPeriod
from community.runtime.system_clock import SystemClock
from community.store.identities import energy_sources
from community.store.issuances import count_by_state, readings_after
from community.store.shares import share_tables
from community.store.unit_of_work import Store
from contracts.abi import decode_uint
from settlement.gate import pass_gate
from settlement.loop import compose
from settlement.planner import Settlement, issuance_of, settled_up_to, settlement_of

NAME = "settle"
PLANTS, READINGS = 20, 6
SETTLEMENTS = PLANTS * READINGS
FAULT_PERCENT = 30
SEED = 4
GATE_RATE = 0.2
"""A quiet machine of two cores measured 0.31: the tutorial's sender plans, proves and remembers nothing."""
GATE_ONCE = 1.02
TUTORIAL_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
TUTORIAL_ACCOUNT = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
"""The second account that every local chain funds."""


async def _settle_all(community: Community, node: EvmNode) -> None:
    """Run settlement until every reading is final; a block now and then brings finality."""
    store, signer, miner = Store.open(community.database_url), community.signer(), EvmNode(community.node_url)
    try:
        held: dict[str, str] | None = None
        await signer.start()
        while held is None:
            try:
                held = await pass_gate(community.terms, node, store)
            except RetryableError:
                continue
        loop = compose(community.terms, node, store, signer, SystemClock(), held=held)
        while True:
            try:
                more = await loop.pass_once()
            except RetryableError:
                more = False
            async with store.read() as work:
                counts = await count_by_state(work)
            if counts.get(IssuanceState.FINAL, 0) == SETTLEMENTS:
                return
            if not more:
                await miner.call("anvil_mine", "0x1")
    finally:
        await signer.stop()
        await store.close()
        await miner.close()


async def _calls(community: Community) -> list[bytes]:
    """The calls that settle each reading, quarter-hour after quarter-hour, ready made."""
    store = Store.open(community.database_url)
    calls: dict[tuple[int, str], bytes] = {}
    async with store.read() as work:
        for source in await energy_sources(work):
            (table,) = await share_tables(work, source.id)
            begin = await settled_up_to(work, source)
            register = begin.register_wh
            for number, reading in enumerate(await readings_after(work, source.id, begin)):
                planned = PlannedPeriod(register, reading, OPENED, table)
                issuance = issuance_of(source, planned, community.terms, OPENED)
                settlement = await settlement_of(work, issuance, source)
                if not isinstance(settlement, Settlement):
                    raise TypeError(settlement)
                calls[number, source.id] = settlement.calldata
                register = reading.register_wh
    await store.close()
    return [calls[key] for key in sorted(calls)]


async def _ours_a_second(folder: Path) -> float:
    async with community_with(folder, PLANTS, READINGS) as community:
        node = EvmNode(community.node_url)
        began = time.perf_counter()
        await _settle_all(community, node)
        took = time.perf_counter() - began
        await node.close()
    return SETTLEMENTS / took


async def _tutorial_a_second(folder: Path) -> float:
    async with community_with(folder, PLANTS, READINGS, TUTORIAL_ACCOUNT) as community:
        node = EvmNode(community.node_url)
        calls = await _calls(community)
        # Without faults it may ask as long as it takes: on a busy machine a block is late, and that is no fault of its own.
        sender = TutorialSender(node, community.terms.chain_id, TUTORIAL_KEY, receipt_looks=10_000)
        began = time.perf_counter()
        for call in calls:
            if not await sender.send(community.terms.issuer, call):
                raise AssertionError("without faults every settlement must be mined")
        took = time.perf_counter() - began
        await node.close()
    return SETTLEMENTS / took


async def minted_once(community: Community) -> tuple[int, int, int]:
    """How many settlements were minted exactly once, more than once, and never."""
    node = EvmNode(community.node_url)
    times = [
        decode_uint(await node.eth_call(community.terms.issuer, encode_counts(roof.ref, number * WH_PER_READING)))
        for roof in community.roofs
        for number in range(1, READINGS + 1)
    ]
    await node.close()
    return times.count(1), sum(count > 1 for count in times), times.count(0)


async def _ours_under_faults(folder: Path) -> tuple[int, int, int]:
    async with community_with(folder, PLANTS, READINGS, counting=True) as community:
        node = FaultyNode(community.node_url, Random(SEED), FAULT_PERCENT)
        await _settle_all(community, node)
        await node.close()
        return await minted_once(community)


async def _tutorial_under_faults(folder: Path) -> tuple[int, int, int]:
    async with community_with(folder, PLANTS, READINGS, TUTORIAL_ACCOUNT, counting=True) as community:
        node = FaultyNode(community.node_url, Random(SEED), FAULT_PERCENT)
        sender = TutorialSender(node, community.terms.chain_id, TUTORIAL_KEY)
        for call in await _calls(community):
            await sender.send(community.terms.issuer, call)
        await node.close()
        return await minted_once(community)


def run() -> list[Figure]:
    """Settlements a second without faults, and settlements minted exactly once with them."""
    before = structlog.get_config()
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with tempfile.TemporaryDirectory(prefix="bench-settle-") as name:
            folders = [Path(name) / part for part in ("ours", "tutorial", "ours-faults", "tutorial-faults")]
            for folder in folders:
                folder.mkdir()
            rate = asyncio.run(_ours_a_second(folders[0]))
            tutorial_rate = asyncio.run(_tutorial_a_second(folders[1]))
            ours = asyncio.run(_ours_under_faults(folders[2]))
            tutorial = asyncio.run(_tutorial_under_faults(folders[3]))
    finally:
        structlog.configure(**before)
        logging.disable(logging.NOTSET)
    for who, (once, twice, never) in (("settlement", ours), ("tutorial sender", tutorial)):
        print(f"  {FAULT_PERCENT} % faults, {who}: {once} once, {twice} more than once, {never} never")
    if ours != (SETTLEMENTS, 0, 0):
        raise AssertionError(f"settlement minted {ours}")
    return [
        Figure(NAME, rate, "settlements/s", "tutorial sender", tutorial_rate, GATE_RATE),
        Figure(f"{NAME}_once_under_faults", ours[0], "settlements", "tutorial sender", max(1, tutorial[0]), GATE_ONCE),
    ]
