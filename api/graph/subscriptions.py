"""Streams of states. Each event bears a cursor; resubscribe with it as `after` to hear at once only if something changed."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import strawberry

from api.errors import BAD_REQUEST, UNAUTHENTICATED, Refused, forbidden
from api.graph.metering import (
    Measurement,
    QuarantineEntry,
    load_metering_point,
    quarantine_entry_of,
)
from api.graph.notifications import Notification, Told, notification_of, told_to
from api.graph.projection import Info, all_projected, given_id
from api.graph.reconciliation import Break, ReconciliationRun, run_of
from api.graph.tokens import Balance, ChainHead, Settlement, chain_head_of, settlement_of
from api.live import CredentialEnded, Event, Watch
from api.plans.lives import lives_in
from api.scalars import Address, Cursor, PageSize
from community.store.unit_of_work import Work
from community.store.views import balances, chain, exceptions, identities, measurements, notifications, reconciliation

NEWEST = PageSize(20)

BALANCES = frozenset({"balance", "block", "issuance", "measurement"})
SETTLEMENTS = frozenset({"issuance", "block"})
BREAKS = frozenset({"break", "issuance", "block"})
TOPICS = {
    "balances": BALANCES,
    "measurements": frozenset({"measurement"}),
    "settlements": SETTLEMENTS,
    "breaks": BREAKS,
    "chain_head": frozenset({"block"}),
    "quarantine": frozenset({"quarantine"}),
    "notifications": frozenset({"correction", "device", "issuance", "notification", "share_table"}),
}
"""What each stream depends on, by the name of its root in Python."""


@lives_in("balances_change")
@strawberry.type
class BalancesChange:
    """The balances that the viewer may see."""

    cursor: Cursor
    nodes: list[Balance]


@lives_in("measurements_change")
@strawberry.type
class MeasurementsChange:
    """The newest measurements, newest first."""

    cursor: Cursor
    nodes: list[Measurement]


@lives_in("settlements_change")
@strawberry.type
class SettlementsChange:
    """The newest settlements, newest first."""

    cursor: Cursor
    nodes: list[Settlement]


@lives_in("breaks_change")
@strawberry.type
class BreaksChange:
    """The newest open breaks and the latest comparison."""

    cursor: Cursor
    nodes: list[Break]
    reconciliation: ReconciliationRun | None


@lives_in("chain_head_change")
@strawberry.type
class ChainHeadChange:
    """How far the index has come."""

    cursor: Cursor
    chain_head: ChainHead | None


@lives_in("quarantine_change")
@strawberry.type
class QuarantineChange:
    """The newest open entries, newest first."""

    cursor: Cursor
    nodes: list[QuarantineEntry]


@strawberry.type
class NotificationsChange:
    """The newest notifications of the viewer's members, newest first."""

    cursor: Cursor
    nodes: list[Notification]
    unread_count: int = strawberry.field(description="How many are unread, of all of them.")


def after_of(cursor: Cursor | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise Refused(BAD_REQUEST, "This cursor is none of a stream: take the cursor of its last event.")
    return int(cursor)


async def _events(
    info: Info,
    key: tuple[object, ...],
    watch: Watch,
    load: Callable[[Work], Awaitable[Any]],
    after: Cursor | None,
) -> AsyncGenerator[Event, None]:
    """Events of a group: everybody with this key and this scope is shown one state, read once."""
    context = info.context
    store, viewer = context.store, context.asker

    async def state() -> Any:
        async with store.read() as work:
            return await load(work)

    after_id = after_of(after)
    await context.refresh()  # holding a snapshot while waiting for another connection could block everybody
    stream = context.hub.watch(
        (*key, viewer.scope),
        watch,
        state,
        credential=viewer.credential,
        after=after_id,
        ends_in_s=context.credential_ends_in_s(),
    )
    try:
        async for event in stream:
            await context.refresh()
            yield event
    except CredentialEnded:
        raise Refused(UNAUTHENTICATED, "The API key was revoked, or the sign-in has ended. Sign in again.") from None


def _cursor(event: Event) -> Cursor:
    return Cursor(str(event.cursor))


@strawberry.type
class Subscription:
    """What can be watched."""

    @strawberry.subscription
    async def balances(
        self, info: Info, address: Address | None = None, after: Cursor | None = None
    ) -> AsyncGenerator[BalancesChange, None]:
        """Of all members that the viewer may see, or of the one who holds `address`."""
        scope, token = info.context.scope, info.context.options.token

        async def load(work: Work) -> Any:
            members = None if address is None else await identities.holders_of(work, address)
            return await balances.balances(work, scope, token, members)

        async for event in _events(info, ("balances", address), Watch(TOPICS["balances"]), load, after):
            yield BalancesChange(cursor=_cursor(event), nodes=all_projected(Balance, event.value))

    @strawberry.subscription
    async def measurements(
        self, info: Info, metering_point_id: strawberry.ID, first: PageSize = NEWEST, after: Cursor | None = None
    ) -> AsyncGenerator[MeasurementsChange, None]:
        point, scope = given_id(metering_point_id), info.context.scope
        if await load_metering_point(info, point) is None:
            raise forbidden("metering point")
        watch = Watch(TOPICS["measurements"], point)

        async def load(work: Work) -> Any:
            return await measurements.page(work, scope, point, since=None, until=None, first=first, after=None)

        async for event in _events(info, ("measurements", point, first), watch, load, after):
            nodes = all_projected(Measurement, event.value.items)
            yield MeasurementsChange(cursor=_cursor(event), nodes=nodes)

    @strawberry.subscription
    async def settlements(
        self, info: Info, first: PageSize = NEWEST, after: Cursor | None = None
    ) -> AsyncGenerator[SettlementsChange, None]:
        async for event in _events(
            info,
            ("settlements", first),
            Watch(TOPICS["settlements"]),
            lambda work: chain.settlements(work, None, first, None),
            after,
        ):
            yield SettlementsChange(cursor=_cursor(event), nodes=[settlement_of(view) for view in event.value.items])

    @strawberry.subscription
    async def breaks(
        self, info: Info, first: PageSize = NEWEST, after: Cursor | None = None
    ) -> AsyncGenerator[BreaksChange, None]:
        async def load(work: Work) -> Any:
            return await reconciliation.breaks(work, True, first, None), await reconciliation.latest_run(work)

        async for event in _events(info, ("breaks", first), Watch(TOPICS["breaks"]), load, after):
            page, run = event.value
            nodes = all_projected(Break, page.items)
            yield BreaksChange(cursor=_cursor(event), nodes=nodes, reconciliation=run_of(run))

    @strawberry.subscription
    async def chain_head(self, info: Info, after: Cursor | None = None) -> AsyncGenerator[ChainHeadChange, None]:
        async for event in _events(info, ("chain_head",), Watch(TOPICS["chain_head"]), chain.head, after):
            yield ChainHeadChange(cursor=_cursor(event), chain_head=chain_head_of(event.value))

    @strawberry.subscription
    async def quarantine(
        self, info: Info, first: PageSize = NEWEST, after: Cursor | None = None
    ) -> AsyncGenerator[QuarantineChange, None]:
        async for event in _events(
            info,
            ("quarantine", first),
            Watch(TOPICS["quarantine"]),
            lambda work: exceptions.quarantine(work, False, first, None),
            after,
        ):
            nodes = [quarantine_entry_of(view) for view in event.value.items]
            yield QuarantineChange(cursor=_cursor(event), nodes=nodes)

    @strawberry.subscription
    async def notifications(
        self, info: Info, first: PageSize = NEWEST, after: Cursor | None = None
    ) -> AsyncGenerator[NotificationsChange, None]:
        """Of the members behind the viewer: shown again when something new is told, or was read."""
        scope = info.context.scope

        async def load(work: Work) -> Any:
            told: list[Told] = []
            for member in scope.identity_ids:
                page = await notifications.page(work, scope, member, unread_only=False, first=first, after=None)
                told += await told_to(work, page)
            told.sort(key=lambda one: (one[0].at, one[0].id), reverse=True)
            unread = await notifications.unread_counts(work, scope, scope.identity_ids)
            return told[:first], sum(unread.values())

        before = None
        async for event in _events(info, ("notifications", first), Watch(TOPICS["notifications"]), load, after):
            if event.value != before:  # most of what is announced concerns others
                before = event.value
                told, unread = event.value
                nodes = [notification_of(*one) for one in told]
                yield NotificationsChange(cursor=_cursor(event), nodes=nodes, unread_count=unread)
