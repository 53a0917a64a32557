"""Hours, days and months of a place, cut into whole quarter-hours: where its clocks change a day has 92 or 100 of them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from community.clock import QUARTER_HOUR, QUARTER_HOUR_S, as_utc, is_boundary, next_boundary


class Resolution(StrEnum):
    """How finely energy is told."""

    INTERVAL = "interval"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


SPAN_MAX = {
    Resolution.INTERVAL: timedelta(days=40),
    Resolution.HOUR: timedelta(days=100),
    Resolution.DAY: timedelta(days=800),
    Resolution.MONTH: timedelta(days=3700),
}
"""How much of a resolution one answer holds: below 4000 entries."""


_BEYOND = "Ask for a time between the years 1 and 9999."


class SpanTooLong(ValueError):
    """More was asked for than one answer holds; the text says how much it does."""


class ZoneUnknown(ValueError):
    """The name is none of the IANA time zone database."""


@dataclass(frozen=True, slots=True)
class Span:
    """The quarter-hours that start in [start, end), both in UTC and on the grid."""

    start: datetime
    end: datetime

    @property
    def intervals(self) -> int:
        """How many quarter-hours it has."""
        return int((self.end - self.start).total_seconds()) // QUARTER_HOUR_S


def zone_named(name: str) -> ZoneInfo:
    """The time zone of this IANA name, such as Europe/Vienna. Raises ZoneUnknown."""
    try:
        if not 0 < len(name) <= 64 or not name.isascii():
            raise ValueError
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ZoneUnknown("The time zone must be a name of the IANA database, such as Europe/Vienna or UTC.") from error


def spans(since: datetime, until: datetime, resolution: Resolution, zone: ZoneInfo) -> list[Span]:
    """The whole hours, days, months or quarter-hours of `zone` that start in [since, until), one after the other.

    Only whole ones: what starts before `since` is not cut, it is left out. Raises SpanTooLong.
    """
    since, until = as_utc(since), as_utc(until)
    if until - since > SPAN_MAX[resolution]:
        days = SPAN_MAX[resolution].days
        raise SpanTooLong(f"Ask for at most {days} days by {resolution} at once, or for coarser steps.")
    found: list[Span] = []
    start: datetime | None = None
    try:
        for edge in _edges(since, resolution, zone):
            if start is not None and edge > start:
                found.append(Span(start, edge))
            if edge >= until:
                break
            start = edge
    except OverflowError as error:
        raise SpanTooLong(_BEYOND) from error
    return found


def day_spans(first: date, last: date, zone: ZoneInfo) -> list[tuple[date, Span]]:
    """Each day from `first` to `last` with its quarter-hours. Raises SpanTooLong."""
    if last - first > SPAN_MAX[Resolution.DAY]:
        raise SpanTooLong(f"Ask for at most {SPAN_MAX[Resolution.DAY].days} days at once.")
    count = max(0, (last - first).days + 1)
    try:
        days = [first + timedelta(days=number) for number in range(count)]
        return [(day, Span(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))) for day in days]
    except OverflowError as error:
        raise SpanTooLong(_BEYOND) from error


def _edges(since: datetime, resolution: Resolution, zone: ZoneInfo) -> Iterator[datetime]:
    """Where something of this resolution begins at or after `since`, without an end."""
    at = since if is_boundary(since) else next_boundary(since)
    match resolution:
        case Resolution.INTERVAL:
            while True:
                yield at
                at += QUARTER_HOUR
        case Resolution.HOUR:
            while True:
                if at.astimezone(zone).minute == 0:
                    yield at
                at += QUARTER_HOUR
        case Resolution.DAY:
            day = at.astimezone(zone).date()
            while True:
                if (edge := _midnight(day, zone)) >= at:
                    yield edge
                day += timedelta(days=1)
        case Resolution.MONTH:
            day = at.astimezone(zone).date().replace(day=1)
            while True:
                if (edge := _midnight(day, zone)) >= at:
                    yield edge
                day = (day + timedelta(days=32)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """When the day begins, in UTC and on the grid.

    Where clocks are put forward at midnight the day begins with its first instant that exists (PEP 495, fold 0).
    """
    edge = datetime.combine(day, time(), zone).astimezone(UTC)
    return edge if is_boundary(edge) else next_boundary(edge)
