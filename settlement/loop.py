"""One pass over everything that is not final, and over every source that may have something new."""

from dataclasses import dataclass, field

import structlog

from community.clients.evm import EvmNode
from community.clock import Clock
from community.errors import RetryableError
from community.minting.issuances import OPEN_STATES, SETTLED_STATES, Issuance, IssuanceState
from community.minting.planning import PlanBlocked
from community.store.identities import energy_sources
from community.store.issuances import issuance_by_id, issuances_in
from community.store.unit_of_work import Store
from settlement import failpoints
from settlement.failpoints import Failpoint
from settlement.planner import Settlement, plan_settlement, settlement_of
from settlement.signature_broker import SignerPort
from settlement.submitter import Submitter
from settlement.terms import SettlementTerms
from settlement.tracker import Tracker

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SettlementLoop:
    """The whole of settlement, re-driven from the books alone: a new object goes on where a killed one was."""

    terms: SettlementTerms
    store: Store
    submitter: Submitter
    tracker: Tracker
    clock: Clock
    said: dict[str, str] = field(default_factory=dict)
    """What was logged last about each blocked source; only so as not to repeat it."""

    async def pass_once(self) -> bool:
        """Drive what is open, then plan; says whether more may be planned at once, because something was mined.

        A source or issuance that fails leaves the others alone; it is tried again at the next pass.
        """
        progressed = False
        async with self.store.read() as work:
            open_ones = await issuances_in(work, OPEN_STATES)
        for issuance in open_ones:
            await self._guarded(issuance)
        async with self.store.read() as work:
            sources = await energy_sources(work)
        for source in sources:
            # Only one nonce at a time may be without a signature: a refused one is given back, so none is left out.
            if await self._is_signature_awaited():
                return False
            async with self.store.read() as work:
                planned = await plan_settlement(work, source, self.terms, self.clock.now())
            match planned:
                case Settlement():
                    progressed = await self._submit(planned) or progressed
                case PlanBlocked(reason):
                    self._say_blocked(source.id, reason)
                case None:
                    pass
        return progressed

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
            return bool(await issuances_in(work, {IssuanceState.REQUESTED}, limit=1))


def compose(
    terms: SettlementTerms,
    node: EvmNode,
    store: Store,
    signer: SignerPort,
    clock: Clock,
    failpoint: Failpoint = failpoints.none,
) -> SettlementLoop:
    """The loop over these ports."""
    submitter = Submitter(terms, node, store, signer, clock, failpoint)
    tracker = Tracker(terms, node, store, submitter, clock, failpoint)
    return SettlementLoop(terms, store, submitter, tracker, clock)
