"""What blocks, reorgs and finality change in the books: one unit of work each, all of it or nothing."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain

import structlog

from community.chain.blocks import BlockRef
from community.chain.index_checkpoint import IndexCheckpoint, IndexedBlock
from community.errors import FatalError
from community.store import balances, chain_index, issuer_events, outbox, secondary_indexes, share_transfers, transfers
from community.store.unit_of_work import Store, Work
from community.tokens.balances import Effects, effects_of_fields
from community.tokens.share_transfers import ShareTransfer
from community.tokens.transfers import transfer_lines
from indexer.digest import digest_after
from indexer.reading import ReadBlock

Reached = Callable[[str], None]
"""Told the name of each step as it is reached; tests stop the process there."""

_log = structlog.get_logger()


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
            await self._add_rows(work, known, blocks)
            moving = effects_of_fields(chain.from_iterable(block.rows.transfers for block in blocks))
            if final:
                before = await transfers.between(work, known.chain_id, known.finalised.number, known.head.number)
                settling = (
                    effects_of_fields(chain(before, *(block.rows.transfers for block in blocks))) if before else moving
                )
                await balances.fold_in(work, known.chain_id, moving, settling)
            else:
                await balances.fold_in(work, known.chain_id, moving)
            await self._fold_shares(work, known, blocks, final=final)
            await self._announce(work, head.number, moving)
            self._reached("block_written")
        self._reached("block_committed")
        return moved

    async def prepare_load(self) -> None:
        """Make way for a first load: the secondary indexes of the transfers are built after it."""
        async with self._store.begin() as work:
            dropped = await secondary_indexes.drop_for_first_load(work)
        if dropped:
            _log.info("index_first_load", secondary_indexes="after the load")

    async def complete_load(self) -> None:
        """Build what a first load left out; nothing where it is there."""
        built = await secondary_indexes.create_missing(self._store)
        if built:
            _log.info("secondary_indexes_built", names=built)

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
            shares = await share_transfers.between(work, known.chain_id, ancestor.number, known.head.number)
            await share_transfers.remove_above(work, known.chain_id, ancestor.number)
            effects = effects_of_fields(undone)
            await balances.take_back(work, known.chain_id, effects)
            await balances.take_back(work, known.chain_id, _share_effects(shares), balances.SHARES)
            await self._announce(work, ancestor.number, effects)
            self._reached("rollback_written")
        self._reached("rollback_committed")
        return moved

    async def finalise(self, known: IndexCheckpoint, block: BlockRef, *, node_head: int) -> IndexCheckpoint:
        """Make everything up to `block`, which is in the index, final."""
        async with self._store.begin() as work:
            moved = await chain_index.move(
                work, known, head=known.head, finalised=block, node_head=node_head, now=self._now()
            )
            final = effects_of_fields(
                await transfers.between(work, known.chain_id, known.finalised.number, block.number)
            )
            await balances.fold_in(work, known.chain_id, Effects(), final)
            shares = await share_transfers.between(work, known.chain_id, known.finalised.number, block.number)
            await balances.fold_in(work, known.chain_id, Effects(), _share_effects(shares), balances.SHARES)
            await self._announce(work, block.number, final)
            self._reached("finality_written")
        self._reached("finality_committed")
        return moved

    async def _fold_shares(
        self, work: Work, known: IndexCheckpoint, blocks: Sequence[ReadBlock], *, final: bool
    ) -> None:
        moved = [one for block in blocks for one in block.rows.shares]
        before = (
            await share_transfers.between(work, known.chain_id, known.finalised.number, known.head.number)
            if final
            else []
        )
        if moved or before:
            await share_transfers.add(work, known.chain_id, moved)
            settling = _share_effects([*before, *moved]) if final else Effects()
            await balances.fold_in(work, known.chain_id, _share_effects(moved), settling, balances.SHARES)

    async def _add_rows(self, work: Work, known: IndexCheckpoint, blocks: Sequence[ReadBlock]) -> None:
        before = await chain_index.block_at(work, known.chain_id, known.head.number)
        if before is None:
            raise FatalError(f"The index lacks its own head block {known.head.number}: restore or rebuild the index.")
        digest = before.digest
        indexed, lines = [], []
        for block in blocks:
            lines.append(transfer_lines(known.chain_id, block.rows.transfers))
            digest = digest_after(digest, lines[-1], block.rows)
            indexed.append(IndexedBlock(block.header.ref, block.header.parent_hash, block.header.at, digest))
        await chain_index.add_blocks(work, known.chain_id, indexed)
        await transfers.add(work, b"".join(lines))
        await issuer_events.add_settled(work, known.chain_id, [one for block in blocks for one in block.rows.settled])
        await issuer_events.add_others(work, known.chain_id, [one for block in blocks for one in block.rows.others])

    async def _announce(self, work: Work, block_number: int, effects: Effects) -> None:
        now = self._now()
        await outbox.announce_all(work, "balance", sorted({address for _, address in effects.last_block}), now)
        await outbox.announce(work, "block", str(block_number), now)


def _share_effects(transfers: Sequence[ShareTransfer]) -> Effects:
    return effects_of_fields(one.fields for one in transfers)
