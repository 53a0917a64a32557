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
from community.store.issuances import final_since, issuance_by_id, issuances_in, sources_under_way
from community.store.proposals import add_proposal, supersede
from community.store.transactions import awaits_signature, carriers_of, note_balance
from community.store.unit_of_work import Store, Work
from settlement import failpoints
from settlement.alarms import Alarms
from settlement.at_hand import at_hand
from settlement.batches import batches_of, halves
from settlement.failpoints import Failpoint
from settlement.fees import base_fee
from settlement.planner import Announcement, Overtaken, Settlement, Step
from settlement.sharding import is_of_account
from settlement.share_register import ShareFollower
from settlement.signature_broker import SignerPort
from settlement.submitter import Reserved, Submitter
from settlement.supplements import call_of_issuance, next_step
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
    followed: ShareFollower | None = None
    """Enters what share tokens show, where the settings say so."""
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
        async with self.store.read() as work:
            sources = await self._own_sources(work)
            open_ones = await self._own_issuances(work, {source.id for source in sources})
        for issuance in open_ones:
            await self._guarded(issuance)
        await self._follow_shares(sources)
        progressed = await self._plan(sources, await self._base_fee(sources))
        await self._watch_final()
        await self._note_balance()
        return progressed

    async def _note_balance(self) -> None:
        """Once a minute: what the account has to pay fees with, for whoever looks after it."""
        now = self.clock.now()
        if not self.alarms.is_due("note the account's balance", now):
            return
        try:
            balance_wei = await self.node.balance(self.terms.account)
            async with self.store.begin() as work:
                await note_balance(work, self.terms.chain_id, self.terms.account, balance_wei, now)
        except (RetryableError, NodeRefused) as error:
            _log.warning("balance_unknown", account=self.terms.account, reason=str(error))

    async def _follow_shares(self, sources: Sequence[EnergySource]) -> None:
        if self.followed is not None:
            for source_id, reason in (await self.followed.follow_all(sources, self.clock.now())).items():
                self._say_blocked(source_id, reason)

    async def _plan(self, sources: Sequence[EnergySource], base_fee_wei: int | None) -> bool:
        """The next step of each source; what they settle goes in batches. Says whether something was mined."""
        progressed, size = False, self.terms.batch_sources_max
        async with self.store.read() as work:
            under_way = await sources_under_way(work)
        free = [one for one in sources if one.id not in under_way or one.settlement.proposal_window]
        for source in free:
            if source.id in self.held:
                self._say_blocked(source.id, self.held[source.id])
        free = [one for one in free if one.id not in self.held]
        for group in (free[at : at + size] for at in range(0, len(free), size)):
            async with self.store.read() as work:
                now, known = self.clock.now(), await at_hand(work, [one.id for one in group])
                steps = [(one, await next_step(work, one, self.terms, now, base_fee_wei, known)) for one in group]
            planned = [step for source, step in steps if isinstance(step, Settlement)]
            for source, step in steps:
                await self._take(source, step)
            if planned:
                progressed = await self._submit(planned) or progressed
        return progressed

    async def _take(self, source: EnergySource, step: Step) -> None:
        """What a step asks for, unless it is a settlement."""
        match step:
            case PlanBlocked(reason):
                self._say_blocked(source.id, reason)
            case Announcement() | Overtaken():
                await self._record(source, step)
            case Settlement() | None:
                pass

    async def _own_sources(self, work: Work) -> list[EnergySource]:
        """The sources whose energy this account settles."""
        sources = await energy_sources(work)
        if len(self.terms.accounts) < 2:
            return sources
        return [source for source in sources if await is_of_account(work, source, self.terms)]

    async def _own_issuances(self, work: Work, source_ids: set[str]) -> list[Issuance]:
        """What is open and is this account's: by its transaction, or before it has one by its source.

        Of what one transaction carries only the issuance that stands for all.
        """
        found = {one.id: one for one in await issuances_in(work, OPEN_STATES)}
        carriers = await carriers_of(work, list(found))
        own: dict[str, Issuance] = {}
        for one in found.values():
            account, first = carriers.get(one.id, (self.terms.account if one.source_id in source_ids else None, one.id))
            if account == self.terms.account and first not in own:
                stands_for_it = found.get(first) or await issuance_by_id(work, first)
                if stands_for_it is not None:
                    own[first] = stands_for_it
        return list(own.values())

    async def _base_fee(self, sources: Sequence[EnergySource]) -> int | None:
        """The chain's base fee, if the policy of a source asks for it."""
        if all(source.settlement.base_fee_wei_max is None for source in sources):
            return None
        try:
            return await base_fee(self.node)
        except (RetryableError, NodeRefused) as error:
            _log.warning("base_fee_unknown", reason=str(error))
            return None

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
        proven = self.tracker.proven
        await proven.look_again(self.node)
        async with self.store.read() as work:
            watched = await final_since(work, now - self.terms.watch_after_final)
        proven.issuances.intersection_update(watched)
        for issuance_id in [one for one in watched if one not in proven.issuances]:
            async with self.store.read() as work:
                issuance = await issuance_by_id(work, issuance_id)
            if issuance is None:
                continue
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

    async def _submit(self, planned: Sequence[Settlement]) -> bool:
        """Submit and follow up. Says whether some are mined already, so that their sources' next may be planned."""
        # Only one nonce at a time may be without a signature: a refused one is given back, so none is left out.
        if await self._is_signature_awaited():
            return False
        progressed = False
        batches = batches_of(await self.submitter.clear(planned), self.terms.batch_sources_max)
        while batches:
            batch = batches.pop(0)
            if await self._is_signature_awaited():
                break
            try:
                reserved = await self.submitter.reserve(batch)
            except RetryableError as error:
                sources = [one.issuance.source_id for one in batch]
                _log.warning("settlement_retries", sources=sources, reason=str(error))
                continue
            if reserved is Reserved.NOT_TOGETHER and len(batch) > 1:
                batches[:0] = halves(batch)
            elif reserved is Reserved.YES:
                progressed = await self._follow_up(batch[0].issuance.id) or progressed
        return progressed

    async def _follow_up(self, issuance_id: str) -> bool:
        await self._drive_on(issuance_id)
        async with self.store.read() as work:
            now = await issuance_by_id(work, issuance_id)
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
            settlement = await call_of_issuance(work, issuance, source)
        match settlement:
            case Settlement():
                for cleared in await self.submitter.clear([settlement], recorded=True):
                    await self.submitter.reserve((cleared,), recorded=True)
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
    followed: ShareFollower | None = None,
) -> SettlementLoop:
    """The loop over these ports. `held` are the sources that the gate found ahead of the books."""
    alarms = Alarms()
    submitter = Submitter(terms, node, store, signer, clock, failpoint)
    tracker = Tracker(terms, node, store, submitter, clock, failpoint, alarms)
    return SettlementLoop(terms, node, store, submitter, tracker, clock, failpoint, alarms, held or {}, followed)
