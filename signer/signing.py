"""Judging one request and signing it: authenticate, look into the journal, apply the policy, sign, remember, answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from community.chain.signature_requests import (
    RefusedReply,
    SignatureReply,
    SignatureRequest,
    SignedReply,
    refusal_digest,
)
from signer import failpoints
from signer.calls import Call, SettleCall
from signer.journal import DAY_S, Journal, JournalConflict, LastSigned, SignedBytes
from signer.policy import judge_call, judge_debt, judge_settlements
from signer.refusal import Refusal
from signer.registry import PinnedSource, Registry
from signer.settler import SettlerAccount
from signer.transactions import sign_transaction

LoadRegistry = Callable[[], Registry]
UNNAMED = "0x" + "00" * 32
"""The issuance id of a request that leaves it to the signer to name what the call does."""


class Signer:
    """One account with its journal. `load_registry` is asked for every request, so a new pin counts at once."""

    def __init__(
        self,
        account: SettlerAccount,
        journal: Journal,
        load_registry: LoadRegistry,
        failpoint: failpoints.Failpoint = failpoints.none,
    ) -> None:
        self._account = account
        self._journal = journal
        self._load_registry = load_registry
        self._failpoint = failpoint
        self.address = account.address

    def registry(self) -> Registry:
        """The registry that counts now. Raises RegistryError."""
        return self._load_registry()

    def turn_away(self, request: SignatureRequest, reason: str, now: datetime) -> RefusedReply:
        """Refuse a request that nobody this signer knows has made, and leave a trace.

        Not remembered by its id, nor proven: a stranger must not be able to have an id refused for ever.
        """
        with self._journal.entry():
            self._audit(request, now, "not_authenticated", reason)
        return RefusedReply(request.id, reason)

    def use_once(self, requester: str, number: str, now: datetime, window_s: int) -> bool:
        """Take a number that a requester may use once; False if he has."""
        with self._journal.entry():
            return self._journal.use_once(requester, number, now, window_s)

    def answer(self, request: SignatureRequest, now: datetime) -> SignatureReply:
        """The answer to a request of an authenticated requester. A repeat gets the same answer.

        A refusal changes nothing for other requests. Raises RegistryError, and RetryableError where the key is away.
        """
        registry = self._load_registry()
        try:
            with self._journal.entry():
                self._failpoint("entry_begun")
                signed = self._signed(request, registry, now)
                self._failpoint("before_commit")
        except (Refusal, JournalConflict) as error:
            reason = str(error)
        else:
            self._failpoint("committed")
            return SignedReply(request.id, signed.raw, signed.tx_hash)
        with self._journal.entry():
            self._journal.record_refusal(request.id, reason, now)
            self._audit(request, now, "refused", reason)
        signature = self._account.sign_digest(refusal_digest(request.id, reason))
        proof = signature.r.to_bytes(32, "big") + signature.s.to_bytes(32, "big") + bytes((signature.y_parity,))
        return RefusedReply(request.id, reason, proof)

    def _signed(self, request: SignatureRequest, registry: Registry, now: datetime) -> SignedBytes:
        """The bytes for a request, in one journal entry with all that follows from them."""
        refused = self._journal.earlier_refusal(request.id)
        if refused is not None:
            raise Refusal(refused)
        known = self._journal.intent_at(request)
        if known is not None:
            _require_name(request, known)
            before = self._journal.signed_bytes(request)
            if before is not None:
                return before
        elif request.issuance_id != UNNAMED:
            self._journal.require_free(request, request.issuance_id, registry.reverted_nonces)
        fees = self._journal.fee_wei_since(self.address, int(now.timestamp()) - DAY_S, request.nonce)
        call = judge_call(request, self.address, registry, fees)
        name = known or self._bind(request, call, registry, now)
        self._failpoint("energy_added")
        signed = sign_transaction(self._account, request)
        self._failpoint("signed")
        self._journal.add_signed(request, signed, now)
        self._failpoint("bytes_added")
        self._audit(replace(request, issuance_id=name), now, "signed", signed.tx_hash)
        return signed

    def _bind(self, request: SignatureRequest, call: Call, registry: Registry, now: datetime) -> str:
        """Prove what a new intent does, bind it to the nonce, and name it. Raises Refusal, JournalConflict."""
        reverted = registry.reverted_nonces
        history = _History(self._journal, reverted)
        if isinstance(call, SettleCall):
            name, energies = judge_settlements(request, call, registry, history, now)
            self._begin(request, name, reverted, now)
            for energy in energies:
                self._journal.add_energy(request, energy, reverted)
            return name
        name, debt = judge_debt(request, call, registry, history, now)
        self._begin(request, name, reverted, now)
        self._journal.add_debt(request, debt.source_ref, debt.debt_wh, "0x" + debt.evidence.hex(), now)
        return name

    def _begin(self, request: SignatureRequest, name: str, reverted: frozenset[int], now: datetime) -> None:
        _require_name(request, name)
        self._journal.require_free(request, name, reverted)
        self._journal.add_intent(request, name, now)
        self._failpoint("intent_added")

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


def _require_name(request: SignatureRequest, name: str) -> None:
    """Raise Refusal if the requester believes that the call does something else."""
    if request.issuance_id not in (name, UNNAMED):
        raise Refusal(
            "The issuance id does not name what the call would settle, from where this signer signed last: that is "
            f"{name}."
        )


class _History:
    """The journal as the policy sees it: transactions that operators know as reverted did not happen."""

    def __init__(self, journal: Journal, reverted: frozenset[int]) -> None:
        self._journal = journal
        self._reverted = reverted

    def last_signed(self, source: PinnedSource) -> LastSigned | None:
        return self._journal.last_signed(source.source_ref, source.epoch, self._reverted)

    def wh_in_day_before(self, source_ref: str, read_at: int) -> int:
        return self._journal.wh_in_day_before(source_ref, read_at, self._reverted)

    def debt_wh_since(self, source_ref: str, since: int) -> int:
        return self._journal.debt_wh_since(source_ref, since)
