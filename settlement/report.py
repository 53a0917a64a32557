"""What stands where, in lines for a person; and letting a refused settlement try again."""

from collections.abc import Mapping, Sequence

from community.clock import Clock
from community.errors import FatalError
from community.identity.identities import EnergySource
from community.minting.corrections import CorrectionKind
from community.minting.issuances import OPEN_STATES, IssuanceState
from community.minting.planning import PlanBlocked
from community.minting.proposals import Held, judge_proposal
from community.store.corrections import BookedCorrection, corrections
from community.store.identities import energy_sources
from community.store.issuances import count_by_state, issuance_by_id, issuances_in, move_issuance
from community.store.proposals import objections_to, waiting_proposals
from community.store.reverted import set_down
from community.store.supplements import issuances_of_supplements
from community.store.transactions import transaction_of
from community.store.unit_of_work import Store, Work
from community.store.unsettled import left_out
from settlement.planner import settled_up_to
from settlement.supplements import next_step
from settlement.terms import SettlementTerms


async def status_lines(store: Store, terms: SettlementTerms, clock: Clock) -> list[str]:
    """Counts by state, every stopped issuance with its reason, and every source that cannot be planned."""
    async with store.read() as work:
        counts = await count_by_state(work)
        lines = [f"{state.value}: {counts.get(state, 0)}" for state in IssuanceState]
        lines += [
            f"open {one.id} {one.state.value}: {one.from_wh} to {one.to_wh} Wh{f'. {one.failure}' if one.failure else ''}"
            for one in await issuances_in(work, OPEN_STATES)
        ]
        lines += [
            f"stopped {one.id} of {one.source_id}: {one.failure}"
            for one in await issuances_in(work, {IssuanceState.STOPPED})
        ]
        lines += await _proposed(work, clock)
        sources = await energy_sources(work)
        for source in sources:
            lines += await _waiting(work, source, terms, clock)
        booked = await corrections(work, [source.id for source in sources])
        lines += _corrected(booked, await issuances_of_supplements(work))
    return lines


async def _proposed(work: Work, clock: Clock) -> list[str]:
    """Every proposal with what it waits for, and the objections that have no answer."""
    lines = []
    proposals = await waiting_proposals(work)
    objections = await objections_to(work, [proposal.id for proposal in proposals])
    for proposal in proposals:
        judged = judge_proposal(proposal, objections, clock.now())
        waits = judged.reason if isinstance(judged, Held) else "due"
        lines.append(
            f"proposed {proposal.id} of {proposal.source_id}: {proposal.from_wh} to {proposal.to_wh} Wh, {waits}"
        )
    lines += [f"objection {one.id} by {one.raised_by}: {one.reason}" for one in objections if one.answer is None]
    return lines


def _corrected(booked: Sequence[BookedCorrection], minted: Mapping[str, str]) -> list[str]:
    """Debts that the corrector has still to put on chain, and supplements that no issuance mints yet."""
    lines = []
    for each in booked:
        one = each.correction
        if one.kind is CorrectionKind.SUPPLEMENT:
            if one.id in minted:
                continue
            lines.append(f"supplement {one.id} of {one.source_id}: {one.energy_wh} Wh are owed, {one.reason}")
        elif not each.on_chain:
            lines.append(f"debt {one.id} of {one.source_id}: {one.energy_wh} Wh are not on chain yet, {one.reason}")
    return lines


async def _waiting(work: Work, source: EnergySource, terms: SettlementTerms, clock: Clock) -> list[str]:
    """What a source waits for, if it is a person."""
    if source.approved_at is None:
        return [f"blocked {source.id}: The source is not approved, so nothing of it is settled."]
    planned = await next_step(work, source, terms, clock.now())
    lines = [f"blocked {source.id}: {planned.reason}"] if isinstance(planned, PlanBlocked) else []
    settled = await settled_up_to(work, source)
    return lines + [f"left out {source.id}: {line}" for line in await left_out(work, source.id, settled.at)]


async def resume(store: Store, issuance_id: str, clock: Clock) -> None:
    """Let a stopped issuance try again. Raises FatalError unless it is stopped.

    One that was mined and reverted needs a nonce of its own: the signer gives its signature once two operators have approved
    the one before among `reverted_nonces`; until then it is asked ever less often.
    """
    async with store.begin() as work:
        issuance = await issuance_by_id(work, issuance_id)
        if issuance is None or issuance.state is not IssuanceState.STOPPED:
            raise FatalError(f"There is no stopped issuance {issuance_id}. `python -m settlement status` lists them.")
        now, carrier = clock.now(), await transaction_of(work, issuance_id)
        if carrier is not None:  # it was mined and reverted: nothing else stops what is signed
            await set_down(work, carrier, [issuance_id], issuance.failure or "resumed", now)
        await move_issuance(work, issuance_id, IssuanceState.PLANNED, now, mined_block=None, tx_hash=None)
