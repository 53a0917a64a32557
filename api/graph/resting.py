"""What rests on keys that are no longer believed."""

from datetime import datetime

import strawberry

from api.graph.projection import Info, all_projected
from api.graph.tokens import Issuance, issuance_of
from api.scalars import Counter
from community.store.revocations import RestsOn as View
from community.units import WattHours

SHOWN_MAX = 500


@strawberry.type
class RestingInterval:
    """Energy of a quarter-hour between two readings of which at least one is suspect."""

    metering_point_id: strawberry.ID
    starts_at: datetime
    energy_wh: WattHours
    revision: int


@strawberry.type
class RestsOn:
    """Measurements, intervals and issuances that rest on revoked keys of a device. The lists show the first 500."""

    measurements: Counter
    interval_count: Counter
    issuance_count: Counter
    energy_wh: WattHours = strawberry.field(description="The energy of all these intervals.")
    issued_wh: WattHours = strawberry.field(description="The energy of all these issuances: minted, or on its way.")
    intervals: list[RestingInterval]
    issuance_ids: strawberry.Private[list[str]]

    @strawberry.field
    async def issuances(self, info: Info) -> list[Issuance]:
        """The issuances that begin or end at a suspect reading."""
        views = await info.context.loaders.issuance.load_many(self.issuance_ids)
        return [one for one in map(issuance_of, views) if one is not None]


def resting_of(view: View | None) -> RestsOn:
    found = view or View(0, (), ())
    return RestsOn(
        measurements=Counter(found.measurements),
        interval_count=Counter(len(found.intervals)),
        issuance_count=Counter(len(found.issuances)),
        energy_wh=WattHours(found.energy_wh),
        issued_wh=WattHours(found.issued_wh),
        intervals=all_projected(RestingInterval, found.intervals[:SHOWN_MAX]),
        issuance_ids=[one.id for one in found.issuances[:SHOWN_MAX]],
    )
