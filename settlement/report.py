"""What stands where, in lines for a person; and letting a refused settlement try again."""

from community.clock import Clock
from community.errors import FatalError
from community.minting.issuances import OPEN_STATES, IssuanceState
from community.minting.planning import PlanBlocked
from community.store.identities import energy_sources
from community.store.issuances import count_by_state, issuance_by_id, issuances_in, move_issuance
from community.store.transactions import transaction_of
from community.store.unit_of_work import Store
from settlement.planner import plan_settlement
from settlement.terms import SettlementTerms


async def status_lines(store: Store, terms: SettlementTerms, clock: Clock) -> list[str]:
    """Counts by state, every stopped issuance with its reason, and every source that cannot be planned."""
    async with store.read() as work:
        counts = await count_by_state(work)
        lines = [f"{state.value}: {counts.get(state, 0)}" for state in IssuanceState]
        lines += [
            f"open {one.id} {one.state.value}: {one.from_wh} to {one.to_wh} Wh"
            for one in await issuances_in(work, OPEN_STATES)
        ]
        lines += [
            f"stopped {one.id} of {one.source_id}: {one.failure}"
            for one in await issuances_in(work, {IssuanceState.STOPPED})
        ]
        for source in await energy_sources(work):
            planned = await plan_settlement(work, source, terms, clock.now())
            if isinstance(planned, PlanBlocked):
                lines.append(f"blocked {source.id}: {planned.reason}")
    return lines


async def resume(store: Store, issuance_id: str, clock: Clock) -> None:
    """Let a stopped issuance try again. Raises FatalError unless it was stopped before anything was signed."""
    async with store.begin() as work:
        issuance = await issuance_by_id(work, issuance_id)
        if issuance is None or issuance.state is not IssuanceState.STOPPED:
            raise FatalError(f"There is no stopped issuance {issuance_id}. `python -m settlement status` lists them.")
        if await transaction_of(work, issuance_id) is not None:
            raise FatalError(
                f"Issuance {issuance_id} was signed and mined but reverted. Its nonce is spent and the signer will not "
                "sign it under another: compare the signer's audit with the chain before anything is done."
            )
        await move_issuance(work, issuance_id, IssuanceState.PLANNED, clock.now())
