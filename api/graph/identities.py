"""Identities, their coin addresses, devices' keys and the share register."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import strawberry

from api.graph.device_health import DeviceHealth, health_of
from api.graph.energy import UTC, MemberEnergy, load_member_energy
from api.graph.projection import Info, all_projected, projected
from api.paging import Connection
from api.plans.lives import lives_in
from api.scalars import PAGE_DEFAULT, Address, Cursor, Hash, Hex, PageSize
from community.metering.calendar import Resolution
from community.store.provisional_readings import provisional_readings
from community.store.views import identities as views
from community.store.views import shares as share_views
from community.units import WattHours

if TYPE_CHECKING:
    from api.graph.device_frames import DeviceFrame
    from api.graph.metering import Installation, MeteringPoint
    from api.graph.notifications import Notification
    from api.graph.period_accounts import MemberPeriodAccount, SourcePeriodAccount
    from api.graph.resting import RestsOn
    from api.graph.tokens import Balance

T = TypeVar("T", bound="Identity")


@lives_in("coin_address")
@strawberry.type
class CoinAddress:
    """An address on one chain; the path says how it derives from the community's seed, if it does."""

    chain: str
    address: Address
    path: str | None
    valid_from: datetime
    valid_to: datetime | None


@lives_in("identity")
@strawberry.interface
class Identity:
    """Anything that can hold coin addresses."""

    id: strawberry.ID
    name: str

    @strawberry.field
    async def coin_addresses(self, info: Info) -> list[CoinAddress]:
        return all_projected(CoinAddress, await info.context.loaders.coin_addresses.load(self.id))


@lives_in("user")
@strawberry.type
class User(Identity):
    """A person who signs in."""


@lives_in("share")
@strawberry.type
class Share:
    """A member's part of an energy source: `shareCount` of `shareTotal`."""

    source_id: strawberry.Private[str]
    holder_id: strawberry.Private[str]
    address: Address
    share_count: int
    share_total: int

    @strawberry.field
    async def source(self, info: Info) -> Annotated["EnergySource", strawberry.lazy("api.graph.identities")] | None:
        return await load_as(info, EnergySource, self.source_id)

    @strawberry.field
    async def holder(self, info: Info) -> Annotated["Member", strawberry.lazy("api.graph.identities")] | None:
        return await load_as(info, Member, self.holder_id)


@lives_in("share_table")
@strawberry.type
class ShareTable:
    """One revision of a share register. A member sees his own shares in it, and the total."""

    id: strawberry.ID
    revision: int
    share_total: int
    config_hash: Hash
    valid_from: datetime
    valid_to: datetime | None
    shares: list[Share]


@lives_in("member")
@strawberry.type
class Member(Identity):
    """Somebody who holds shares. The treasury holds what is not sold."""

    is_treasury: bool
    joined_at: datetime

    @strawberry.field
    async def balance(self, info: Info) -> Annotated["Balance", strawberry.lazy("api.graph.tokens")] | None:
        """Null where the viewer may not see it."""
        from api.graph.tokens import Balance

        view = await info.context.loaders.balance.load(self.id)
        return None if view is None else projected(Balance, view)

    @strawberry.field
    async def energy(
        self,
        info: Info,
        since: datetime,
        until: datetime,
        resolution: Resolution = Resolution.DAY,
        zone: str = UTC,
    ) -> MemberEnergy | None:
        """Production, consumption and what his shares covered, of what starts in [since, until). Null where the viewer may not see it."""
        return await load_member_energy(info, self.id, since, until, resolution, zone)

    @strawberry.field
    async def account(
        self, info: Info, since: datetime, until: datetime
    ) -> Annotated["MemberPeriodAccount", strawberry.lazy("api.graph.period_accounts")] | None:
        """His statement of account over [since, until), in tokens of finalised blocks. Null where the viewer may not see it."""
        from api.graph.period_accounts import load_member_account

        return await load_member_account(info, self.id, since, until)

    @strawberry.field
    async def shares(self, info: Info) -> list[Share]:
        """The shares held now."""
        return all_projected(Share, await info.context.loaders.shares_of_member.load(self.id))

    @strawberry.field
    async def energy_consumption_units(
        self, info: Info
    ) -> list[Annotated["EnergyConsumptionUnit", strawberry.lazy("api.graph.identities")]]:
        return all_projected(EnergyConsumptionUnit, await info.context.loaders.units_of_member.load(self.id))

    @strawberry.field
    async def notifications(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None, unread_only: bool = False
    ) -> Connection[Annotated["Notification", strawberry.lazy("api.graph.notifications")]]:
        """What happened that concerns him, newest first: corrections, supplements, other shares, revoked keys."""
        from api.graph.notifications import load_notifications

        return await load_notifications(info, self.id, unread_only, first, after)

    @strawberry.field
    async def unread_notification_count(self, info: Info) -> int:
        """How many of them he has not read."""
        return await info.context.loaders.unread_notifications.load(self.id) or 0


@lives_in("device_key")
@strawberry.type
class DeviceKey:
    """A device's public key, valid for statements over instants in [validFrom, validTo)."""

    number: int
    kid: str
    public_key: Hex
    is_development_key: bool = strawberry.field(description="Held in a file, not in a secure element.")
    valid_from: datetime
    valid_to: datetime | None
    revoked_from: datetime | None = strawberry.field(
        description="From this instant on nothing that it signed is believed."
    )


def _device_key(view: views.DeviceKeyView) -> DeviceKey:
    return projected(DeviceKey, view, public_key=Hex(view.public_key.hex()), is_development_key=view.development_key)


@strawberry.type
class ProvisionalReading:
    """Registers at a boundary as they most plausibly are: to be shown, never booked."""

    at: datetime
    registers_wh: list[WattHours]
    read_offset_s: int
    status: int


@lives_in("device")
@strawberry.type
class Device(Identity):
    """A trusted gateway that signs what meters show."""

    eui: str
    payload_format: str
    profile: int | None
    state: str
    approved_at: datetime | None
    onboarding: str
    is_trial: bool
    firmware: str | None
    hardware: str | None

    @strawberry.field
    async def health(self, info: Info) -> DeviceHealth | None:
        """What is missing of it, what was refused, its clock and its time on the air."""
        view = await info.context.loaders.device_health.load(self.eui)
        return None if view is None else health_of(view)

    @strawberry.field
    async def frames(
        self, info: Info, first: PageSize = PAGE_DEFAULT, after: Cursor | None = None
    ) -> Connection[Annotated["DeviceFrame", strawberry.lazy("api.graph.device_frames")]]:
        """What came from it, newest first: over which transport, how well it was heard, what was decided."""
        from api.graph.device_frames import load_frames

        return await load_frames(info, self.eui, first, after)

    @strawberry.field
    async def rests_on(self, info: Info) -> Annotated["RestsOn", strawberry.lazy("api.graph.resting")]:
        """What rests on what its revoked keys signed from their revocation on."""
        from api.graph.resting import resting_of

        return resting_of(await info.context.loaders.rests_on.load(str(self.id)))

    @strawberry.field
    async def provisional_readings(self, info: Info) -> list[ProvisionalReading]:
        """Readings that came by radio and whose evidence is still on its way, oldest first. They count nowhere yet."""
        async with info.context.reading() as work:
            found = await provisional_readings(work, self.id)
        return [
            ProvisionalReading(
                at=one.at,
                registers_wh=[WattHours(each) for each in one.registers],
                read_offset_s=one.off_s,
                status=one.status,
            )
            for one in found
        ]

    @strawberry.field
    async def keys(self, info: Info) -> list[DeviceKey]:
        return [_device_key(view) for view in await info.context.loaders.device_keys.load(self.id)]

    @strawberry.field
    async def has_development_key(self, info: Info) -> bool:
        """Whether a key that is valid now is held in a file: never so in service."""
        now = info.context.clock.now()
        keys = await info.context.loaders.device_keys.load(self.id)
        return any(key.development_key and (key.valid_to is None or key.valid_to > now) for key in keys)

    @strawberry.field
    async def last_seen_at(self, info: Info) -> datetime | None:
        """When its newest frame arrived."""
        return await info.context.loaders.last_seen.load(self.eui)

    @strawberry.field
    async def installations(self, info: Info) -> list[Annotated["Installation", strawberry.lazy("api.graph.metering")]]:
        from api.graph.metering import Installation

        return all_projected(Installation, await info.context.loaders.installations_of.load(self.id))


@lives_in("energy_source")
@strawberry.type
class EnergySource(Identity):
    """A plant whose verified production is minted."""

    source_ref: Hash
    technology: str
    nameplate_w: int
    share_total: int
    settlement_period: str
    evidence_mode: str
    opening_register_wh: WattHours
    opening_at: datetime
    approved_at: datetime | None
    metering_point_id: strawberry.Private[str]

    @strawberry.field
    async def metering_point(
        self, info: Info
    ) -> Annotated["MeteringPoint", strawberry.lazy("api.graph.metering")] | None:
        from api.graph.metering import load_metering_point

        return await load_metering_point(info, self.metering_point_id)

    @strawberry.field
    async def account(
        self, info: Info, since: datetime, until: datetime
    ) -> Annotated["SourcePeriodAccount", strawberry.lazy("api.graph.period_accounts")] | None:
        """Its statement of account for what ends in (since, until]."""
        from api.graph.period_accounts import load_source_account

        return await load_source_account(info, self.id, since, until)

    @strawberry.field
    async def share_tables(self, info: Info) -> list[ShareTable]:
        """The share register over time, newest first."""
        return [_share_table(view) for view in await info.context.loaders.share_tables.load(self.id)]


def _share_table(view: share_views.ShareTableView) -> ShareTable:
    return projected(ShareTable, view, shares=all_projected(Share, view.shares))


@lives_in("energy_consumption_unit")
@strawberry.type
class EnergyConsumptionUnit(Identity):
    """A flat, or another place where energy is consumed."""

    member_id: strawberry.Private[str]
    metering_point_id: strawberry.Private[str]

    @strawberry.field
    async def member(self, info: Info) -> Member | None:
        return await load_as(info, Member, self.member_id)

    @strawberry.field
    async def metering_point(
        self, info: Info
    ) -> Annotated["MeteringPoint", strawberry.lazy("api.graph.metering")] | None:
        from api.graph.metering import load_metering_point

        return await load_metering_point(info, self.metering_point_id)


KINDS = (User, Member, Device, EnergySource, EnergyConsumptionUnit)


def identity_of(view: views.IdentityView) -> Identity:
    """The GraphQL object of an identity of any kind."""
    match view:
        case views.MemberView():
            return projected(Member, view)
        case views.DeviceView():
            return projected(Device, view)
        case views.EnergySourceView():
            return projected(EnergySource, view)
        case views.EnergyConsumptionUnitView():
            return projected(EnergyConsumptionUnit, view)
        case views.UserView():
            return projected(User, view)


async def load_identity(info: Info, identity_id: str | None) -> Identity | None:
    """The identity, if the viewer may see it."""
    view = None if identity_id is None else await info.context.loaders.identity.load(identity_id)
    return None if view is None else identity_of(view)


async def load_as(info: Info, kind: type[T], identity_id: str | None) -> T | None:
    """The identity, if it is of this kind and the viewer may see it."""
    found = await load_identity(info, identity_id)
    return found if isinstance(found, kind) else None
