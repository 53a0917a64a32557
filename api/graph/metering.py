"""Metering points, meters, measurements with their evidence, series, gaps, quarantine."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graph.energy import UTC, Completeness, Series, load_completeness, load_series
from api.graph.identities import Device, Identity, load_as, load_identity
from api.graph.projection import Info, all_projected, projected
from api.paging import Connection, connection
from api.plans.lives import lives_in
from api.scalars import PAGE_DEFAULT, Counter, Cursor, Hex, PageSize
from community.metering.calendar import Resolution
from community.store.views import exceptions as exception_views
from community.store.views import measurements as views
from community.store.views import metering as metering_views
from community.units import WattHours

if TYPE_CHECKING:
    from api.graph.tokens import Issuance


@lives_in("register")
@strawberry.type
class Register:
    """A cumulative counter of a meter, named by its OBIS code."""

    id: strawberry.ID
    obis: str
    modulus_wh: WattHours | None


@lives_in("meter")
@strawberry.type
class Meter:
    """A replaceable instrument."""

    id: strawberry.ID
    serial: str
    maker: str
    model: str

    @strawberry.field
    async def registers(self, info: Info) -> list[Register]:
        return all_projected(Register, await info.context.loaders.registers.load(self.id))


@lives_in("installation")
@strawberry.type
class Installation:
    """A meter and a device at a metering point for a time."""

    id: strawberry.ID
    valid_from: datetime
    valid_to: datetime | None
    factor: int
    max_power_w: int
    metering_point_id: strawberry.Private[str]
    device_id: strawberry.Private[str]
    meter_id: strawberry.Private[str]
    meter_serial: strawberry.Private[str]
    meter_maker: strawberry.Private[str]
    meter_model: strawberry.Private[str]

    @strawberry.field
    def meter(self) -> Meter:
        return Meter(
            id=strawberry.ID(self.meter_id), serial=self.meter_serial, maker=self.meter_maker, model=self.meter_model
        )

    @strawberry.field
    async def device(self, info: Info) -> Device | None:
        return await load_as(info, Device, self.device_id)

    @strawberry.field
    async def metering_point(
        self, info: Info
    ) -> Annotated["MeteringPoint", strawberry.lazy("api.graph.metering")] | None:
        return await load_metering_point(info, self.metering_point_id)


@lives_in("statement")
@strawberry.type
class Statement:
    """The signed evidence. `signed` verifies under `publicKey`: an auditor needs nothing else from here."""

    digest: str
    counter: Counter
    format: str
    first_at: datetime
    reading_count: int
    signed: Hex
    key_number: int
    kid: str
    public_key: Hex
    is_development_key: bool
    recorded_at: datetime

    @strawberry.field
    async def measurements(self, info: Info) -> list[Annotated["Measurement", strawberry.lazy("api.graph.metering")]]:
        """The readings in it that were admitted and that the viewer may see, by time."""
        return all_projected(Measurement, await info.context.loaders.measurements_of_statement.load(self.digest))


@lives_in("register")
@strawberry.type
class MeasuredRegister:
    """The register a measurement was read from."""

    id: strawberry.ID
    obis: str


@lives_in("measurement")
@strawberry.type
class Measurement:
    """An admitted register reading: the absolute energy at an instant, with what proves it."""

    id: strawberry.ID
    at: datetime
    register_wh: WattHours
    read_offset_s: int
    status: int
    evidence_mode: str
    leaf_index: int
    recorded_at: datetime
    suspect: bool = strawberry.field(
        description="Whether the key that signed it is not believed from an instant at or before the reading's."
    )
    boundary_inexact: bool = strawberry.field(
        description="Whether it is not known to have been read within 5 s of its boundary, by a synchronised clock."
    )
    obis: strawberry.Private[str]
    register_id: strawberry.Private[str]
    device_id: strawberry.Private[str]
    metering_point_id: strawberry.Private[str]
    statement_digest: strawberry.Private[str]

    @strawberry.field
    def register(self) -> MeasuredRegister:
        return MeasuredRegister(id=strawberry.ID(self.register_id), obis=self.obis)

    @strawberry.field
    async def metering_point(
        self, info: Info
    ) -> Annotated["MeteringPoint", strawberry.lazy("api.graph.metering")] | None:
        return await load_metering_point(info, self.metering_point_id)

    @strawberry.field
    async def device(self, info: Info) -> Device | None:
        return await load_as(info, Device, self.device_id)

    @strawberry.field
    async def issuances(self, info: Info) -> list[Annotated["Issuance", strawberry.lazy("api.graph.tokens")]]:
        """The issuances that this reading proves."""
        from api.graph.tokens import Issuance

        return all_projected(Issuance, await info.context.loaders.issuances_of_measurement.load(str(self.id)))

    @strawberry.field
    async def statement(self, info: Info) -> Statement | None:
        view = await info.context.loaders.statement.load(self.statement_digest)
        if view is None:
            return None
        return projected(
            Statement,
            view,
            signed=Hex(view.signed.hex()),
            public_key=Hex(view.public_key.hex()),
            is_development_key=view.development_key,
        )


@lives_in("metering_point")
@strawberry.type
class MeteringPoint:
    """A place in the grid."""

    id: strawberry.ID
    code: str
    name: str
    direction: str
    settled_obis: str
    identity_id: strawberry.Private[str | None]

    @strawberry.field
    async def identity(self, info: Info) -> Identity | None:
        """The energy source or the energy consumption unit here."""
        return await load_identity(info, self.identity_id)

    @strawberry.field
    async def installations(self, info: Info) -> list[Installation]:
        return all_projected(Installation, await info.context.loaders.installations_at.load(self.id))

    @strawberry.field
    async def measurements(
        self,
        info: Info,
        since: datetime | None = None,
        until: datetime | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Measurement]:
        """Newest first, with since <= at < until."""
        return await measurement_page(info, self.id, since, until, first=first, after=after)

    @strawberry.field
    async def series(
        self,
        info: Info,
        since: datetime,
        until: datetime,
        resolution: Resolution = Resolution.INTERVAL,
        zone: str = UTC,
    ) -> Series:
        """Energy in columns of what starts in [since, until): quarter-hours, or whole hours, days or months of the zone."""
        return await load_series(info, self.id, since, until, resolution, zone)

    @strawberry.field
    async def completeness(self, info: Info, first_day: date, last_day: date, zone: str = UTC) -> Completeness:
        """How complete the energy of each of these days is."""
        return await load_completeness(info, self.id, first_day, last_day, zone)


async def measurement_page(
    info: Info,
    metering_point_id: str,
    since: datetime | None,
    until: datetime | None,
    *,
    first: PageSize,
    after: Cursor | None,
) -> Connection[Measurement]:
    """Measurements of a metering point as a connection."""
    async with info.context.reading() as work:
        page = await views.page(
            work, info.context.scope, metering_point_id, since=since, until=until, first=first, after=after
        )
    return connection(page, lambda view: projected(Measurement, view))


async def load_metering_point(info: Info, point_id: str) -> MeteringPoint | None:
    """The metering point, if the viewer may see it."""
    view = await info.context.loaders.metering_point.load(point_id)
    return None if view is None else metering_point_of(view)


def metering_point_of(view: metering_views.MeteringPointView) -> MeteringPoint:
    return projected(MeteringPoint, view)


@lives_in("gap")
@strawberry.type
class Gap:
    """Intervals without a reading. Its energy is known exactly once a later reading closes it."""

    id: strawberry.ID
    starts_at: datetime
    ends_at: datetime
    energy_wh: WattHours | None
    state: str
    opened_at: datetime
    closed_at: datetime | None
    metering_point_id: strawberry.Private[str]

    @strawberry.field
    async def metering_point(self, info: Info) -> MeteringPoint | None:
        return await load_metering_point(info, self.metering_point_id)


@lives_in("quarantine_entry")
@strawberry.type
class QuarantineEntry:
    """A frame, or one reading in it, that was not taken in, and why. Its bytes are kept."""

    id: strawberry.ID
    device_eui: str | None
    source: str
    frame_digest: str
    payload: Hex
    at: datetime | None
    reason: str
    detail: str
    recorded_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    device_id: strawberry.Private[str | None]

    @strawberry.field
    async def device(self, info: Info) -> Device | None:
        return await load_as(info, Device, self.device_id)


def quarantine_entry_of(view: exception_views.QuarantineView) -> QuarantineEntry:
    return projected(QuarantineEntry, view, payload=Hex(view.payload.hex()))
