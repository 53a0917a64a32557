"""Following the chain: finalised history in ranges, then block by block, through reorgs, up to the head."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from community.chain.blocks import BlockHeader
from community.chain.index_checkpoint import IndexCheckpoint, IndexedBlock
from community.chain.local_chain import Contradicted, Duplicate, Extended, Forked, Lagging, LocalChain, Missing, offer
from community.clients.evm import EvmNode
from community.errors import FatalError
from community.store import chain_index, issuer_events
from community.store.unit_of_work import Store
from indexer import reading
from indexer.apply import Books, Reached
from indexer.backfill import Backfill
from indexer.decode import Contracts
from indexer.digest import START
from indexer.distrust import NodeContradiction
from indexer.finality import agreed_final
from indexer.nodes import Nodes
from indexer.pace import Pace
from indexer.progress import BackfillProgress
from indexer.ranges import RangeReader, ReadRange
from indexer.reading import Heads

RANGES_FROM_BEHIND = 64
"""Finalised blocks that are missing at least, before they are read in ranges."""
WALK_MAX = 512
"""Steps of one walk at most, so that finality and reconciliation get their turn."""

_log = structlog.get_logger()


class FinalityContradicted(FatalError):
    """A node contradicts a block that was final. Nothing is rewritten."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step did. `settled_final`: settlements became final; `caught_up`: nothing more to read now."""

    checkpoint: IndexCheckpoint
    settled_final: bool
    caught_up: bool


class Follower:
    """Keeps the index of one chain up with its nodes. `step` may fail anywhere and be called again."""

    def __init__(  # noqa: PLR0913 - what surrounds it, and what tests put in its place
        self,
        store: Store,
        chain_id: int,
        contracts: Contracts,
        *,
        start_block: int,
        now: Callable[[], datetime],
        reached: Reached = lambda _name: None,
        pace: Pace | None = None,
        nodes: Nodes | None = None,
        finality_quorum: int = 1,
    ) -> None:
        self._store = store
        self._chain_id = chain_id
        self._contracts = contracts
        self._start_block = start_block
        self._now = now
        self._reached = reached
        self._books = Books(store, now, reached)
        self._paces: dict[str, Pace] = {}
        self._pace_first = pace or Pace()
        self._nodes = nodes
        self._finality_quorum = finality_quorum
        self._complete = False
        """Whether the secondary indexes are known to stand."""
        self.stopping: Callable[[], bool] = lambda: False
        """Asked between two units of work of a long step; whoever runs the follower sets it."""
        self.reorganised: Callable[[int], None] = lambda _depth: None
        """Told the depth of every reorg, in blocks, once the books have followed it."""

    async def step(self, node: EvmNode) -> Progress:
        """Read what is new at `node` and bring it into the books.

        Everything is loaded from the store first, so nothing depends on how the step before ended.
        """
        heads = await self._heads(node)
        known, chain = await self._load(node, heads)
        before = known.finalised.number
        known, chain, ranged = await self._catch_up(node, heads, known, chain)
        if not ranged:
            known, chain = await self._walk(node, heads.latest, known, chain)
            known = await self._finalise(heads, known, chain)
        settled_final = False
        if known.finalised.number > before:
            async with self._store.read() as work:
                settled_final = await issuer_events.settled_between(
                    work, self._chain_id, before, known.finalised.number
                )
        return Progress(known, settled_final, caught_up=known.head.number >= heads.latest.number)

    async def _heads(self, node: EvmNode) -> Heads:
        """The head at `node`, and the finalised block that the quorum of all nodes agrees on."""
        if self._nodes is None or len(self._nodes) == 1:
            return await reading.heads(node)
        latest, finalised = await asyncio.gather(
            reading.tagged(node, "latest"), agreed_final(self._nodes.all, self._finality_quorum)
        )
        if latest is None:
            raise NodeContradiction("The chain node has no latest block")
        return Heads(latest, finalised)

    async def _load(self, node: EvmNode, heads: Heads) -> tuple[IndexCheckpoint, LocalChain]:
        async with self._store.read() as work:
            known = await chain_index.checkpoint(work, self._chain_id)
            if known is not None:
                window = await chain_index.blocks_from(work, self._chain_id, known.finalised.number)
                return known, _window(known, window)
        return await self._begin(node, heads)

    async def _begin(self, node: EvmNode, heads: Heads) -> tuple[IndexCheckpoint, LocalChain]:
        """Anchor a new index at the last final block before the first one wanted."""
        final_number = heads.finalised.number if heads.finalised else 0
        number = min(max(self._start_block - 1, 0), final_number)
        anchor = await reading.header(node, number)
        if anchor is None:
            raise NodeContradiction(f"The chain node does not have block {number}")
        start = IndexCheckpoint(
            self._chain_id, number + 1, anchor.ref, anchor.ref, heads.latest.number, updated_at=self._now()
        )
        block = IndexedBlock(anchor.ref, anchor.parent_hash, anchor.at, START)
        async with self._store.begin() as work:
            await chain_index.begin(work, start, block)
        _log.info("index_started", chain_id=self._chain_id, start_block=number + 1)
        return start, LocalChain((anchor.ref,))

    async def _catch_up(
        self, node: EvmNode, heads: Heads, known: IndexCheckpoint, chain: LocalChain
    ) -> tuple[IndexCheckpoint, LocalChain, bool]:
        """Finalised blocks in ranges if many are missing. The last of the values says whether that was the case."""
        final = heads.finalised
        if final is None or final.number - known.head.number < RANGES_FROM_BEHIND:
            if not self._complete:
                await self._books.complete_load()
                self._complete = True
            return known, chain, False
        await self._books.prepare_load()
        pace = self._paces.setdefault(node.url, replace(self._pace_first))
        witness = self._nodes.witness if self._nodes is not None else None
        reader = RangeReader(self._contracts, node, pace, witness)
        begin, upto, began_at, logs = known.head.number, final.number, self._now(), 0

        def written(reached: IndexCheckpoint, read: ReadRange) -> None:
            nonlocal logs
            logs += read.log_count
            at = reached.head.number
            progress = BackfillProgress(at - begin, upto - at, logs, (self._now() - began_at).total_seconds())
            _log.info("index_range_read", head=at, progress=progress.sentence())

        backfill = Backfill(self._books, reader, pace, self._reached, written)
        done = await backfill.run(known, upto, node_head=heads.latest.number, stopping=self.stopping)
        await self._books.complete_load()
        if done.checkpoint == known:
            # our head is on a branch that was given up: the walk finds the ancestor
            return known, chain, False
        return done.checkpoint, LocalChain((done.checkpoint.head,)), True

    async def _walk(
        self, node: EvmNode, target: BlockHeader, known: IndexCheckpoint, chain: LocalChain
    ) -> tuple[IndexCheckpoint, LocalChain]:
        """Block by block from our head towards `target`, back to the common ancestor where the chain forked."""
        header: BlockHeader | None = target
        for _ in range(WALK_MAX):
            if header is None:
                break
            match offer(chain, header):
                case Extended(longer):
                    block = await reading.block(node, header, self._contracts)
                    if block is None:
                        break  # the node changed branch meanwhile: the next step follows it
                    self._reached("block_read")
                    known = await self._books.extend(known, [block], node_head=target.number)
                    chain = longer
                    header = await self._next(node, chain, target)
                case Missing(number):
                    header = await reading.header(node, number)
                case Forked(None):
                    header = await reading.header(node, header.parent_hash)
                case Forked(ancestor):
                    assert ancestor is not None
                    depth = chain.head.number - ancestor.number
                    _log.warning("chain_reorganised", depth=depth, head=known.head.number)
                    known = await self._books.roll_back(known, ancestor, node_head=target.number)
                    self.reorganised(depth)
                    chain = chain.cut(ancestor)  # the same header now extends our head
                case Duplicate() | Lagging():
                    break
                case Contradicted(finalised, claimed):
                    raise _contradiction(finalised.number, finalised.hash, claimed)
        return known, chain

    async def _next(self, node: EvmNode, chain: LocalChain, target: BlockHeader) -> BlockHeader | None:
        number = chain.head.number + 1
        if number > target.number:
            return None
        return target if number == target.number else await reading.header(node, number)

    async def _finalise(self, heads: Heads, known: IndexCheckpoint, chain: LocalChain) -> IndexCheckpoint:
        final = heads.finalised
        if final is None or final.number < known.finalised.number or final.number > known.head.number:
            return known
        if final.number == known.finalised.number:
            if final.hash != known.finalised.hash:
                raise _contradiction(known.finalised.number, known.finalised.hash, final.hash)
            return known
        if chain.at(final.number) != final.ref:
            return known  # the node changed branch between two answers: the next walk follows it
        return await self._books.finalise(known, final.ref, node_head=heads.latest.number)


def _window(known: IndexCheckpoint, blocks: list[IndexedBlock]) -> LocalChain:
    chain = LocalChain(tuple(block.ref for block in blocks))
    if chain.finalised != known.finalised or chain.head != known.head:
        raise FatalError("The index's blocks and its checkpoint do not agree: restore the database or index anew.")
    return chain


def _contradiction(number: int, ours: str, theirs: str) -> FinalityContradicted:
    return FinalityContradicted(
        f"Block {number} was final with hash {ours}, and the chain node now says {theirs}. Nothing was rewritten. Ask "
        "another node; if the chain really changed, or is a test chain begun anew, index into a new database."
    )
