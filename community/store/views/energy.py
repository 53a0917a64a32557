"""Energy of metering points over spans of time: added up in SQL, with how good the figures are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlmodel import col

from community.metering.calendar import Span
from community.store.bulk import instant_for, rows_for
from community.store.tables.identity import DeviceKeyRow
from community.store.tables.metering import InstallationRow, MeteringPointRow
from community.store.unit_of_work import Work
from community.store.views.scope import Scope
from community.units import WattHours

WORST_LAST = ("measured", "calculated", "estimated", "substituted", "suspect", "missing")
MISSING = "missing"
_SUSPECT = """CASE WHEN EXISTS (SELECT 1 FROM measurement m JOIN statement s ON s.digest = m.statement_digest
    JOIN device_key k ON k.id = s.device_key_id WHERE m.id IN (i.from_measurement_id, i.to_measurement_id)
    AND k.revoked_from <= m.at) THEN 'suspect' ELSE i.quality END"""


@dataclass(slots=True)
class Tally:
    """One span at one metering point: the energy that is known, and how many quarter-hours are of which quality."""

    intervals: int
    energy_wh: int = 0
    qualities: Counter[str] = field(default_factory=Counter)

    @property
    def known(self) -> int:
        """Quarter-hours of which the energy is known."""
        return sum(count for quality, count in self.qualities.items() if quality != MISSING)

    @property
    def missing(self) -> int:
        """Quarter-hours of which nothing is known."""
        return self.intervals - self.known

    @property
    def energy(self) -> WattHours | None:
        """The energy of the known quarter-hours; None where there are none."""
        return WattHours(self.energy_wh) if self.known else None

    @property
    def quality(self) -> str:
        """The worst quality among its quarter-hours."""
        found = {quality for quality, count in self.qualities.items() if count} | ({MISSING} if self.missing else set())
        return max(found, key=WORST_LAST.index, default=MISSING)


async def tallies(work: Work, scope: Scope, point_ids: Sequence[str], spans: Sequence[Span]) -> dict[str, list[Tally]]:
    """The tally of each span, by metering point; of points that the asker may see."""
    point = col(MeteringPointRow.id)
    shown = select(point).where(point.in_(point_ids), scope.metering_points(point))
    points = list((await work.session.execute(shown)).scalars())
    found = {each: [Tally(span.intervals) for span in spans] for each in points}
    if not points or not spans:
        return found
    quality = _SUSPECT if await _any_key_revoked(work, points) else "i.quality"
    query = f"""SELECT asked.p, asked.n, {quality} AS q, count(*), sum(i.energy_wh) FROM asked
        JOIN interval_energy i ON i.metering_point_id = asked.p AND i.starts_at >= asked.lo AND i.starts_at < asked.hi
        WHERE NOT EXISTS (SELECT 1 FROM interval_energy r WHERE r.metering_point_id = i.metering_point_id
            AND r.starts_at = i.starts_at AND r.revision > i.revision)
        GROUP BY asked.p, asked.n, q"""
    columns = ", ".join(f"json_extract(value, '$[{number}]')" for number in range(4))
    keys = [
        (each, number, instant_for(work, span.start), instant_for(work, span.end))
        for each in points
        for number, span in enumerate(spans)
    ]
    rows = await rows_for(
        work,
        f"WITH asked(p, n, lo, hi) AS MATERIALIZED (SELECT {columns} FROM json_each(?)) {query}",
        "WITH asked AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::int[], $3::timestamptz[], $4::timestamptz[])"
        f" AS a(p, n, lo, hi)) {query}",
        keys,
    )
    for each, number, kind, count, energy_wh in rows:
        tally = found[each][number]
        tally.qualities[kind] += count
        tally.energy_wh += 0 if kind == MISSING else int(energy_wh)
    return found


async def _any_key_revoked(work: Work, point_ids: Sequence[str]) -> bool:
    """Whether a key of a device that was ever installed there is revoked: else nothing there can be suspect by its key."""
    statement = (
        select(col(DeviceKeyRow.id))
        .join(InstallationRow, col(InstallationRow.device_id) == col(DeviceKeyRow.device_id))
        .where(col(InstallationRow.metering_point_id).in_(point_ids), col(DeviceKeyRow.revoked_from).is_not(None))
        .limit(1)
    )
    return (await work.session.execute(statement)).first() is not None
