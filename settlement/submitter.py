"""From a settlement to bytes on the network: dry run, intent with its nonce, signature, broadcast.

Each step first stores what the next one needs, so a repeat after a crash finds it. The bytes and their hash are stored
before the network sees them; what the node answers to a broadcast decides nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import structlog

from community.chain.signature_requests import RefusedReply, SignatureRequest, SignedReply
from community.chain.signed_transactions import MalformedTransaction, SignedTransaction, read_signed
from community.chain.transactions import Attempt, AttemptState, ChainTransaction, Fees, Intent
from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable
from community.clock import Clock
from community.errors import FatalError, RetryableError
from community.minting.issuances import Issuance, IssuanceState, batch_id
from community.store import issuances, transactions
from community.store.epochs import hold_epochs
from community.store.proposals import is_proposal_live
from community.store.reverted import reverted_nonces_of
from community.store.supplements import link_supplement
from community.store.unit_of_work import Store, Work
from contracts.abi import SELECTOR_SETTLE_ATTESTED
from settlement.batches import Batch, call_of
from settlement.failpoints import Failpoint
from settlement.fees import current_fees
from settlement.planner import Settlement
from settlement.preflight import Cleared, Later, Refused, dry_run
from settlement.signature_broker import SignerPort
from settlement.terms import SettlementTerms
from settlement.waiting import Waiting

_log = structlog.get_logger()

GAS_MARGIN_PERCENT = 120


class Reserved(Enum):
    """What became of a wish for a nonce."""

    YES = "yes"
    NOT_NOW = "not now"
    NOT_TOGETHER = "not together"
    """The node would not run it, or it needs too much gas: smaller batches may go, and find the one that is to blame."""


class UnprovenRefusal(RetryableError):
    """Somebody says that the signer refuses: the broker's holder, or the signer to one whom it does not know."""


class ObjectedMeanwhile(RetryableError):
    """A proposal lost its ground between planning and the intent: it is planned anew."""


@dataclass(frozen=True, slots=True)
class Submitter:
    """Takes settlements up to the network. Raises RetryableError where the outside fails; a repeat goes on."""

    terms: SettlementTerms
    node: EvmNode
    store: Store
    signer: SignerPort
    clock: Clock
    failpoint: Failpoint
    waiting: Waiting = field(default_factory=Waiting)

    async def clear(self, settlements: Sequence[Settlement], *, recorded: bool = False) -> list[Settlement]:
        """Ask the contract about each, all at once; those that it would mint, as it would mint them.

        `recorded`: their issuances stand in the books already. One that cannot be asked about leaves the others alone.
        What waits for a person is asked about ever less often.
        """
        now = self.clock.now()
        due = [settlement for settlement in settlements if self.waiting.is_due(settlement.issuance.id, now)]
        asked = [dry_run(self.node, settlement, self.terms.account) for settlement in due]
        cleared: list[Settlement] = []
        for settlement, verdict in zip(due, await asyncio.gather(*asked, return_exceptions=True), strict=True):
            match verdict:
                case Later(reason, for_somebody):
                    _log.info("settlement_waits", source=settlement.issuance.source_id, reason=reason)
                    if for_somebody:
                        self.waiting.wait(settlement.issuance.id, now)
                case Refused(reason):
                    await self._stop(settlement, reason, recorded)
                case Cleared(issuance):
                    cleared.append(replace(settlement, issuance=issuance))
                case RetryableError():
                    _log.warning("settlement_retries", source=settlement.issuance.source_id, reason=str(verdict))
                case BaseException():
                    raise verdict
        if cleared:
            self.failpoint("dry_run_cleared")
        return cleared

    async def reserve(self, batch: Batch, *, recorded: bool = False) -> Reserved:
        """Store the intent of a batch with its nonce: issuances, transaction and first attempt in one unit of work."""
        call, names = call_of(batch), [one.issuance.source_id for one in batch]
        issuer = batch[0].issuance.issuer
        try:
            gas, fees = await asyncio.gather(
                self.node.estimate_gas(issuer, call, sender=self.terms.account),
                current_fees(self.node, self.terms.tip_wei_min, self.terms.max_fee_wei_max),
            )
        except NodeRefused as refusal:
            _log.warning("settlement_waits", sources=names, reason=str(refusal))
            return Reserved.NOT_TOGETHER
        if len(batch) > 1 and gas > self.terms.batch_gas_max:
            return Reserved.NOT_TOGETHER
        if fees is None:
            _log.warning("settlement_waits", sources=names, reason="The chain's fees are above the ceiling.")
            return Reserved.NOT_NOW
        gas_limit = gas * GAS_MARGIN_PERCENT // 100
        chain_id = batch[0].issuance.chain_id
        intent = Intent(chain_id, self.terms.account, issuer, call, gas_limit=gas_limit, fees=fees)
        self.failpoint("before_intent_stored")
        async with self.store.begin() as work:
            reserved = await self._write_intent(work, batch, intent, recorded)
        for one in batch:
            _log.info("issuance_planned", issuance=one.issuance.id, source=one.issuance.source_id, nonce=reserved.nonce)
        self.failpoint("intent_stored")
        return Reserved.YES

    async def _write_intent(self, work: Work, batch: Batch, intent: Intent, recorded: bool) -> ChainTransaction:
        now, ids = self.clock.now(), [one.issuance.id for one in batch]
        for one in batch:
            if one.is_proposed and not await is_proposal_live(work, one.issuance.id):
                raise ObjectedMeanwhile(
                    f"Issuance {one.issuance.id} was objected to, or taken back, while it was prepared."
                )
        if not recorded:
            await hold_epochs(work, {one.issuance.source_id: one.issuance.epoch for one in batch})
            decided = [replace(one.issuance, state=IssuanceState.REQUESTED) for one in batch]
            await issuances.add_issuances(work, decided)
            for one in batch:
                if one.supplement is not None:
                    await link_supplement(work, one.issuance.id, one.supplement)
        elif len(await issuances.move_issuances(work, ids, IssuanceState.REQUESTED, now, failure=None)) < len(ids):
            raise issuances.DecidedMeanwhile(f"One of {', '.join(ids)} was sent by another process meanwhile.")
        return await transactions.reserve_transaction(work, ids, intent, now)

    async def request_signature(self, issuance: Issuance) -> None:
        """Ask the signer for the bytes of the newest attempt and store them."""
        transaction = await self._transaction(issuance)
        attempt = transaction.newest
        if attempt.state is AttemptState.REQUESTED:
            self.failpoint("signature_asked")
            evidence = await self._evidence(issuance, transaction)
            reply = await self.signer.ask(_request(transaction, attempt, self.terms.requester_id, evidence))
            self.failpoint("signature_received")
            match reply:
                case RefusedReply(reason=reason):
                    if not reply.is_by(transaction.account):
                        raise UnprovenRefusal(
                            f"A refusal came that the key of {transaction.account} has not signed, so the nonce is kept and "
                            f"the signer asked again: {reason}"
                        )
                    await self._refused(issuance, transaction, attempt, reason)
                    return
                case SignedReply(raw=raw, tx_hash=tx_hash):
                    check_signed(transaction, attempt, raw, tx_hash)
                    await self._store_signed(transaction, attempt, reply)
        self.failpoint("signature_stored")

    async def broadcast(self, issuance: Issuance) -> None:
        """Hand the stored bytes of the newest signed attempt to the network. Any number of times."""
        transaction = await self._transaction(issuance)
        attempt = transaction.signed_attempts[-1]
        self.failpoint("before_sent")
        await self._send(attempt, issuance)
        self.failpoint("sent_to_network")
        now = self.clock.now()
        async with self.store.begin() as work:
            await transactions.mark_broadcast(work, transaction.id, attempt.number, now)
            await issuances.move_issuances(work, transaction.issuance_ids, IssuanceState.BROADCAST, now)
        self.failpoint("broadcast_stored")

    async def raise_fees(self, issuance: Issuance, transaction: ChainTransaction) -> bool:
        """Record a new attempt under the same nonce: a quarter more, or what the market asks where that is more.

        False if either is above the ceiling: there are few attempts, so none is spent on what nobody would mine.
        """
        fees = transaction.newest.fees.raised(self.terms.max_fee_wei_max)
        market = await current_fees(self.node, self.terms.tip_wei_min, self.terms.max_fee_wei_max)
        if fees is None or market is None:
            return False
        fees = Fees(max(fees.max_fee_wei, market.max_fee_wei), max(fees.tip_wei, market.tip_wei))
        number = transaction.newest.number + 1
        async with self.store.begin() as work:
            await transactions.add_attempt(work, transaction.id, number, fees, self.clock.now())
        self.failpoint("attempt_stored")
        _log.info("fees_raised", issuance=issuance.id, attempt=number, max_fee_wei=fees.max_fee_wei)
        return True

    async def _evidence(self, issuance: Issuance, transaction: ChainTransaction) -> bytes:
        """What the signer must verify and the call only names by its hash: the payload of an attested reading."""
        if not transaction.calldata.startswith(SELECTOR_SETTLE_ATTESTED):
            return b""
        async with self.store.read() as work:
            stored = await issuances.evidence_of(work, issuance.measurement_id)
        return b"" if stored is None else stored.signed

    async def _stop(self, settlement: Settlement, reason: str, recorded: bool) -> None:
        issuance = settlement.issuance
        _log.error("settlement_stopped", source=issuance.source_id, issuance=issuance.id, reason=reason)
        async with self.store.begin() as work:
            if not recorded:
                await hold_epochs(work, {issuance.source_id: issuance.epoch})
                await issuances.add_issuance(work, issuance)
                if settlement.supplement is not None:
                    await link_supplement(work, issuance.id, settlement.supplement)
            await issuances.move_issuance(work, issuance.id, IssuanceState.STOPPED, self.clock.now(), failure=reason)

    async def _store_signed(self, transaction: ChainTransaction, attempt: Attempt, reply: SignedReply) -> None:
        now = self.clock.now()
        async with self.store.begin() as work:
            await transactions.store_signed(work, transaction.id, attempt.number, reply.raw, reply.tx_hash, now)
            await issuances.move_issuances(work, transaction.issuance_ids, IssuanceState.SIGNED, now)
        for each in transaction.issuance_ids:
            self.waiting.over(each)

    async def _refused(self, issuance: Issuance, transaction: ChainTransaction, attempt: Attempt, reason: str) -> None:
        """A refused first attempt stops the issuance and gives its nonce back; a refused later one is only dropped.

        Of a refused batch each is tried alone: what one source may not do must not stop the others. What was mined in vain
        before is asked for again ever less often: the signer waits for two operators to say that its nonce did nothing.
        """
        _log.error("signature_refused", issuance=issuance.id, carries=len(transaction.issuance_ids), reason=reason)
        now = self.clock.now()
        async with self.store.begin() as work:
            if attempt.number > 1:
                await transactions.drop_attempt(work, transaction.id, attempt.number)
                return
            now_there = await transactions.transaction_of(work, issuance.id)
            if now_there is None or now_there.id != transaction.id or now_there.signed_attempts:
                return  # another process has dealt with it meanwhile
            await transactions.release_transaction(work, transaction)
            together = " it together with others" if transaction.also else ""
            failure, carried = f"The signer refused{together}: {reason}", transaction.issuance_ids
            spent = await reverted_nonces_of(work, carried)
            if spent:
                failure = f"{failure} Have two operators approve `reverted_nonces` {spent} in the signer's registry: then it goes on."
            await issuances.move_issuances(work, carried, IssuanceState.STOPPED, now, failure=failure)
            if transaction.also or spent:
                await issuances.move_issuances(work, carried, IssuanceState.PLANNED, now)
        if spent:
            for each in carried:
                self.waiting.wait(each, now)

    async def _send(self, attempt: Attempt, issuance: Issuance) -> None:
        """Every answer means the same: look for any of our hashes. Also a silent node may have passed the bytes on."""
        if attempt.raw is None:
            raise FatalError(f"An attempt of issuance {issuance.id} without bytes was about to be sent.")
        try:
            await self.node.send_raw(attempt.raw)
            _log.info("transaction_sent", issuance=issuance.id, tx=attempt.tx_hash)
        except (NodeRefused, NodeUnavailable) as answer:
            _log.info("transaction_sent", issuance=issuance.id, tx=attempt.tx_hash, answer=str(answer))

    async def _transaction(self, issuance: Issuance) -> ChainTransaction:
        async with self.store.read() as work:
            found = await transactions.transaction_of(work, issuance.id)
        if found is None:
            raise FatalError(f"Issuance {issuance.id} is {issuance.state.value} but has no transaction.")
        return found


def _request(transaction: ChainTransaction, attempt: Attempt, requester: str, evidence: bytes) -> SignatureRequest:
    """The request of an attempt: the same each time, with the same id. A batch is named by all it carries together."""
    carried = transaction.issuance_ids
    return SignatureRequest(
        id=f"{transaction.id}.{attempt.number}",
        requester=requester,
        issuance_id=batch_id(carried) if len(carried) > 1 else carried[0],
        chain_id=transaction.chain_id,
        account=transaction.account,
        nonce=transaction.nonce,
        to=transaction.to,
        data=transaction.calldata,
        gas=transaction.gas_limit,
        max_fee=attempt.fees.max_fee_wei,
        tip=attempt.fees.tip_wei,
        evidence=evidence,
    )


def check_signed(transaction: ChainTransaction, attempt: Attempt, raw: bytes, tx_hash: str) -> None:
    """Raise FatalError unless `raw` is this transaction, signed by its account, with this hash.

    A signer that answers with anything else is broken or somebody else; nothing of it may be stored or sent.
    """
    try:
        signed = read_signed(raw)
    except MalformedTransaction as error:
        raise FatalError(f"The signer's answer for nonce {transaction.nonce} is no transaction: {error}.") from error
    asked = SignedTransaction(
        chain_id=transaction.chain_id,
        nonce=transaction.nonce,
        tip_wei=attempt.fees.tip_wei,
        max_fee_wei=attempt.fees.max_fee_wei,
        gas_limit=transaction.gas_limit,
        to=transaction.to,
        value=0,
        data=transaction.calldata,
        sender=transaction.account,
        tx_hash=tx_hash,
    )
    if signed != asked:
        raise FatalError(
            f"The signer's answer for nonce {transaction.nonce} is not the transaction that was asked for. Stop and check "
            "the signer and the signature broker."
        )
