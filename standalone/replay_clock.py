"""A clock that several processes share, so that two days of quarter-hours can pass in a minute.

The present instant stands in a small file that every process maps. Zero there means: the replay is over, use the
system's time. While it replays, the instant stands still on a quarter-hour boundary until the driver moves it on,
so a reading taken "at 12:15" is taken at 12:15:00 however slow the machine is.
"""

import asyncio
import mmap
import struct
from datetime import UTC, datetime
from pathlib import Path

from community.runtime.system_clock import SystemClock

_FORMAT = struct.Struct(">q")
_POLL_S = 0.02


class ReplayClock:
    """Clock over the shared file. `set_to` moves it, `finish` ends the replay."""

    def __init__(self, path: Path) -> None:
        """Open the clock at `path`, which `create` made."""
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _FORMAT.size)
        self._system = SystemClock()

    @classmethod
    def create(cls, path: Path, start: datetime) -> "ReplayClock":
        """Make the shared file, standing at `start`."""
        path.write_bytes(_FORMAT.pack(int(start.timestamp())))
        return cls(path)

    @property
    def is_replaying(self) -> bool:
        """Whether time is still driven by hand."""
        return self._seconds() != 0

    def _seconds(self) -> int:
        seconds: int = _FORMAT.unpack(self._shared[: _FORMAT.size])[0]
        return seconds

    def now(self) -> datetime:
        """The replayed instant, or the system's once the replay is over."""
        seconds = self._seconds()
        return datetime.fromtimestamp(seconds, UTC) if seconds else self._system.now()

    async def sleep_until(self, instant: datetime) -> None:
        """Return once `now()` has reached `instant`."""
        while (now := self.now()) < instant:
            left_s = (instant - now).total_seconds()
            await asyncio.sleep(_POLL_S if self.is_replaying else min(left_s, 1.0))

    def set_to(self, instant: datetime) -> None:
        """Move the replay to `instant`, for every process that maps the file."""
        self._shared[: _FORMAT.size] = _FORMAT.pack(int(instant.timestamp()))

    def finish(self) -> None:
        """End the replay: from now on every process uses the system's time."""
        self._shared[: _FORMAT.size] = _FORMAT.pack(0)

    def close(self) -> None:
        """Release the mapping."""
        self._shared.close()
