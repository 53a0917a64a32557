"""What blocks, reorgs and finality change in the books: one unit of work each, all of it or nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from community.chain.blocks import BlockHeader, BlockRef
from community.chain.index_checkpoint import IndexCheckpoint, IndexedBlock
from community.errors import FatalError
from community.store import chain_index, issuer_events, outbox, transfers
from community.store.unit_of_work import Store, Work
from community.tokens.balances import Holding, effects_of, holders_of
from indexer.decode import BlockRows
from indexer.digest import digest_after

Reached = Callable[[str], None]
"""Told the name of each step as it is reached; tests stop the process there."""


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A block's header with its rows, read and checked."""

    header: BlockHeader
    rows: BlockRows


class Books:
    """The index of one chain in the store. Each method is one unit of work and returns the new checkpoint."""

    def __init__(self, store: Store, now: Callable[[], datetime], reached: Reached) -> None:
        self._store = store
        self._now = now
        self._reached = reached

    async def extend(
        self, known: IndexCheckpoint, blocks: Sequence[ReadBlock], *, node_head: int, final: bool = False
    ) -> IndexCheckpoint:
        """Add `blocks`, which follow the head, lowest first; `final` ones change the final books as well."""
        head = blocks[-1].header.ref
        async with self._store.begin() as work:
            moved = await chain_index.move(
                work,
                known,
                head=head,
                finalised=head if final else known.finalised,
                node_head=max(node_head, head.number),
                now=self._now(),
            )
            moving = [transfer for block in blocks for transfer in block.rows.transfers]
            await self._add_rows(work, known, blocks)
            last_block = {key: block.header.number for block in blocks for key in holders_of(block.rows.transfers)}
            await transfers.apply(work, known.chain_id, effects_of(moving), last_block)
            if final:
                await self._finalise_transfers(work, known, head.number)
            await self._announce(work, head.number, holders_of(moving))
            self._reached("block_written")
        self._reached("block_committed")
        return moved

    async def roll_back(self, known: IndexCheckpoint, ancestor: BlockRef, *, node_head: int) -> IndexCheckpoint:
        """Undo every block above `ancestor`, as if it had never been."""
        if ancestor.number < known.finalised.number:
            raise FatalError(f"Block {ancestor.number} lies below the finalised block: nothing final is undone.")
        async with self._store.begin() as work:
            moved = await chain_index.move(
                work, known, head=ancestor, finalised=known.finalised, node_head=node_head, now=self._now()
            )
            undone = await transfers.between(work, known.chain_id, ancestor.number, known.head.number)
            await transfers.remove_above(work, known.chain_id, ancestor.number)
            await issuer_events.remove_above(work, known.chain_id, ancestor.number)
            await chain_index.remove_above(work, known.chain_id, ancestor.number)
            await transfers.take_back(work, known.chain_id, effects_of(undone), holders_of(undone))
            await self._announce(work, ancestor.number, holders_of(undone))
            self._reached("rollback_written")
        self._reached("rollback_committed")
        return moved

    async def finalise(self, known: IndexCheckpoint, block: BlockRef, *, node_head: int) -> IndexCheckpoint:
        """Make everything up to `block`, which is in the index, final."""
        async with self._store.begin() as work:
            moved = await chain_index.move(
                work, known, head=known.head, finalised=block, node_head=node_head, now=self._now()
            )
            touched = await self._finalise_transfers(work, known, block.number)
            await self._announce(work, block.number, touched)
            self._reached("finality_written")
        self._reached("finality_committed")
        return moved

    async def _add_rows(self, work: Work, known: IndexCheckpoint, blocks: Sequence[ReadBlock]) -> None:
        before = await chain_index.block_at(work, known.chain_id, known.head.number)
        if before is None:
            raise FatalError(f"The index lacks its own head block {known.head.number}: restore or rebuild the index.")
        digest = before.digest
        indexed = []
        for block in blocks:
            digest = digest_after(digest, block.rows)
            indexed.append(IndexedBlock(block.header.ref, block.header.parent_hash, block.header.at, digest))
        await chain_index.add_blocks(work, known.chain_id, indexed)
        await transfers.add(work, known.chain_id, [one for block in blocks for one in block.rows.transfers])
        await issuer_events.add_settled(work, known.chain_id, [one for block in blocks for one in block.rows.settled])
        await issuer_events.add_others(work, known.chain_id, [one for block in blocks for one in block.rows.others])

    async def _finalise_transfers(self, work: Work, known: IndexCheckpoint, upto: int) -> frozenset[Holding]:
        final = await transfers.between(work, known.chain_id, known.finalised.number, upto)
        await transfers.finalise(work, known.chain_id, effects_of(final))
        return holders_of(final)

    async def _announce(self, work: Work, block_number: int, touched: Iterable[Holding]) -> None:
        now = self._now()
        for address in sorted({address for _, address in touched}):
            await outbox.announce(work, "balance", address, now)
        await outbox.announce(work, "block", str(block_number), now)
