"""What a member is told, how far he has read it, and the command that says so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from api.errors import BAD_REQUEST, Refused, forbidden
from api.graph.carrying_out import NOT_FOUND, CommandInput, Problem, carry_out
from api.graph.identities import EnergySource, Member, identity_of, load_as
from api.graph.projection import Info, given_id
from api.paging import Connection, connection
from api.scalars import Cursor, PageSize
from community.store import decisions, notifications
from community.store.unit_of_work import Work
from community.store.views import identities
from community.store.views import notifications as views
from community.store.views.keyset import Page
from community.store.views.notification_facts import NotificationFacts, facts_of
from community.units import TokenAmount, WattHours

ID_MAX = 200
NotificationKind = strawberry.enum(
    views.NotificationKind,
    name="NotificationKind",
    description="CORRECTION_RECORDED: a source's energy was corrected; SUPPLEMENT_MINTED: what was minted too little came; "
    "SHARES_CHANGED: other shares from an instant on; KEY_REVOKED: a device's key is not believed from an instant on.",
)


@strawberry.type
class Notification:
    """Something that happened and concerns a member. Told from the facts themselves: it cannot be missing, nor come twice."""

    id: strawberry.ID
    kind: views.NotificationKind
    at: datetime = strawberry.field(description="When it was recorded.")
    read_at: datetime | None = strawberry.field(description="When the member read it, or a later one; null before.")
    effective_at: datetime | None = strawberry.field(description="The instant from which it counts.")
    energy_wh: WattHours | None = strawberry.field(description="The energy that was corrected or supplemented.")
    amount: TokenAmount | None = strawberry.field(description="The member's part of it, in base units.")
    is_less: bool = strawberry.field(description="Whether he gets that amount less, netted from what comes next.")
    share_count_before: int | None = strawberry.field(description="His shares before, where they changed.")
    share_count_after: int | None = strawberry.field(description="His shares afterwards, where they changed.")
    sentence: str = strawberry.field(description="What happened and what it means, in English.")
    source_id: strawberry.Private[str | None]

    @strawberry.field
    async def source(self, info: Info) -> EnergySource | None:
        """The energy source it is about; null where it is about the member's own consumption."""
        return await load_as(info, EnergySource, self.source_id)


@strawberry.type
class NotificationsRead:
    """The member, with what is still unread."""

    member: Member


NotificationsResult = Annotated[NotificationsRead | Problem, strawberry.union("NotificationsResult")]


def _sentence(kind: views.NotificationKind, facts: NotificationFacts) -> str:
    since = facts.effective_at.isoformat() if facts.effective_at else "then"
    match kind:
        case views.NotificationKind.CORRECTION_RECORDED if facts.is_less:
            return (
                f"{facts.energy_wh} Wh too much were minted ({facts.reason}). What you hold stays yours; your part is netted "
                "from what is minted next."
            )
        case views.NotificationKind.CORRECTION_RECORDED:
            return f"{facts.energy_wh} Wh too little were minted ({facts.reason}). Your part will be minted."
        case views.NotificationKind.SUPPLEMENT_MINTED:
            return f"The missing {facts.energy_wh} Wh were minted; your part is in your balance."
        case views.NotificationKind.SHARES_CHANGED:
            return f"From {since} on you hold {facts.share_count_after} shares instead of {facts.share_count_before}."
        case views.NotificationKind.KEY_REVOKED:
            return (
                f"What a device measured from {since} on is looked at again, because its key is not believed from then on. "
                "What you hold stays yours until somebody has decided."
            )


def notification_of(view: views.NotificationView, facts: NotificationFacts) -> Notification:
    return Notification(
        id=strawberry.ID(view.id),
        kind=view.kind,
        at=view.at,
        read_at=view.read_at,
        effective_at=facts.effective_at,
        energy_wh=facts.energy_wh,
        amount=facts.amount,
        is_less=facts.is_less,
        share_count_before=facts.share_count_before,
        share_count_after=facts.share_count_after,
        sentence=_sentence(view.kind, facts),
        source_id=view.source_id,
    )


Told = tuple[views.NotificationView, NotificationFacts]


async def told_to(work: Work, page: Page[views.NotificationView]) -> list[Told]:
    """The views of a page with their facts."""
    return list(zip(page.items, await facts_of(work, page.items), strict=True))


async def load_notifications(
    info: Info, member_id: str, unread_only: bool, first: PageSize, after: Cursor | None
) -> Connection[Notification]:
    """A page of a member's notifications, newest first."""
    async with info.context.reading() as work:
        page = await views.page(work, info.context.scope, member_id, unread_only=unread_only, first=first, after=after)
        told: Sequence[Told] = await told_to(work, page)
    return connection(Page(tuple(told), page.cursors, page.more), lambda one: notification_of(*one))


@strawberry.type
class NotificationCommands:
    """What members say about what they were told."""

    @strawberry.mutation
    async def mark_notifications_read(
        self, info: Info, member_id: strawberry.ID, up_to: strawberry.ID, command: CommandInput
    ) -> NotificationsResult:
        """Everything up to the notification `upTo` has been read. By the member himself; an older mark changes nothing."""
        member, now = given_id(member_id), info.context.clock.now()
        if member not in info.context.scope.identity_ids:
            raise forbidden("member")
        if not 0 < len(up_to) <= ID_MAX:
            raise Refused(BAD_REQUEST, "upTo is the id of a notification.")
        scope = info.context.scope

        async def decide(work: Work) -> decisions.Outcome:
            return await notifications.mark_read(work, scope, member, up_to, now)

        problem = await carry_out(info, "mark_notifications_read", f"{member} {up_to}", command, decide)
        if problem is not None:
            return problem
        async with info.context.reading() as work:
            view = (await identities.by_ids(work, scope, [member])).get(member)
        found = None if view is None else identity_of(view)
        return NotificationsRead(member=found) if isinstance(found, Member) else NOT_FOUND
