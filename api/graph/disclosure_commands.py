"""Whom an auditor may know by name: asked for, granted by an operator, ended; all of it on the books."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.graph.carrying_out import NOT_FOUND, CommandInput, Problem, carry_out, told_of
from api.graph.identities import Identity, load_identity
from api.graph.projection import Info, given_id, projected
from api.paging import Connection, connection
from api.roles import Role
from api.scalars import PAGE_DEFAULT, Cursor, PageSize
from community.store import decisions, disclosures
from community.store.unit_of_work import Work


@strawberry.type
class Disclosure:
    """That an auditor asked to know a person by name, and what became of it."""

    id: strawberry.ID
    credential: str = strawberry.field(description="The auditor's API key or login.")
    reason: str
    state: str = strawberry.field(description="requested, granted or ended.")
    requested_at: datetime
    granted_by: str | None
    granted_at: datetime | None
    ended_at: datetime | None
    identity_id: strawberry.Private[str]

    @strawberry.field
    async def identity(self, info: Info) -> Identity | None:
        """The person: by pseudonym for an auditor to whom he is not disclosed."""
        return await load_identity(info, self.identity_id)


@strawberry.type
class DisclosureDecided:
    """The disclosure as it is now."""

    disclosure: Disclosure


DisclosureResult = Annotated[DisclosureDecided | Problem, strawberry.union("DisclosureResult")]


@strawberry.type
class DisclosureQueries:
    """Questions about disclosures."""

    @strawberry.field
    async def disclosures(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[Disclosure]:
        """Disclosures, newest first: an auditor's own, for operators all."""
        asker = info.context.asker
        whose = asker.credential if asker.role is Role.AUDITOR else None
        async with info.context.reading() as work:
            page = await disclosures.page(work, whose, first, after)
        return connection(page, lambda view: projected(Disclosure, view))


async def _result(info: Info, disclosure_id: str) -> DisclosureDecided | Problem:
    async with info.context.reading() as work:
        view = await disclosures.by_id(work, disclosure_id)
    return NOT_FOUND if view is None else DisclosureDecided(disclosure=projected(Disclosure, view))


@strawberry.type
class DisclosureCommands:
    """Asking, granting, ending."""

    @strawberry.mutation
    async def request_disclosure(
        self, info: Info, identity_id: strawberry.ID, command: CommandInput
    ) -> DisclosureResult:
        """Ask to know a member or user by name, for the command's reason. An operator decides."""
        subject, now, told = given_id(identity_id), info.context.clock.now(), told_of(info, command)

        async def decide(work: Work) -> decisions.Outcome:
            made = await disclosures.request(work, told.actor, subject, told.reason, told.idempotency_key, now)
            return decisions.NotFound() if made is None else decisions.Decided()

        problem = await carry_out(info, "request_disclosure", subject, command, decide)
        return problem or await _result(info, disclosures.request_id(told.actor, subject, told.idempotency_key))

    @strawberry.mutation
    async def grant_disclosure(
        self, info: Info, disclosure_id: strawberry.ID, command: CommandInput
    ) -> DisclosureResult:
        """Let the auditor know the person by name from now on."""
        subject, now, actor = given_id(disclosure_id), info.context.clock.now(), info.context.asker.credential
        problem = await carry_out(
            info, "grant_disclosure", subject, command, lambda work: disclosures.grant(work, subject, actor, now)
        )
        return problem or await _result(info, subject)

    @strawberry.mutation
    async def end_disclosure(self, info: Info, disclosure_id: strawberry.ID, command: CommandInput) -> DisclosureResult:
        """From now on the auditor knows the person by pseudonym again; also to refuse a request."""
        subject, now = given_id(disclosure_id), info.context.clock.now()
        problem = await carry_out(
            info, "end_disclosure", subject, command, lambda work: disclosures.end(work, subject, now)
        )
        return problem or await _result(info, subject)
