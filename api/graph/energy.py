"""Energy over time in columns: of a metering point, and of a member with what his shares covered; how complete days are."""

from collections.abc import Sequence
from datetime import date, datetime

import strawberry

from api.graph.projection import Info
from community.clock import QUARTER_HOUR, QUARTER_HOUR_S
from community.metering.calendar import Resolution, Span, day_spans, spans, zone_named
from community.minting.coverage import Account
from community.store.views import measurements as views
from community.store.views.energy import Tally, tallies
from community.store.views.member_energy import member_energy
from community.units import TokenAmount, WattHours

UTC = "UTC"
_STEPS = {Resolution.INTERVAL: QUARTER_HOUR_S, Resolution.HOUR: 4 * QUARTER_HOUR_S}
strawberry.enum(Resolution, name="Resolution", description="How finely energy is told.")


@strawberry.type
class Series:
    """Energy of a metering point in columns, one entry a quarter-hour, hour, day or month of the time zone."""

    metering_point_id: strawberry.ID
    resolution: Resolution
    zone: str
    start: datetime | None
    step_s: int | None
    energy_wh: list[WattHours | None]
    quality: list[str]
    starts: list[datetime]
    intervals: list[int]
    missing: list[int]


@strawberry.type
class MemberEnergy:
    """A member's energy in columns, one entry a quarter-hour, hour, day or month of the time zone."""

    resolution: Resolution
    zone: str
    accounts: strawberry.Private[Sequence[Account]]
    cut: strawberry.Private[Sequence[Span]]

    @strawberry.field
    def starts(self) -> list[datetime]:
        """When each entry begins."""
        return [span.start for span in self.cut]

    @strawberry.field
    def intervals(self) -> list[int]:
        """How many quarter-hours each entry has: a day of 23 hours has 92, one of 25 has 100."""
        return [span.intervals for span in self.cut]

    @strawberry.field
    def consumption_wh(self) -> list[WattHours | None]:
        """What his units consumed, as far as it is known; null where nothing is."""
        return [
            None if one.consumption_missing == one.intervals else WattHours(one.consumption_wh) for one in self.accounts
        ]

    @strawberry.field
    def production_share(self) -> list[TokenAmount | None]:
        """His part of production by the shares of each quarter-hour, in base units (10^15 are 1 Wh)."""
        return [
            None if one.production_missing == one.intervals else TokenAmount(one.production_share)
            for one in self.accounts
        ]

    @strawberry.field
    def covered(self) -> list[TokenAmount]:
        """The part of his consumption that his shares covered: per quarter-hour the lesser of both, in base units."""
        return [TokenAmount(one.covered) for one in self.accounts]

    @strawberry.field
    def from_grid(self) -> list[TokenAmount]:
        """The rest of his known consumption, in base units."""
        return [TokenAmount(one.from_grid) for one in self.accounts]

    @strawberry.field
    def surplus(self) -> list[TokenAmount]:
        """His part of production that he did not consume while it was produced, in base units."""
        return [TokenAmount(one.surplus) for one in self.accounts]

    @strawberry.field
    def consumption_missing(self) -> list[int]:
        """Quarter-hours of which his consumption is not known: they are covered by nothing."""
        return [one.consumption_missing for one in self.accounts]

    @strawberry.field
    def production_missing(self) -> list[int]:
        """Quarter-hours of which the production he has shares of is not known."""
        return [one.production_missing for one in self.accounts]

    @strawberry.field
    def total(self) -> "MemberEnergyTotal":
        """All entries added up."""
        sums = {name: sum(getattr(one, name) for one in self.accounts) for name in MemberEnergyTotal.__annotations__}
        return MemberEnergyTotal(**sums)


@strawberry.type
class MemberEnergyTotal:
    """A member's energy over all entries: Wh of consumption, base units of everything else."""

    consumption_wh: WattHours
    production_share: TokenAmount
    covered: TokenAmount
    from_grid: TokenAmount
    surplus: TokenAmount
    intervals: int
    consumption_missing: int
    production_missing: int


@strawberry.type
class Completeness:
    """How many quarter-hours of each day are known at a metering point, and how well."""

    zone: str
    days: list[date]
    expected: list[int] = strawberry.field(description="Quarter-hours of the day that are over by now.")
    known: list[int] = strawberry.field(description="Of those, the ones with a figure of any quality.")
    estimated: list[int] = strawberry.field(description="Known ones that are estimated or substituted.")
    suspect: list[int] = strawberry.field(description="Known ones that rest on a key that is no longer believed.")
    missing: list[int] = strawberry.field(description="Those that are over and of which nothing is known.")


async def load_series(
    info: Info, point_id: str, since: datetime, until: datetime, resolution: Resolution, zone: str
) -> Series:
    """The series of a metering point that the asker may see."""
    cut = spans(since, until, resolution, zone_named(zone))
    info.context.spend(sum(span.intervals for span in cut) // 10)
    if resolution is Resolution.INTERVAL:
        energy, quality = await _quarter_hours(info, point_id, cut)
        missing = [int(value is None) for value in energy]
    else:
        async with info.context.reading() as work:
            found = (await tallies(work, info.context.scope, [point_id], cut)).get(point_id, [])
        energy, quality = [one.energy for one in found], [one.quality for one in found]
        missing = [one.missing for one in found]
    return Series(
        metering_point_id=strawberry.ID(point_id),
        resolution=resolution,
        zone=zone,
        start=cut[0].start if cut else None,
        step_s=_STEPS.get(resolution),
        energy_wh=energy,
        quality=quality,
        starts=[span.start for span in cut],
        intervals=[span.intervals for span in cut],
        missing=missing,
    )


async def _quarter_hours(info: Info, point_id: str, cut: Sequence[Span]) -> tuple[list[WattHours | None], list[str]]:
    if not cut:
        return [], []
    async with info.context.reading() as work:
        view = await views.series(work, info.context.scope, point_id, cut[0].start, cut[-1].end)
    return list(view.energy_wh), list(view.quality)


async def load_member_energy(
    info: Info, member_id: str, since: datetime, until: datetime, resolution: Resolution, zone: str
) -> MemberEnergy | None:
    """The energy of a member; None where the asker may not see it."""
    cut = spans(since, until, resolution, zone_named(zone))
    info.context.spend(sum(span.intervals for span in cut))
    async with info.context.reading() as work:
        accounts = await member_energy(work, info.context.scope, member_id, cut)
    return None if accounts is None else MemberEnergy(resolution=resolution, zone=zone, accounts=accounts, cut=cut)


async def load_completeness(info: Info, point_id: str, first: date, last: date, zone: str) -> Completeness:
    """How complete each day from `first` to `last` is."""
    days = day_spans(first, last, zone_named(zone))
    info.context.spend(sum(span.intervals for _, span in days) // 10)
    async with info.context.reading() as work:
        found = (await tallies(work, info.context.scope, [point_id], [span for _, span in days])).get(point_id, [])
    over = [_over(span, info.context.clock.now()) for _, span in days]
    return Completeness(
        zone=zone,
        days=[day for day, _ in days],
        expected=over,
        known=[one.known for one in found],
        estimated=[_count(one, "estimated", "substituted") for one in found],
        suspect=[_count(one, "suspect") for one in found],
        missing=[max(0, expected - one.known) for expected, one in zip(over, found, strict=False)],
    )


def _over(span: Span, now: datetime) -> int:
    return max(0, min(span.intervals, (now - span.start) // QUARTER_HOUR))


def _count(one: Tally, *qualities: str) -> int:
    return sum(one.qualities[each] for each in qualities)
