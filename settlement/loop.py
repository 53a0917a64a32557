"""One pass over everything that is not final, and over every source that may have something new."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from community.clients.evm import EvmNode, NodeRefused
from community.clock import Clock
from community.errors import RetryableError
from community.identity.identities import EnergySource
from community.minting.issuances import OPEN_STATES, SETTLED_STATES, Issuance, IssuanceState
from community.minting.planning import PlanBlocked
from community.store.identities import energy_sources
from community.store.issuances import final_since, issuance_by_id, issuances_in
from community.store.proposals import add_proposal, supersede
from community.store.transactions import accounts_of, awaits_signature
from community.store.unit_of_work import Store, Work
from settlement import failpoints
from settlement.alarms import Alarms
from settlement.failpoints import Failpoint
from settlement.fees import base_fee
from settlement.planner import Announcement, Overtaken, Settlement, plan_settlement, settlement_of
from settlement.sharding import is_of_account
from settlement.signature_broker import SignerPort
from settlement.submitter import Submitter
from settlement.terms import SettlementTerms
from settlement.tracker import Tracker

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SettlementLoop:
    """The whole of settlement, re-driven from the books alone: a new object goes on where a killed one was."""

    terms: SettlementTerms
    node: EvmNode
    store: Store
    submitter: Submitter
    tracker: Tracker
    clock: Clock
    failpoint: Failpoint
    alarms: Alarms
    held: dict[str, str] = field(default_factory=dict)
    """Why nothing of a source is planned, by its id: found by the gate."""
    said: dict[str, str] = field(default_factory=dict)
    """What was logged last about each blocked source; only so as not to repeat it."""

    @property
    def blocked_count(self) -> int:
        """Sources that wait for a person, as of the last time each was looked at."""
        return len(self.said)

    async def pass_once(self) -> bool:
        """Drive what is open, then plan; says whether more may be planned at once, because something was mined.

        A source or issuance that fails leaves the others alone; it is tried again at the next pass.
        """
        progressed = False
        async with self.store.read() as work:
            sources = await self._own_sources(work)
            open_ones = await self._own_issuances(work, {source.id for source in sources})
        for issuance in open_ones:
            await self._guarded(issuance)
        fee = await self._base_fee(sources)
        for source in sources:
            # Only one nonce at a time may be without a signature: a refused one is given back, so none is left out.
            if await self._is_signature_awaited():
                return False
            progressed = await self._advance(source, fee) or progressed
        await self._watch_final()
        return progressed

    async def _own_sources(self, work: Work) -> list[EnergySource]:
        """The sources whose energy this account settles."""
        sources = await energy_sources(work)
        if len(self.terms.accounts) < 2:
            return sources
        return [source for source in sources if await is_of_account(work, source, self.terms)]

    async def _own_issuances(self, work: Work, source_ids: set[str]) -> list[Issuance]:
        """What is open and is this account's: by its transaction, or before it has one by its source."""
        found = await issuances_in(work, OPEN_STATES)
        senders = await accounts_of(work, [issuance.id for issuance in found])
        own = self.terms.account
        return [one for one in found if senders.get(one.id, own if one.source_id in source_ids else None) == own]

    async def _base_fee(self, sources: Sequence[EnergySource]) -> int | None:
        """The chain's base fee, if the policy of a source asks for it."""
        if all(source.settlement.base_fee_wei_max is None for source in sources):
            return None
        try:
            return await base_fee(self.node)
        except (RetryableError, NodeRefused) as error:
            _log.warning("base_fee_unknown", reason=str(error))
            return None

    async def _advance(self, source: EnergySource, base_fee_wei: int | None) -> bool:
        """The next step of one source. Says whether something of it was mined."""
        if source.id in self.held:
            self._say_blocked(source.id, self.held[source.id])
            return False
        async with self.store.read() as work:
            step = await plan_settlement(work, source, self.terms, self.clock.now(), base_fee_wei)
        match step:
            case Settlement():
                return await self._submit(step)
            case PlanBlocked(reason):
                self._say_blocked(source.id, reason)
            case Announcement() | Overtaken():
                await self._record(source, step)
            case None:
                pass
        return False

    async def _record(self, source: EnergySource, step: Announcement | Overtaken) -> None:
        """Write a proposal, or take some back."""
        try:
            async with self.store.begin() as work:
                match step:
                    case Announcement(proposal):
                        await add_proposal(work, proposal)
                    case Overtaken(proposals, reason):
                        await supersede(work, proposals, reason, self.clock.now())
        except RetryableError as error:
            _log.warning("settlement_retries", source=source.id, reason=str(error))
            return
        match step:
            case Announcement(proposal):
                _log.info(
                    "issuance_proposed", source=source.id, proposal=proposal.id, due_at=proposal.due_at.isoformat()
                )
            case Overtaken(proposals, reason):
                _log.warning("proposals_superseded", source=source.id, count=len(proposals), reason=reason)
        self.failpoint("proposal_stored")

    async def _watch_final(self) -> None:
        """Look after what became final, for an hour: a chain that takes it back is a case for a person."""
        now = self.clock.now()
        if not self.alarms.is_due("watch what is final", now):
            return
        async with self.store.read() as work:
            watched = await final_since(work, now - self.terms.watch_after_final)
        for issuance in watched:
            try:
                await self.tracker.watch(issuance)
            except RetryableError as error:
                _log.warning("issuance_retries", issuance=issuance.id, state=issuance.state.value, reason=str(error))

    async def drive(self, issuance: Issuance) -> None:
        """The next step of one issuance, by its state."""
        match issuance.state:
            case IssuanceState.PLANNED:
                await self._resume(issuance)
            case IssuanceState.REQUESTED:
                await self.submitter.request_signature(issuance)
            case IssuanceState.SIGNED:
                await self.submitter.broadcast(issuance)
            case IssuanceState.BROADCAST:
                await self.tracker.follow(issuance)
            case IssuanceState.MINED:
                await self.tracker.finalise(issuance)
            case IssuanceState.FINAL | IssuanceState.STOPPED:
                pass

    def _say_blocked(self, source_id: str, reason: str) -> None:
        """Log a blocked source once for each reason, not in every pass."""
        if self.said.get(source_id) != reason:
            self.said[source_id] = reason
            _log.warning("settlement_blocked", source=source_id, reason=reason)

    async def _submit(self, planned: Settlement) -> bool:
        """Submit and follow up. Says whether it is mined already, so that the source's next one may be planned."""
        try:
            await self.submitter.submit(planned)
        except RetryableError as error:
            _log.warning("settlement_retries", source=planned.issuance.source_id, reason=str(error))
            return False
        await self._drive_on(planned.issuance.id)
        async with self.store.read() as work:
            now = await issuance_by_id(work, planned.issuance.id)
        return now is not None and now.state in SETTLED_STATES

    async def _guarded(self, issuance: Issuance) -> None:
        try:
            await self.drive(issuance)
        except RetryableError as error:
            _log.warning("issuance_retries", issuance=issuance.id, state=issuance.state.value, reason=str(error))
            return
        await self._drive_on(issuance.id, issuance.state)

    async def _drive_on(self, issuance_id: str, before: IssuanceState | None = None) -> None:
        """Follow up at once while steps succeed, so that a settlement does not wait a pass for each."""
        while True:
            async with self.store.read() as work:
                issuance = await issuance_by_id(work, issuance_id)
            if issuance is None or issuance.state is before or issuance.state not in OPEN_STATES:
                return
            if issuance.state is IssuanceState.PLANNED:
                return
            before = issuance.state
            try:
                await self.drive(issuance)
            except RetryableError as error:
                _log.warning("issuance_retries", issuance=issuance_id, state=before.value, reason=str(error))
                return

    async def _resume(self, issuance: Issuance) -> None:
        if await self._is_signature_awaited():
            return
        async with self.store.read() as work:
            source = next((one for one in await energy_sources(work) if one.id == issuance.source_id), None)
            if source is None or source.approved_at is None:
                return
            settlement = await settlement_of(work, issuance, source)
        match settlement:
            case Settlement():
                await self.submitter.submit(settlement, recorded=True)
            case PlanBlocked(reason):
                self._say_blocked(source.id, reason)

    async def _is_signature_awaited(self) -> bool:
        async with self.store.read() as work:
            return await awaits_signature(work, self.terms.chain_id, self.terms.account)


def compose(
    terms: SettlementTerms,
    node: EvmNode,
    store: Store,
    signer: SignerPort,
    clock: Clock,
    *,
    failpoint: Failpoint = failpoints.none,
    held: dict[str, str] | None = None,
) -> SettlementLoop:
    """The loop over these ports. `held` are the sources that the gate found ahead of the books."""
    alarms = Alarms()
    submitter = Submitter(terms, node, store, signer, clock, failpoint)
    tracker = Tracker(terms, node, store, submitter, clock, failpoint, alarms)
    return SettlementLoop(terms, node, store, submitter, tracker, clock, failpoint, alarms, held or {})
