"""Taking turns at one SQLite file: those who write hand it on to each other without a pause.

SQLite lets a writer that finds the file taken sleep, longer each time, up to a tenth of a second. Two processes of ingest, each of
which always has a batch at hand, would leave the file idle for a good part of the time, and whoever writes little would hardly find
it free. PostgreSQL has queues for this.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

_LOOK_EVERY_S = 0.001


@asynccontextmanager
async def turn_at(database: str | None, wait_s: float, late: Exception) -> AsyncIterator[None]:
    """Wait until nobody else has its turn at the SQLite file `database`; None and a database in memory have no queue.

    Raises `late` after `wait_s`. A turn gives no right to write, only its order: SQLite's own lock is taken after it. The kernel ends the
    turn of a process that dies.
    """
    handle = _opened(database)
    if handle is None:
        yield
        return
    try:
        until = monotonic() + wait_s
        while not _taken(handle):  # another process has no event to wait for
            if monotonic() > until:
                raise late
            await asyncio.sleep(_LOOK_EVERY_S)
        yield
    finally:
        os.close(handle)


def _opened(database: str | None) -> int | None:
    if not database or database == ":memory:":
        return None
    try:
        return os.open(f"{database}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # SQLite says better what is wrong with the folder
        return None


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
