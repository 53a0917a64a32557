"""A clock that stands still until a test moves it."""

import asyncio
from datetime import datetime


class ManualClock:
    """`move_to` wakes whoever sleeps until then."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._moved = asyncio.Condition()
        self.sleepers = 0

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, instant: datetime) -> None:
        self.sleepers += 1
        try:
            async with self._moved:
                await self._moved.wait_for(lambda: self._now >= instant)
        finally:
            self.sleepers -= 1

    async def move_to(self, instant: datetime) -> None:
        async with self._moved:
            self._now = instant
            self._moved.notify_all()
