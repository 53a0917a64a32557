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
from settlement.settings import SettlementSettings


async def status_lines(store: Store, settings: SettlementSettings, clock: Clock) -> list[str]:
    """Counts by state, every stopped issuance with its reason, and every source that cannot be planned."""
    async with store.read() as work:
        counts = await count_by_state(work)
        lines = [f"{state.value}: {counts.get(state, 0)}" for state in IssuanceState]
        for issuance in await issuances_in(work, OPEN_STATES):
            lines.append(f"open {issuance.id} {issuance.state.value}: {issuance.from_wh} to {issuance.to_wh} Wh")
        for issuance in await issuances_in(work, {IssuanceState.STOPPED}):
            lines.append(f"stopped {issuance.id} of {issuance.source_id}: {issuance.failure}")
        for source in await energy_sources(work):
            planned = await plan_settlement(work, source, settings, clock.now())
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
