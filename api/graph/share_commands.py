"""Changing a share register: looked at first, proposed by one operator, decided by another."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.errors import BAD_REQUEST, Refused
from api.graph.carrying_out import NOT_FOUND, CommandInput, Problem, carry_out, not_possible, told_of
from api.graph.identities import EnergySource, Member, load_as
from api.graph.projection import Info, given_id, projected
from api.paging import Connection, connection
from api.scalars import PAGE_DEFAULT, Address, Cursor, Hash, PageSize
from community.identity.shares import ShareTable
from community.ids import named_id
from community.store import decisions, share_revisions
from community.store.shares import share_table_at
from community.store.unit_of_work import Work
from contracts.values import HOLDERS_MAX, config_hash


@strawberry.input
class ShareInput:
    """A member's part of the source: so many of its shares."""

    member_id: strawberry.ID = strawberry.field(description="The member.")
    share_count: int = strawberry.field(description="His shares; all together are the source's total.")


@strawberry.type
class ShareChange:
    """What a member holds before and after; 0 where he holds nothing. Nobody's address changes by it."""

    before: int
    after: int
    address: Address | None
    holder_id: strawberry.Private[str]

    @strawberry.field
    async def holder(self, info: Info) -> Member | None:
        """The member."""
        return await load_as(info, Member, self.holder_id)


@strawberry.type
class SharePreview:
    """What a revision would be: the hash that the contract commits to, and each change. Nothing is stored."""

    revision: int
    share_total: int
    config_hash: Hash
    valid_from: datetime
    changes: list[ShareChange]


SharePreviewResult = Annotated[SharePreview | Problem, strawberry.union("SharePreviewResult")]


@strawberry.type
class ShareRevision:
    """A proposed revision of a share register. It holds from `validFrom` once another operator approved it."""

    id: strawberry.ID
    valid_from: datetime
    reason: str
    state: str = strawberry.field(description="proposed, approved or rejected.")
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    share_table_id: strawberry.ID | None
    source_id: strawberry.Private[str]
    counts: strawberry.Private[tuple[tuple[str, int], ...]]

    @strawberry.field
    async def is_proposed_by_viewer(self, info: Info) -> bool:
        """Whether it is the viewer's own proposal, which somebody else must decide."""
        return info.context.asker.credential == self.proposed_by

    @strawberry.field
    async def source(self, info: Info) -> EnergySource | None:
        """Whose register it is."""
        return await load_as(info, EnergySource, self.source_id)

    @strawberry.field
    async def changes(self, info: Info) -> list[ShareChange]:
        """What each member holds just before it and by it."""
        async with info.context.reading() as work:
            table = await share_table_at(work, self.source_id, self.valid_from)
        if table is not None and str(table.id) == str(self.share_table_id):
            return [ShareChange(before=n, after=n, address=None, holder_id=holder) for holder, n in self.counts]
        return _changes(table, dict(self.counts), {})


@strawberry.type
class ShareRevisionDecided:
    """The revision as it is now."""

    revision: ShareRevision


ShareRevisionResult = Annotated[ShareRevisionDecided | Problem, strawberry.union("ShareRevisionResult")]


def _changes(before: ShareTable | None, after: dict[str, int], addresses: dict[str, str]) -> list[ShareChange]:
    held = {} if before is None else {share.holder_id: share.count for share in before.shares}
    return [
        ShareChange(
            before=held.get(holder, 0),
            after=after.get(holder, 0),
            address=Address(addresses[holder]) if holder in addresses else None,
            holder_id=holder,
        )
        for holder in dict.fromkeys([*after, *held])
    ]


def _counts(given: list[ShareInput]) -> list[tuple[str, int]]:
    if not 1 <= len(given) <= HOLDERS_MAX:
        raise Refused(BAD_REQUEST, f"A share table has 1 to {HOLDERS_MAX} holders.")
    return [(given_id(each.member_id), each.share_count) for each in given]


@strawberry.type
class ShareQueries:
    """Questions about changes of share registers."""

    @strawberry.field
    async def share_preview(
        self, info: Info, source_id: strawberry.ID, valid_from: datetime, shares: list[ShareInput]
    ) -> SharePreviewResult:
        """What a revision of a source's register would change from an instant on. Nothing is stored."""
        subject, counts = given_id(source_id), _counts(shares)
        async with info.context.reading() as work:
            table = await share_revisions.prepared(
                work, subject, valid_from, counts, config_hash, info.context.clock.now()
            )
            if not isinstance(table, ShareTable):
                return NOT_FOUND if isinstance(table, decisions.NotFound) else not_possible(table.sentence)
            before = await share_table_at(work, subject, valid_from)
        addresses = {share.holder_id: share.address for share in table.shares}
        return SharePreview(
            revision=table.revision,
            share_total=table.share_total,
            config_hash=Hash(table.config_hash),
            valid_from=table.valid_from,
            changes=_changes(before, dict(counts), addresses),
        )

    @strawberry.field
    async def share_revisions(
        self, info: Info, open_only: bool = True, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[ShareRevision]:
        """Proposed revisions, newest first: those that wait for somebody's decision, or all."""
        async with info.context.reading() as work:
            page = await share_revisions.page(work, open_only=open_only, first=first, after=after)
        return connection(page, lambda view: projected(ShareRevision, view))


async def _result(info: Info, revision_id: str) -> ShareRevisionDecided | Problem:
    async with info.context.reading() as work:
        view = await share_revisions.by_id(work, revision_id)
    return NOT_FOUND if view is None else ShareRevisionDecided(revision=projected(ShareRevision, view))


@strawberry.type
class ShareCommands:
    """Proposing and deciding."""

    @strawberry.mutation
    async def propose_share_table(
        self,
        info: Info,
        source_id: strawberry.ID,
        valid_from: datetime,
        shares: list[ShareInput],
        command: CommandInput,
    ) -> ShareRevisionResult:
        """Propose a revision of a source's register. Another operator must approve it."""
        subject, now, counts = given_id(source_id), info.context.clock.now(), _counts(shares)
        told = told_of(info, command)
        revision_id = named_id("rev", told.actor, told.idempotency_key)

        async def decide(work: Work) -> decisions.Outcome:
            table = await share_revisions.prepared(work, subject, valid_from, counts, config_hash, now)
            if not isinstance(table, ShareTable):
                return table
            await share_revisions.propose(work, revision_id, table, told.reason, told.actor, now)
            return decisions.Decided()

        what = ",".join(f"{member}={count}" for member, count in counts)
        named = named_id("sha", subject, valid_from.isoformat(), what)
        problem = await carry_out(info, "propose_share_table", f"{subject} {named}", command, decide)
        return problem or await _result(info, revision_id)

    @strawberry.mutation
    async def approve_share_table(
        self, info: Info, revision_id: strawberry.ID, command: CommandInput
    ) -> ShareRevisionResult:
        """Put another operator's revision into the register."""
        subject, now, actor = given_id(revision_id), info.context.clock.now(), info.context.asker.credential
        problem = await carry_out(
            info,
            "approve_share_table",
            subject,
            command,
            lambda work: share_revisions.approve(work, subject, actor, config_hash, now),
        )
        return problem or await _result(info, subject)

    @strawberry.mutation
    async def reject_share_table(
        self, info: Info, revision_id: strawberry.ID, command: CommandInput
    ) -> ShareRevisionResult:
        """Turn another operator's revision down, for the command's reason."""
        subject, now, actor = given_id(revision_id), info.context.clock.now(), info.context.asker.credential
        problem = await carry_out(
            info,
            "reject_share_table",
            subject,
            command,
            lambda work: share_revisions.reject(work, subject, actor, now),
        )
        return problem or await _result(info, subject)
