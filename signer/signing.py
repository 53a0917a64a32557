"""Judging one request and signing it: authenticate, look into the journal, apply the policy, sign, remember, answer."""

from collections.abc import Callable
from datetime import datetime

from eth_account.signers.local import LocalAccount

from community.chain.signature_requests import (
    RefusedReply,
    SignatureReply,
    SignatureRequest,
    SignedReply,
    is_signed_by,
)
from signer.journal import Journal, JournalConflict, SignedBytes
from signer.policy import LastSigned, Refusal, judge_call, judge_energy, judge_evidence
from signer.registry import Registry

LoadRegistry = Callable[[], Registry]


class Signer:
    """One account with its journal. `load_registry` is asked for every request, so a new pin counts at once."""

    def __init__(self, account: LocalAccount, journal: Journal, load_registry: LoadRegistry) -> None:
        self._account = account
        self._journal = journal
        self._load_registry = load_registry
        self.address = str(account.address).lower()

    def answer(self, request: SignatureRequest, signature: bytes, now: datetime) -> SignatureReply:
        """The answer to a request. A repeat gets the same answer; a refusal changes nothing for other requests."""
        registry = self._load_registry()
        public_key = registry.requesters.get(request.requester)
        if public_key is None or not is_signed_by(request, signature, public_key):
            reason = f"The request is not signed by a requester that this signer knows as {request.requester}."
            with self._journal.entry():
                self._audit(request, now, "not_authenticated", reason)
            # Not remembered by its id: a stranger must not be able to have an id refused for ever.
            return RefusedReply(request.id, reason)
        with self._journal.entry():
            try:
                signed = self._signed(request, registry, now)
            except (Refusal, JournalConflict) as error:
                self._journal.record_refusal(request.id, str(error), now)
                self._audit(request, now, "refused", str(error))
                return RefusedReply(request.id, str(error))
        return SignedReply(request.id, signed.raw, signed.tx_hash)

    def _signed(self, request: SignatureRequest, registry: Registry, now: datetime) -> SignedBytes:
        """The bytes for a request, in one journal entry with all that follows from them."""
        refused = self._journal.earlier_refusal(request.id)
        if refused is not None:
            raise Refusal(refused)
        known = self._journal.is_known_intent(request)
        if known:
            before = self._journal.signed_bytes(request)
            if before is not None:
                return before
        facts = judge_call(request, self.address, registry)
        if not known:
            reading = judge_evidence(facts)
            source = facts.source
            last = self._journal.last_signed(source.source_ref) or LastSigned(
                source.opening_register_wh, source.opening_at
            )
            day = self._journal.wh_in_day_before(source.source_ref, reading.read_at)
            judge_energy(request, facts, reading, last, day, now)
            self._journal.add_intent(request, source.source_ref, last.register_wh, reading, now)
        signed = sign_transaction(self._account, request)
        self._journal.add_signed(request, signed)
        self._audit(request, now, "signed", signed.tx_hash)
        return signed

    def _audit(self, request: SignatureRequest, now: datetime, outcome: str, detail: str) -> None:
        self._journal.audit(
            now,
            outcome=outcome,
            detail=detail,
            request=request.id,
            requester=request.requester,
            issuance=request.issuance_id,
            nonce=request.nonce,
            max_fee=str(request.max_fee),
            tip=str(request.tip),
        )


def sign_transaction(account: LocalAccount, request: SignatureRequest) -> SignedBytes:
    """The request as a signed EIP-1559 transaction without value (RFC 6979 nonce, so the same bytes each time)."""
    transaction = account.sign_transaction(
        {
            "type": 2,
            "chainId": request.chain_id,
            "nonce": request.nonce,
            "to": bytes.fromhex(request.to[2:]),
            "value": 0,
            "data": request.data,
            "gas": request.gas,
            "maxFeePerGas": request.max_fee,
            "maxPriorityFeePerGas": request.tip,
            "accessList": [],
        }
    )
    return SignedBytes(bytes(transaction.raw_transaction), "0x" + bytes(transaction.hash).hex())
