"""The system's clock: the one place that reads the time."""

import asyncio
from datetime import UTC, datetime

_LONGEST_SLEEP_S = 60.0


class SystemClock:
    """Clock of a process in service. It follows corrections of the system time while it sleeps."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime) -> None:
        """Sleep in pieces of at most a minute, so that a stepped clock is noticed."""
        while (left_s := (instant - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - it waits for time, not for an event
            await asyncio.sleep(min(left_s, _LONGEST_SLEEP_S))
