"""Instants in UTC, the quarter-hour grid, and the clock as a port. Nothing here reads the time."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

QUARTER_HOUR_S = 900
QUARTER_HOUR = timedelta(seconds=QUARTER_HOUR_S)


class Clock(Protocol):
    """Where a process gets its time from. The system clock in service; a replayed one where days pass in minutes."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...

    async def sleep_until(self, instant: datetime) -> None:
        """Return once `now()` has reached `instant`."""
        ...


def as_utc(instant: datetime) -> datetime:
    """`instant` in UTC. Raises ValueError for a naive datetime: it names no instant."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone; every instant must have one")
    return instant.astimezone(UTC)


def slot_at(instant: datetime) -> int:
    """Number of the quarter-hour boundary at or before `instant`: unix seconds // 900."""
    return int(as_utc(instant).timestamp()) // QUARTER_HOUR_S


@lru_cache(maxsize=65536)
def slot_start(slot: int) -> datetime:
    """The instant of quarter-hour boundary `slot`."""
    return datetime.fromtimestamp(slot * QUARTER_HOUR_S, UTC)


def is_boundary(instant: datetime) -> bool:
    """Whether `instant` lies exactly on the quarter-hour grid."""
    instant = as_utc(instant)
    return instant.microsecond == 0 and int(instant.timestamp()) % QUARTER_HOUR_S == 0


def next_boundary(instant: datetime) -> datetime:
    """The first quarter-hour boundary strictly after `instant`."""
    return slot_start(slot_at(instant) + 1)
