"""The roots of queries."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

import strawberry

from api.errors import forbidden
from api.graph import tokens
from api.graph.access import ApiKey, AuditEntry, ViewerType
from api.graph.audit_samples import AuditSampleQueries
from api.graph.community import CommunityQueries
from api.graph.correction_commands import CorrectionQueries
from api.graph.disclosure_commands import DisclosureQueries
from api.graph.energy import UTC, Series, load_series
from api.graph.identities import Device, EnergySource, Identity, Member, identity_of, load_identity
from api.graph.metering import (
    Gap,
    Measurement,
    MeteringPoint,
    QuarantineEntry,
    load_metering_point,
    measurement_page,
    metering_point_of,
    quarantine_entry_of,
)
from api.graph.projection import Info, all_projected, given_id, projected
from api.graph.proposals import ProposalQueries
from api.graph.reconciliation import Break, Match, Reconciled, ReconciliationRun, run_of
from api.graph.share_commands import ShareQueries
from api.graph.tokens import Balance, ChainHead, Issuance, Settlement, Supply, Transfer
from api.graph.work_queues import WorkQueueQueries
from api.paging import Connection, connection
from api.scalars import PAGE_DEFAULT, Address, Cursor, Hash, PageSize
from community.identity.identities import IdentityKind
from community.metering.calendar import Resolution
from community.store import api_keys, audit
from community.store.unit_of_work import Work
from community.store.views import (
    balances,
    chain,
    exceptions,
    identities,
    issuances,
    metering,
    reconciliation,
    transfers,
)
from community.store.views.keyset import Page

T = TypeVar("T")
V = TypeVar("V")


@strawberry.enum
class IdentityKindName(Enum):
    """The kinds of identity."""

    USER = IdentityKind.USER.value
    MEMBER = IdentityKind.MEMBER.value
    DEVICE = IdentityKind.DEVICE.value
    ENERGY_SOURCE = IdentityKind.ENERGY_SOURCE.value
    ENERGY_CONSUMPTION_UNIT = IdentityKind.ENERGY_CONSUMPTION_UNIT.value


async def _page(info: Info, load: Callable[[Work], Awaitable[Page[V]]], make: Callable[[V], T]) -> Connection[T]:
    async with info.context.reading() as work:
        page = await load(work)
    return connection(page, make)


async def _identities(info: Info, kind: IdentityKind | None, first: PageSize, after: Cursor | None) -> Connection[Any]:
    scope = info.context.scope
    name = None if kind is None else kind.value
    return await _page(info, lambda work: identities.page(work, scope, name, first, after), identity_of)


def _id_or_none(text: strawberry.ID | None) -> str | None:
    return None if text is None else given_id(text)


@strawberry.type
class Query(
    CommunityQueries,
    WorkQueueQueries,
    ShareQueries,
    ProposalQueries,
    CorrectionQueries,
    DisclosureQueries,
    AuditSampleQueries,
):
    """What can be asked. Every list is a page; every answer is one snapshot of the books."""

    @strawberry.field
    def viewer(self, info: Info) -> ViewerType:
        """Who the API key says you are."""
        asker = info.context.asker
        return ViewerType(role=asker.role.value, label=asker.label, identity_id=asker.identity_id)

    @strawberry.field
    async def identity(self, info: Info, id: strawberry.ID) -> Identity:  # noqa: A002  the name in the schema
        found = await load_identity(info, given_id(id))
        if found is None:
            raise forbidden("identity")
        return found

    @strawberry.field
    async def identities(
        self,
        info: Info,
        kind: IdentityKindName | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Identity]:
        return await _identities(info, None if kind is None else IdentityKind(kind.value), first, after)

    @strawberry.field
    async def members(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[Member]:
        return await _identities(info, IdentityKind.MEMBER, first, after)

    @strawberry.field
    async def member(self, info: Info, id: strawberry.ID) -> Member:  # noqa: A002  the name in the schema
        found = await load_identity(info, given_id(id))
        if not isinstance(found, Member):
            raise forbidden("member")
        return found

    @strawberry.field
    async def devices(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[Device]:
        return await _identities(info, IdentityKind.DEVICE, first, after)

    @strawberry.field
    async def energy_sources(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[EnergySource]:
        return await _identities(info, IdentityKind.ENERGY_SOURCE, first, after)

    @strawberry.field
    async def metering_points(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[MeteringPoint]:
        scope = info.context.scope
        return await _page(info, lambda work: metering.page(work, scope, first, after), metering_point_of)

    @strawberry.field
    async def metering_point(self, info: Info, id: strawberry.ID) -> MeteringPoint:  # noqa: A002  the name in the schema
        found = await load_metering_point(info, given_id(id))
        if found is None:
            raise forbidden("metering point")
        return found

    @strawberry.field
    async def measurements(
        self,
        info: Info,
        metering_point_id: strawberry.ID,
        since: datetime | None = None,
        until: datetime | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Measurement]:
        """Newest first, with since <= at < until. For charts take `series`."""
        await _require_metering_point(info, metering_point_id)
        return await measurement_page(info, metering_point_id, since, until, first=first, after=after)

    @strawberry.field
    async def series(
        self,
        info: Info,
        metering_point_id: strawberry.ID,
        since: datetime,
        until: datetime,
        resolution: Resolution = Resolution.INTERVAL,
        zone: str = UTC,
    ) -> Series:
        """Energy in columns of what starts in [since, until): quarter-hours, or whole hours, days or months of the zone."""
        await _require_metering_point(info, metering_point_id)
        return await load_series(info, metering_point_id, since, until, resolution, zone)

    @strawberry.field
    async def gaps(
        self,
        info: Info,
        metering_point_id: strawberry.ID | None = None,
        open: bool | None = None,  # noqa: A002  the name in the schema
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Gap]:
        scope, point = info.context.scope, _id_or_none(metering_point_id)
        state = None if open is None else ("open" if open else "closed")
        return await _page(
            info,
            lambda work: exceptions.gaps(work, scope, point, state, first, after),
            lambda view: projected(Gap, view),
        )

    @strawberry.field
    async def quarantine(
        self,
        info: Info,
        resolved: bool | None = False,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[QuarantineEntry]:
        """What was not taken in: open entries, or with `resolved: null` all."""
        return await _page(info, lambda work: exceptions.quarantine(work, resolved, first, after), quarantine_entry_of)

    @strawberry.field
    async def issuances(
        self,
        info: Info,
        source_id: strawberry.ID | None = None,
        state: str | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Issuance]:
        source = _id_or_none(source_id)
        return await _page(
            info,
            lambda work: issuances.page(work, source, state, first, after),
            lambda view: projected(Issuance, view),
        )

    @strawberry.field
    async def issuance(self, info: Info, id: strawberry.ID) -> Issuance | None:  # noqa: A002  the name in the schema
        return tokens.issuance_of(await info.context.loaders.issuance.load(given_id(id)))

    @strawberry.field
    async def settlements(
        self,
        info: Info,
        source_id: strawberry.ID | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Settlement]:
        """Newest first."""
        source = _id_or_none(source_id)
        return await _page(info, lambda work: chain.settlements(work, source, first, after), tokens.settlement_of)

    @strawberry.field
    async def transfers(
        self,
        info: Info,
        address: Address | None = None,
        tx_hash: Hash | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Transfer]:
        """Newest first; for a member those that touch one of his addresses."""
        scope = info.context.scope
        return await _page(
            info,
            lambda work: transfers.page(work, scope, address=address, tx_hash=tx_hash, first=first, after=after),
            tokens.transfer_of,
        )

    @strawberry.field
    async def balances(self, info: Info) -> list[Balance]:
        """The members' three numbers; for a member his own."""
        async with info.context.reading() as work:
            found = await balances.balances(work, info.context.scope, info.context.options.token)
        return all_projected(Balance, found)

    @strawberry.field
    async def balance(self, info: Info, member_id: strawberry.ID) -> Balance:
        view = await info.context.loaders.balance.load(given_id(member_id))
        if view is None:
            raise forbidden("balance")
        return projected(Balance, view)

    @strawberry.field
    async def supply(self, info: Info) -> list[Supply]:
        """By token contract."""
        async with info.context.reading() as work:
            return all_projected(Supply, await chain.supply(work))

    @strawberry.field
    async def chain_head(self, info: Info) -> ChainHead | None:
        """Null before the index has read its first block."""
        async with info.context.reading() as work:
            return tokens.chain_head_of(await chain.head(work))

    @strawberry.field
    async def reconciliation(self, info: Info) -> ReconciliationRun | None:
        """The latest comparison; null before the first."""
        async with info.context.reading() as work:
            return run_of(await reconciliation.latest_run(work))

    @strawberry.field
    async def reconciliation_runs(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[ReconciliationRun]:
        """Every comparison of both sides, newest first."""
        async with info.context.reading() as work:
            page = await reconciliation.runs(work, first, after)
        return connection(page, lambda view: projected(ReconciliationRun, view))

    @strawberry.field
    async def matches(
        self,
        info: Info,
        source_id: strawberry.ID | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Match]:
        source = _id_or_none(source_id)
        return await _page(
            info,
            lambda work: reconciliation.matches(work, source, first, after),
            lambda view: projected(Match, view),
        )

    @strawberry.field
    async def reconciled(
        self,
        info: Info,
        since: datetime,
        until: datetime,
        source_id: strawberry.ID | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Reconciled]:
        """How each issuance stands whose period ends after `since` and by `until`, newest first."""
        source = _id_or_none(source_id)
        return await _page(
            info,
            lambda work: reconciliation.of_period(work, source, (since, until), first, after),
            lambda view: projected(Reconciled, view),
        )

    @strawberry.field
    async def breaks(
        self,
        info: Info,
        open: bool | None = True,  # noqa: A002  the name in the schema
        source_id: strawberry.ID | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Break]:
        """Open breaks, or with `open: null` all; of one source or of every one."""
        source = _id_or_none(source_id)
        return await _page(
            info,
            lambda work: reconciliation.breaks(work, open, first, after, source_id=source),
            lambda view: projected(Break, view),
        )

    @strawberry.field
    async def audit_entries(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[AuditEntry]:
        """Who did what, newest first."""
        return await _page(
            info, lambda work: audit.entries(work, first, after), lambda view: projected(AuditEntry, view)
        )

    @strawberry.field
    async def api_keys(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[ApiKey]:
        return await _page(info, lambda work: api_keys.page(work, first, after), lambda view: projected(ApiKey, view))


async def _require_metering_point(info: Info, point_id: strawberry.ID) -> None:
    """Refuse a metering point that the viewer may not see, rather than show it as empty."""
    if await info.context.loaders.metering_point.load(given_id(point_id)) is None:
        raise forbidden("metering point")
