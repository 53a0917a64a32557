"""The community as everybody may see it, signed in or not: sums only."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import strawberry

from api.errors import TOO_COSTLY, Refused
from api.graph.energy import UTC
from api.graph.projection import Info
from api.scalars import Counter
from community.clock import QUARTER_HOUR, slot_at, slot_start
from community.metering.calendar import Resolution, Span, spans, zone_named
from community.store.views import community as views
from community.store.views.energy import Tally
from community.units import TokenAmount, WattHours

LOOKED_BACK = timedelta(days=7)
PUBLIC_INTERVALS_MAX = 3000
"""Quarter-hours that somebody who is not signed in may have added up at once: a month."""


@strawberry.type
class CommunityEnergy:
    """Energy of the whole community in columns. Consumption is null where too few members stand behind the sum."""

    resolution: Resolution
    zone: str
    cut: strawberry.Private[Sequence[Span]]
    sums: strawberry.Private[views.CommunityEnergy]

    @strawberry.field
    def starts(self) -> list[datetime]:
        """When each entry begins."""
        return [span.start for span in self.cut]

    @strawberry.field
    def intervals(self) -> list[int]:
        """How many quarter-hours each entry has."""
        return [span.intervals for span in self.cut]

    @strawberry.field
    def production_wh(self) -> list[WattHours | None]:
        """What all plants produced, as far as it is known; null where nothing is."""
        return [one.energy for one in self.sums.production]

    @strawberry.field
    def consumption_wh(self) -> list[WattHours | None] | None:
        """What all units consumed, as far as it is known. Null as a whole for fewer than four members: that would be personal."""
        return None if self.sums.consumption is None else [one.energy for one in self.sums.consumption]

    @strawberry.field
    def production_completeness_per_mille(self) -> list[int | None]:
        """Known quarter-hours of production of a thousand, over all plants; null without plants."""
        return [_per_mille([one]) for one in self.sums.production]


def _per_mille(tallies: Sequence[Tally]) -> int | None:
    whole = sum(one.intervals for one in tallies)
    return sum(one.known for one in tallies) * 1000 // whole if whole else None


@strawberry.type
class Community:
    """Counts and sums of the community. Nothing here is one person's."""

    view: strawberry.Private[views.CommunityView]

    @strawberry.field
    def member_count(self) -> int:
        """Members, without the treasury."""
        return self.view.member_count

    @strawberry.field
    def source_count(self) -> int:
        """Energy sources that are approved for issuance."""
        return self.view.source_count

    @strawberry.field
    def nameplate_w(self) -> Counter:
        """Their nameplate power together, in watts."""
        return Counter(self.view.nameplate_w)

    @strawberry.field
    def verified_wh(self) -> WattHours | None:
        """Production that is verified, as of the latest comparison; null before the first."""
        return self.view.run.verified_wh if self.view.run else None

    @strawberry.field
    def settled_wh(self) -> WattHours | None:
        """Of that, what is settled on chain in finalised blocks."""
        return self.view.run.settled_wh if self.view.run else None

    @strawberry.field
    def minted(self) -> TokenAmount:
        """All tokens ever minted in finalised blocks, in base units."""
        return self.view.supply.final_minted if self.view.supply else TokenAmount(0)

    @strawberry.field
    def burned(self) -> TokenAmount:
        """All tokens ever burned or retired in finalised blocks, in base units."""
        return self.view.supply.final_burned if self.view.supply else TokenAmount(0)

    @strawberry.field
    def agrees(self) -> bool | None:
        """Whether the latest comparison found both sides equal to the unit; null before the first."""
        return None if self.view.run is None else self.view.run.break_count == 0

    @strawberry.field
    def compared_at(self) -> datetime | None:
        """When verified energy and the chain were last compared."""
        return self.view.run.started_at if self.view.run else None

    @strawberry.field
    def finalised_block(self) -> Counter | None:
        """The finalised block that was compared."""
        return Counter(self.view.run.finalised_block) if self.view.run else None

    @strawberry.field
    def open_break_count(self) -> int:
        """Disagreements that nobody has explained or mended yet."""
        return self.view.open_break_count

    @strawberry.field
    def correction_count(self) -> int:
        """Corrections decided so far."""
        return self.view.correction_count

    @strawberry.field
    async def completeness_per_mille(self, info: Info) -> int | None:
        """Known quarter-hours of production of a thousand in the last seven days; null without plants."""
        now = slot_start(slot_at(info.context.clock.now()))
        _spend(info, [Span(now - LOOKED_BACK, now)])
        async with info.context.reading() as work:
            found = await views.community_energy(work, [Span(now - LOOKED_BACK, now)])
        return _per_mille(found.production)

    @strawberry.field
    async def energy(
        self,
        info: Info,
        since: datetime,
        until: datetime,
        resolution: Resolution = Resolution.DAY,
        zone: str = UTC,
    ) -> CommunityEnergy:
        """Energy of what starts in [since, until). Quarter-hours are for those who are signed in."""
        cut = spans(since, until, resolution, zone_named(zone))
        _spend(info, cut)
        async with info.context.reading() as work:
            return CommunityEnergy(
                resolution=resolution, zone=zone, cut=cut, sums=await views.community_energy(work, cut)
            )


def _spend(info: Info, cut: Sequence[Span]) -> None:
    count = sum(span.intervals for span in cut)
    if info.context.asker.is_public:
        if any(span.end - span.start == QUARTER_HOUR for span in cut) or count > PUBLIC_INTERVALS_MAX:
            raise Refused(TOO_COSTLY, "Sign in to see more than a month at once, or single quarter-hours.")
        count *= 10
    info.context.spend(count)


@strawberry.type
class CommunityQueries:
    """What everybody may ask."""

    @strawberry.field
    async def community(self, info: Info) -> Community:
        """The community's figures, for everybody; also without signing in."""
        async with info.context.reading() as work:
            return Community(view=await views.community(work, info.context.options.token))
