"""Both sides compared: the latest run, pairs that agree, breaks."""

from datetime import datetime

import strawberry

from api.graph.identities import EnergySource, load_as
from api.graph.projection import Info, all_projected, projected
from api.graph.tokens import Issuance, issuance_of
from api.plans.lives import lives_in
from api.scalars import Counter, Hash
from community.store.views import reconciliation as views
from community.units import TokenAmount, WattHours


@lives_in("reconciliation_run")
@strawberry.type
class ReconciliationRun:
    """Verified, issued and minted energy at one finalised block. They agree but for what is on its way."""

    id: strawberry.ID
    started_at: datetime
    finalised_block: Counter
    finalised_hash: Hash
    verified_wh: WattHours
    issued_wh: WattHours
    settled_wh: WattHours
    supply: TokenAmount
    match_count: Counter
    break_count: Counter

    @strawberry.field
    def agrees(self) -> bool:
        """No disagreement was found: all that is minted is issued and verified, to the unit."""
        return self.break_count == 0

    @strawberry.field
    def pending_wh(self) -> WattHours:
        """Verified energy that is on its way to a final settlement and has time left."""
        return WattHours(self.verified_wh - self.settled_wh)


@lives_in("match")
@strawberry.type
class Match:
    """An issuance, its settlement and its verified energy that agree to the unit."""

    tx_hash: Hash
    block_number: Counter
    energy_wh: WattHours
    amount: TokenAmount
    matched_at: datetime
    issuance_id: strawberry.Private[str]
    source_id: strawberry.Private[str]

    @strawberry.field
    async def issuance(self, info: Info) -> Issuance | None:
        return issuance_of(await info.context.loaders.issuance.load(self.issuance_id))

    @strawberry.field
    async def source(self, info: Info) -> EnergySource | None:
        return await load_as(info, EnergySource, self.source_id)


@strawberry.type
class Reconciled:
    """An issuance and how it stands: `matched`, `pending`, or the kind of the break that holds it."""

    period_start: datetime
    period_end: datetime
    energy_wh: WattHours
    amount: TokenAmount
    state: str
    explained: bool = strawberry.field(description="A person closed that break with a reason.")
    break_id: strawberry.ID | None
    tx_hash: Hash | None
    block_number: Counter | None
    issuance_id: strawberry.Private[str]
    source_id: strawberry.Private[str]

    @strawberry.field
    async def issuance(self, info: Info) -> Issuance | None:
        return issuance_of(await info.context.loaders.issuance.load(self.issuance_id))

    @strawberry.field
    async def source(self, info: Info) -> EnergySource | None:
        return await load_as(info, EnergySource, self.source_id)


@lives_in("break_entry")
@strawberry.type
class BreakEntry:
    """One line of a break's story: who did what and when."""

    at: datetime
    actor: str
    action: str
    text: str


@lives_in("break")
@strawberry.type
class Break:
    """A disagreement, with its age, owner and what is done about it."""

    id: strawberry.ID
    kind: str
    severity: str
    subject: str
    detail: str
    expected: str | None
    found: str | None
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None = strawberry.field(description="Who closed it; null where both sides came to agree.")
    owner: str | None
    disposition: str | None
    source_id: strawberry.Private[str | None]

    @strawberry.field
    def age_s(self, info: Info) -> Counter:
        """Seconds that it was open, or has been until now."""
        return Counter(max(0, int(((self.closed_at or info.context.now()) - self.opened_at).total_seconds())))

    @strawberry.field
    async def story(self, info: Info) -> list[BreakEntry]:
        """What happened to it, oldest first. Nothing of it is ever rewritten."""
        return all_projected(BreakEntry, await info.context.loaders.story.load(str(self.id)))

    @strawberry.field
    async def source(self, info: Info) -> EnergySource | None:
        return await load_as(info, EnergySource, self.source_id)


def run_of(view: views.RunView | None) -> ReconciliationRun | None:
    return None if view is None else projected(ReconciliationRun, view)
