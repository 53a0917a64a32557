"""Issuances that are announced before they are minted, and objections to them."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.graph.carrying_out import NOT_FOUND, CommandInput, Problem, carry_out, checked_text
from api.graph.identities import EnergySource, load_as
from api.graph.metering import Measurement
from api.graph.projection import Info, given_id, projected
from api.paging import Connection, connection
from api.scalars import PAGE_DEFAULT, Cursor, PageSize
from community.minting import proposals as core
from community.store import decisions
from community.store import proposals as store
from community.store.unit_of_work import Work
from community.store.views import proposals as views
from community.units import WattHours


@strawberry.type
class Objection:
    """Why somebody does not want a proposal minted as it is. It holds it until it is answered."""

    id: strawberry.ID
    reason: str
    raised_at: datetime
    answer: str | None
    answered_at: datetime | None
    raised_by_credential: strawberry.Private[str]
    answered_by: str | None

    @strawberry.field
    def raised_by(self, info: Info) -> str | None:
        """Who raised it: for members their own name here only, null for others'."""
        asker = info.context.asker
        known = asker.scope.everything or self.raised_by_credential == asker.credential
        return self.raised_by_credential if known else None


@strawberry.type
class Proposal:
    """An issuance that is announced, not decided. It is minted after `dueAt`, unless somebody objects."""

    id: strawberry.ID
    issuance_id: strawberry.ID
    from_wh: WattHours
    to_wh: WattHours
    period_start: datetime
    period_end: datetime
    proposed_at: datetime
    due_at: datetime
    superseded_at: datetime | None
    superseded_because: str | None
    state: str = strawberry.field(description="waiting, superseded or issued.")
    source_id: strawberry.Private[str]
    measurement_id: strawberry.Private[str]

    @strawberry.field
    def energy_wh(self) -> WattHours:
        """What would be minted, less an open debt."""
        return WattHours(self.to_wh - self.from_wh)

    @strawberry.field
    async def source(self, info: Info) -> EnergySource | None:
        """Whose production it is."""
        return await load_as(info, EnergySource, self.source_id)

    @strawberry.field
    async def measurement(self, info: Info) -> Measurement | None:
        """The reading at the period's end that proves it."""
        view = await info.context.loaders.measurement.load(self.measurement_id)
        return None if view is None else projected(Measurement, view)

    @strawberry.field
    async def objections(self, info: Info) -> list[Objection]:
        """Objections to it, oldest first."""
        found = await info.context.loaders.objections.load(str(self.id))
        return [projected(Objection, view, raised_by_credential=view.raised_by) for view in found]


def proposal_of(view: views.ProposalView) -> Proposal:
    return projected(Proposal, view)


@strawberry.type
class ProposalDecided:
    """The proposal as it is now."""

    proposal: Proposal


ProposalResult = Annotated[ProposalDecided | Problem, strawberry.union("ProposalResult")]


@strawberry.type
class ProposalQueries:
    """Questions about proposals."""

    @strawberry.field
    async def proposals(
        self,
        info: Info,
        source_id: strawberry.ID | None = None,
        waiting: bool = True,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Proposal]:
        """Announced issuances, newest first: those that wait, or with `waiting: false` all."""
        source = None if source_id is None else given_id(source_id)
        async with info.context.reading() as work:
            page = await views.page(work, source, waiting, first, after)
        return connection(page, lambda view: projected(Proposal, view))


async def _result(info: Info, proposal_id: str) -> ProposalDecided | Problem:
    async with info.context.reading() as work:
        view = (await views.by_ids(work, [proposal_id])).get(proposal_id)
    return NOT_FOUND if view is None else ProposalDecided(proposal=projected(Proposal, view))


@strawberry.type
class ProposalCommands:
    """Objecting, and answering."""

    @strawberry.mutation
    async def object_to_proposal(self, info: Info, proposal_id: strawberry.ID, command: CommandInput) -> ProposalResult:
        """Object to a proposal for the command's reason: it, and what follows of its source, wait for an answer."""
        subject, now, reason = given_id(proposal_id), info.context.clock.now(), checked_text("reason", command.reason)

        async def decide(work: Work) -> decisions.Outcome:
            await store.object_to(work, core.Objection(subject, info.context.asker.credential, reason, now))
            return decisions.Decided()

        problem = await carry_out(info, "object_to_proposal", subject, command, decide)
        return problem or await _result(info, subject)

    @strawberry.mutation
    async def answer_objection(
        self, info: Info, objection_id: strawberry.ID, answer: str, command: CommandInput
    ) -> ProposalResult:
        """Answer an objection, once; then its proposal goes on."""
        subject, now, text = given_id(objection_id), info.context.clock.now(), checked_text("answer", answer)

        async def decide(work: Work) -> decisions.Outcome:
            await store.answer_objection(work, subject, text, info.context.asker.credential, now)
            return decisions.Decided()

        problem = await carry_out(info, "answer_objection", subject, command, decide)
        if problem is not None:
            return problem
        async with info.context.reading() as work:
            answered = await store.proposals_of_objections(work, [subject])
        return await _result(info, answered[0]) if answered else NOT_FOUND
