"""What waits for an operator, as lists to work off."""

from datetime import datetime

import strawberry

from api.graph.identities import Device
from api.graph.metering import Measurement
from api.graph.projection import Info, all_projected, projected
from api.graph.tokens import Issuance
from api.paging import Connection, connection
from api.scalars import PAGE_DEFAULT, Address, Counter, Cursor, PageSize
from community.store import inbox
from community.store.views import evidence_gaps, senders
from community.store.views import work_queues as views
from community.units import TokenAmount

AN_HOUR = Counter(3600)


@strawberry.type
class WorkQueues:
    """How many of each wait for a person."""

    quarantine: Counter = strawberry.field(description="Refused frames and readings nobody has decided about.")
    unknown_devices: Counter = strawberry.field(
        description="Devices whose frames wait for their record or its mending."
    )
    gaps: Counter = strawberry.field(description="Open gaps of intervals.")
    evidence_gaps: Counter = strawberry.field(description="Evidence that devices are to send again.")
    silent_devices: Counter = strawberry.field(description="Active devices that were not heard for an hour.")
    devices_to_approve: Counter = strawberry.field(description="Devices that may not measure yet.")
    failed_transactions: Counter = strawberry.field(description="Issuances that stopped, or hang for over an hour.")
    open_breaks: Counter = strawberry.field(description="Disagreements that are not closed.")
    open_objections: Counter = strawberry.field(description="Objections to live proposals without an answer.")


@strawberry.type
class InboxEntry:
    """Frames of one device that wait until a record accounts for them; unknown devices have no name."""

    device_eui: str
    device_name: str | None
    reason: str
    frames: Counter
    bytes: Counter
    first_at: datetime
    last_at: datetime
    adoptable_until: datetime


@strawberry.type
class EvidenceGap:
    """Slots or statements that a device has and the books lack, and how often it was asked for them."""

    id: strawberry.ID
    device_name: str
    device_eui: str
    kind: str
    first: Counter
    last: Counter
    state: str
    since_at: datetime
    asked: int
    last_asked_at: datetime | None


@strawberry.type
class Sender:
    """An account that sends transactions, as the signer is asked to sign for it."""

    chain_id: Counter
    address: Address
    next_nonce: Counter = strawberry.field(description="The nonce of its next transaction.")
    is_frozen: bool = strawberry.field(description="Whether it sends nothing until a person has looked.")
    under_way: Counter = strawberry.field(description="Transactions that are asked for, signed or sent, and not mined.")
    last_signed_at: datetime | None = strawberry.field(description="When the signer last signed for it.")
    last_broadcast_at: datetime | None = strawberry.field(description="When a transaction of it was last sent.")
    balance_wei: TokenAmount | None = strawberry.field(
        description="What it has to pay fees with, in the chain's smallest unit, as settlement saw it last."
    )
    balance_at: datetime | None = strawberry.field(description="When settlement saw it.")


@strawberry.type
class WorkQueueQueries:
    """The queues of operators."""

    @strawberry.field
    async def work_queues(self, info: Info) -> WorkQueues:
        """How much of everything waits, in one snapshot."""
        async with info.context.reading() as work:
            return projected(WorkQueues, await views.queue_lengths(work, info.context.clock.now()))

    @strawberry.field
    async def senders(self, info: Info) -> list[Sender]:
        """The accounts that send transactions, with what of each is under way and when the signer last signed."""
        async with info.context.reading() as work:
            return all_projected(Sender, await senders.senders(work))

    @strawberry.field
    async def inbox(self, info: Info) -> list[InboxEntry]:
        """Frames of devices that nobody accounts for, newest first, up to 1000 devices and reasons."""
        async with info.context.reading() as work:
            return all_projected(InboxEntry, await inbox.waiting(work, info.context.clock.now()))

    @strawberry.field
    async def evidence_gaps(self, info: Info, ended: bool = False) -> list[EvidenceGap]:
        """What devices are to send again: handed over to a person first, then the oldest, up to 1000. With `ended` all."""
        async with info.context.reading() as work:
            found = await evidence_gaps.gaps_to_repair(work, ended=ended)
        return [projected(EvidenceGap, one, kind=one.kind.value, state=one.state.value) for one in found]

    @strawberry.field
    async def silent_devices(
        self,
        info: Info,
        silent_for_s: Counter = AN_HOUR,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Device]:
        """Active, installed devices of which nothing was heard for so many seconds."""
        seconds, now = max(0, min(silent_for_s, 10 * 365 * 86_400)), info.context.clock.now()
        async with info.context.reading() as work:
            page = await views.silent_devices(work, now, seconds, first, after)
        return connection(page, lambda view: projected(Device, view))

    @strawberry.field
    async def failed_transactions(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[Issuance]:
        """Issuances whose transaction stopped for a person, or has been under way for more than an hour; newest first."""
        async with info.context.reading() as work:
            page = await views.failed_transactions(work, info.context.clock.now(), first, after)
        return connection(page, lambda view: projected(Issuance, view))

    @strawberry.field
    async def suspect_measurements(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[Measurement]:
        """Readings that were signed by a key from the instant on from which it is not believed; newest first."""
        async with info.context.reading() as work:
            page = await views.suspect_measurements(work, info.context.scope, first, after)
        return connection(page, lambda view: projected(Measurement, view))
