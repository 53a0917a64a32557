"""From the network to finality: any of our hashes mined, finalised and canonical; or sent again, or with higher fees."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from community.chain.transactions import ATTEMPTS_MAX, Attempt, AttemptState, ChainTransaction
from community.clients.evm import EvmNode, NodeUnavailable, quantity
from community.clock import Clock
from community.errors import FatalError
from community.minting.issuances import Issuance, IssuanceState
from community.store import issuances, transactions
from community.store.reverted import set_down
from community.store.unit_of_work import Store
from settlement.alarms import Alarms
from settlement.failpoints import Failpoint
from settlement.nonce_owner import transaction_with_nonce
from settlement.proven_blocks import ProvenBlocks
from settlement.reverts import revert_reason, sources_to_blame
from settlement.submitter import Submitter
from settlement.terms import SettlementTerms

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mined:
    """One of our attempts in a block of the canonical chain."""

    tx_hash: str
    block: int
    block_hash: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Tracker:
    """Follows issuances that were handed to the network."""

    terms: SettlementTerms
    node: EvmNode
    store: Store
    submitter: Submitter
    clock: Clock
    failpoint: Failpoint
    alarms: Alarms
    proven: ProvenBlocks = field(default_factory=ProvenBlocks)

    async def follow(self, issuance: Issuance) -> None:
        """Look for a receipt; without one send the same bytes again, or raise the fees once they are old."""
        transaction = await self._transaction(issuance)
        mined = await self._mined(transaction)
        if mined is not None:
            self.failpoint("receipt_seen")
            await self._record_mined(transaction, mined)
        elif await self.node.nonce(transaction.account, "finalized") > transaction.nonce:
            await self._look_for_another(issuance, transaction)
        else:
            await self._push(issuance, transaction)

    async def finalise(self, issuance: Issuance) -> None:
        """Bring a mined issuance to `final`, or back to `broadcast` if a reorg took its block away."""
        transaction = await self._transaction(issuance)
        finalised = await self.node.block("finalized")
        mined = await self._mined(transaction)
        if mined is None or mined.block != issuance.mined_block or mined.tx_hash != issuance.tx_hash:
            _log.warning("mined_block_vanished", issuance=issuance.id, block=issuance.mined_block)
            await self._move(transaction, IssuanceState.BROADCAST, mined_block=None, tx_hash=None)
            self.failpoint("block_vanished")
            return
        if finalised is None or quantity(finalised["number"]) < mined.block:
            return
        self.failpoint("before_final_stored")
        await self._move(transaction, IssuanceState.FINAL, final_at=self.clock.now())
        for carried in transaction.issuance_ids:
            self.proven.note(carried, mined.block, mined.block_hash)
            _log.info("issuance_final", issuance=carried, block=mined.block)
        self.failpoint("final_stored")

    async def watch(self, issuance: Issuance) -> None:
        """See whether a final issuance is still on the chain. An alarm if not: the books are never rewritten by this.

        A node that only knows no receipt may be behind; that the chain has finalised less than this nonce is a proof.
        """
        transaction = await self._transaction(issuance)
        mined = await self._mined(transaction)
        if mined is not None and mined.block == issuance.mined_block:
            for carried in transaction.issuance_ids:
                self.proven.note(carried, mined.block, mined.block_hash)
            return
        now, where = self.clock.now(), issuance.mined_block
        if mined is not None:
            self.alarms.raise_alarm("final_block_changed", now, issuance=issuance.id, block=where, now_in=mined.block)
        elif await self.node.nonce(transaction.account, "finalized") <= transaction.nonce:
            self.alarms.raise_alarm(
                "final_settlement_vanished",
                now,
                issuance=issuance.id,
                block=where,
                tx=issuance.tx_hash,
                do="The chain took back a finalised block. Stop settling, compare several nodes, and decide by hand.",
            )
        else:
            _log.warning("receipt_missing", issuance=issuance.id, nonce=transaction.nonce, tx=issuance.tx_hash)

    async def _push(self, issuance: Issuance, transaction: ChainTransaction) -> None:
        newest = transaction.newest
        if newest.state is AttemptState.REQUESTED:
            await self.submitter.request_signature(issuance)
            await self.submitter.broadcast(issuance)
            return
        waiting_since = newest.broadcast_at or newest.requested_at
        if not await self._is_known(newest):
            await self.submitter.broadcast(issuance)
            if await self._is_known(newest):
                return
            # Nodes that take it no more will not take it later either: fees rose, or they keep something dearer.
            waiting_since = newest.requested_at
        if self.clock.now() - waiting_since < timedelta(seconds=self.terms.bump_after_s):
            return
        if newest.number >= ATTEMPTS_MAX or not await self.submitter.raise_fees(issuance, transaction):
            self.alarms.raise_alarm(
                "transaction_stuck",
                self.clock.now(),
                issuance=issuance.id,
                nonce=transaction.nonce,
                attempts=newest.number,
                do="Nobody mines it at these fees. Raise the fee ceiling, or wait; later settlements queue behind it.",
            )

    async def _is_known(self, attempt: Attempt) -> bool:
        return attempt.tx_hash is not None and await self.node.transaction(attempt.tx_hash) is not None

    async def _mined(self, transaction: ChainTransaction) -> Mined | None:
        """The attempt that is in a canonical block. A receipt of a block that is gone counts as none."""
        for attempt in reversed(transaction.signed_attempts):
            receipt = await self.node.receipt(attempt.tx_hash or "")
            if receipt is None:
                continue
            number = _field(receipt, "blockNumber")
            block = await self.node.block(number)
            if block is None or block.get("hash") != receipt.get("blockHash"):
                continue
            if str(receipt.get("transactionHash")).lower() != attempt.tx_hash:
                raise NodeUnavailable("The chain node answered with the receipt of another transaction")
            return Mined(str(attempt.tx_hash), number, str(block["hash"]), _field(receipt, "status") == 1)
        return None

    async def _record_mined(self, transaction: ChainTransaction, mined: Mined) -> None:
        if mined.succeeded:
            await self._move(transaction, IssuanceState.MINED, mined_block=mined.block, tx_hash=mined.tx_hash)
            _log.info("issuance_mined", issuances=transaction.issuance_ids, block=mined.block, tx=mined.tx_hash)
        elif await self._stays(transaction, mined):
            await self._record_reverted(transaction, mined)
        else:  # another block may yet take it instead, and it may succeed there
            _log.warning("settlement_reverts", issuances=transaction.issuance_ids, block=mined.block, tx=mined.tx_hash)
            return
        self.failpoint("mined_stored")

    async def _stays(self, transaction: ChainTransaction, mined: Mined) -> bool:
        """Whether its block is finalised. Looked at in this order, a reorg in between is seen."""
        finalised = await self.node.block("finalized")
        is_final = finalised is not None and quantity(finalised["number"]) >= mined.block
        return is_final and await self._mined(transaction) == mined

    async def _record_reverted(self, transaction: ChainTransaction, mined: Mined) -> None:
        """Stop what is to blame. What a batch carried besides goes on, each by itself, once the signer signs it again."""
        reason = await revert_reason(self.node, transaction, mined.block)
        blamed = await sources_to_blame(self.node, transaction, mined.block)
        carried, now = transaction.issuance_ids, self.clock.now()
        is_batch = len(carried) > 1
        others = [each for each in carried if each not in blamed] if is_batch else []
        _log.error("settlement_reverted", issuances=carried, reason=reason, blamed=blamed, sent_again=others)
        facts = {"mined_block": mined.block, "tx_hash": mined.tx_hash}
        async with self.store.begin() as work:
            for each in carried:
                if each not in others:
                    failure = f"The transaction was mined but reverted: {blamed.get(each, reason)}."
                    await issuances.move_issuance(work, each, IssuanceState.STOPPED, now, failure=failure, **facts)
            if others:
                failure = f"It was mined together with others in nonce {transaction.nonce}, which reverted: {reason}."
                await set_down(work, transaction, others, failure, now)
                await issuances.move_issuances(work, others, IssuanceState.STOPPED, now, failure=failure)
                await issuances.move_issuances(work, others, IssuanceState.PLANNED, now)

    async def _look_for_another(self, issuance: Issuance, transaction: ChainTransaction) -> None:
        """Our nonce is used and finalised, but the node shows no receipt of ours. Freeze only on proof of another's."""
        used_by = await transaction_with_nonce(self.node, transaction.account, transaction.nonce)
        if used_by is None or used_by in {attempt.tx_hash for attempt in transaction.signed_attempts}:
            _log.warning("receipt_missing", issuance=issuance.id, nonce=transaction.nonce, tx=used_by)
            return
        async with self.store.begin() as work:
            await transactions.freeze_account(work, transaction.chain_id, transaction.account)
        raise FatalError(
            f"Nonce {transaction.nonce} of {transaction.account} was used by transaction {used_by}, which is not ours. The "
            "account is frozen: find out who used the key, and replace it."
        )

    async def _move(self, transaction: ChainTransaction, state: IssuanceState, **facts: Any) -> None:
        """Everything that a transaction carries moves together."""
        async with self.store.begin() as work:
            await issuances.move_issuances(work, transaction.issuance_ids, state, self.clock.now(), **facts)

    async def _transaction(self, issuance: Issuance) -> ChainTransaction:
        async with self.store.read() as work:
            found = await transactions.transaction_of(work, issuance.id)
        if found is None:
            raise FatalError(f"Issuance {issuance.id} is {issuance.state.value} but has no transaction.")
        return found


def _field(receipt: dict[str, Any], name: str) -> int:
    return quantity(receipt.get(name))
