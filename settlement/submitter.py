"""From a settlement to bytes on the network: dry run, intent with its nonce, signature, broadcast.

Each step first stores what the next one needs, so a repeat after a crash finds it. The bytes and their hash are stored
before the network sees them; what the node answers to a broadcast decides nothing.
"""

from dataclasses import dataclass, replace

import structlog

from community.chain.signature_requests import RefusedReply, SignatureRequest, SignedReply
from community.chain.signed_transactions import MalformedTransaction, SignedTransaction, read_signed
from community.chain.transactions import Attempt, AttemptState, ChainTransaction, Fees, Intent
from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable
from community.clock import Clock
from community.errors import FatalError, RetryableError
from community.minting.issuances import Issuance, IssuanceState
from community.store import issuances, transactions
from community.store.proposals import is_proposal_live
from community.store.unit_of_work import Store
from contracts.abi import SELECTOR_SETTLE_ATTESTED
from settlement.failpoints import Failpoint
from settlement.fees import current_fees
from settlement.planner import Settlement
from settlement.preflight import Cleared, Later, Refused, dry_run
from settlement.signature_broker import SignerPort
from settlement.terms import SettlementTerms

_log = structlog.get_logger()

GAS_MARGIN_PERCENT = 120


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

    async def submit(self, settlement: Settlement, *, recorded: bool = False) -> None:
        """Dry-run a settlement, then store the intent. `recorded`: its issuance stands in the books already."""
        issuance = settlement.issuance
        match await dry_run(self.node, settlement, self.terms.account):
            case Later(reason):
                _log.info("settlement_waits", source=issuance.source_id, reason=reason)
            case Refused(reason):
                await self._stop(issuance, reason, recorded)
            case Cleared(cleared):
                self.failpoint("dry_run_cleared")
                await self._reserve(replace(settlement, issuance=cleared), recorded)

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
                    await self._refused(issuance, transaction, attempt, reason)
                    return
                case SignedReply(raw=raw, tx_hash=tx_hash):
                    check_signed(transaction, attempt, raw, tx_hash)
                    await self._store_signed(issuance, transaction, attempt, reply)
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
            await issuances.move_issuance(work, issuance.id, IssuanceState.BROADCAST, now)
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

    async def _reserve(self, settlement: Settlement, recorded: bool) -> None:
        issuance = settlement.issuance
        call = settlement.calldata
        try:
            gas = await self.node.estimate_gas(issuance.issuer, call, sender=self.terms.account)
        except NodeRefused as refusal:
            _log.warning("settlement_waits", source=issuance.source_id, reason=str(refusal))
            return
        fees = await current_fees(self.node, self.terms.tip_wei_min, self.terms.max_fee_wei_max)
        if fees is None:
            _log.warning(
                "settlement_waits", source=issuance.source_id, reason="The chain's fees are above the ceiling."
            )
            return
        gas_limit = gas * GAS_MARGIN_PERCENT // 100
        intent = Intent(issuance.chain_id, self.terms.account, issuance.issuer, call, gas_limit=gas_limit, fees=fees)
        now = self.clock.now()
        self.failpoint("before_intent_stored")
        async with self.store.begin() as work:
            if settlement.is_proposed and not await is_proposal_live(work, issuance.id):
                raise ObjectedMeanwhile(
                    f"Issuance {issuance.id} was objected to, or taken back, while it was prepared."
                )
            if not recorded:
                await issuances.add_issuance(work, issuance)
            if not await issuances.move_issuance(work, issuance.id, IssuanceState.REQUESTED, now, failure=None):
                raise issuances.DecidedMeanwhile(f"Issuance {issuance.id} was sent by another process meanwhile.")
            reserved = await transactions.reserve_transaction(work, issuance.id, intent, now)
        _log.info("issuance_planned", issuance=issuance.id, source=issuance.source_id, nonce=reserved.nonce)
        self.failpoint("intent_stored")

    async def _stop(self, issuance: Issuance, reason: str, recorded: bool) -> None:
        _log.error("settlement_stopped", source=issuance.source_id, issuance=issuance.id, reason=reason)
        async with self.store.begin() as work:
            if not recorded:
                await issuances.add_issuance(work, issuance)
            await issuances.move_issuance(work, issuance.id, IssuanceState.STOPPED, self.clock.now(), failure=reason)

    async def _store_signed(
        self, issuance: Issuance, transaction: ChainTransaction, attempt: Attempt, reply: SignedReply
    ) -> None:
        now = self.clock.now()
        async with self.store.begin() as work:
            await transactions.store_signed(work, transaction.id, attempt.number, reply.raw, reply.tx_hash, now)
            await issuances.move_issuance(work, issuance.id, IssuanceState.SIGNED, now)

    async def _refused(self, issuance: Issuance, transaction: ChainTransaction, attempt: Attempt, reason: str) -> None:
        """A refused first attempt stops the issuance and gives its nonce back; a refused later one is only dropped."""
        _log.error("signature_refused", issuance=issuance.id, source=issuance.source_id, reason=reason)
        async with self.store.begin() as work:
            if attempt.number > 1:
                await transactions.drop_attempt(work, transaction.id, attempt.number)
                return
            now_there = await transactions.transaction_of(work, issuance.id)
            if now_there is None or now_there.id != transaction.id or now_there.signed_attempts:
                return  # another process has dealt with it meanwhile
            await transactions.release_transaction(work, transaction)
            failure = f"The signer refused: {reason}"
            await issuances.move_issuance(work, issuance.id, IssuanceState.STOPPED, self.clock.now(), failure=failure)

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
    """The request of an attempt: the same each time, with the same id."""
    return SignatureRequest(
        id=f"{transaction.id}.{attempt.number}",
        requester=requester,
        issuance_id=transaction.issuance_id,
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
