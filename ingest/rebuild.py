"""Deriving readings and interval energies again from the frames, and comparing them with the books.

The frames go through the same intake, in the order in which they came, into books of their own: a database in a
temporary folder. Nothing is written to the books. What a person corrected (revisions above the first) rests on a decision
and not on a frame, so it is not compared.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from community.store.frames import Frame
from community.store.measurements import DERIVATION
from community.store.rebuilding import DerivedRow, copy_registry, count_evidence, derived_rows, frames_of_evidence
from community.store.schema import migrate
from community.store.unit_of_work import Store
from ingest.intake import Intake
from ingest.judging import Judge
from ingest.replay import uplink_of

Progress = Callable[[int, int], None]
LISTED_MAX = 1000
_PARTS = {"measurement": "reading", "interval_energy": "interval energy"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that the books and the frames do not agree on."""

    kind: str
    subject: str
    at: datetime
    text: str

    def __str__(self) -> str:
        return f"{_PARTS[self.kind]} of {self.subject} at {self.at:%Y-%m-%d %H:%M} UTC: {self.text}"


@dataclass(slots=True)
class Rebuilt:
    """What was compared. `differences` holds the first thousand of `different`."""

    frames: int = 0
    readings: int = 0
    intervals: int = 0
    different: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        self.different += 1
        if len(self.differences) < LISTED_MAX:
            self.differences.append(difference)


class _ClockOfFrames:
    """Stands where the newest frame was received: judging must not know of any later time."""

    def __init__(self) -> None:
        self.instant = datetime.fromisoformat("2000-01-01T00:00:00+00:00")

    def now(self) -> datetime:
        return self.instant

    async def sleep_until(self, instant: datetime) -> None:
        self.instant = max(self.instant, instant)


async def rebuild(store: Store, judge: Judge, progress: Progress | None = None) -> Rebuilt:
    """Compare the books with what their frames give. Raises StoreUnavailable, FatalError."""
    with tempfile.TemporaryDirectory(prefix="ingest-rebuild-") as folder:
        url = f"sqlite:///{Path(folder) / 'rebuilt.db'}"
        await migrate(url)
        again = Store.open(url)
        try:
            async with store.read() as work:
                async with again.begin() as target:
                    await copy_registry(work, target)
                result = Rebuilt(await count_evidence(work))
                await _derive(frames_of_evidence(work), again, judge, lambda done: _tell(progress, done, result.frames))
                async with again.read() as rebuilt:
                    await _compare(derived_rows(work), derived_rows(rebuilt), result)
            return result
        finally:
            await again.close()


def _tell(progress: Progress | None, done: int, of: int) -> None:
    if progress is not None:
        progress(done, of)


async def _derive(
    pages: AsyncIterator[Sequence[Frame]], again: Store, judge: Judge, tell: Callable[[int], None]
) -> None:
    clock, stop, done = _ClockOfFrames(), asyncio.Event(), 0
    intake = Intake(again, Judge(judge.column_key, judge.zone, judge.boundary_tolerance), clock)
    writing = asyncio.create_task(intake.run(stop))
    try:
        async for frames in pages:
            clock.instant = max(clock.instant, frames[-1].received_at)
            await intake.take_in_all([uplink_of(frame) for frame in frames])
            done += len(frames)
            tell(done)
    finally:
        stop.set()
        await writing


async def _compare(books: AsyncIterator[DerivedRow], rebuilt: AsyncIterator[DerivedRow], result: Rebuilt) -> None:
    """Go through both in the order of their keys, side by side."""
    mine, theirs = await anext(books, None), await anext(rebuilt, None)
    while mine is not None or theirs is not None:
        order = _order(mine, theirs)
        one = mine if order <= 0 else theirs
        if one is None:
            raise AssertionError("one of the two sides has a row")
        kind, subject, at = one.key
        if order < 0:
            result.add(Difference(kind, subject, at, "on the books, but no frame gives it"))
        elif order > 0:
            result.add(Difference(kind, subject, at, f"not on the books; its frames give {_value(one)} Wh"))
        elif mine is not None and theirs is not None and mine.content != theirs.content:
            result.add(Difference(kind, subject, at, _told(mine, theirs)))
        if order <= 0:
            result.readings += kind == "measurement"
            result.intervals += kind == "interval_energy"
            mine = await anext(books, None)
        if order >= 0:
            theirs = await anext(rebuilt, None)


def _order(mine: DerivedRow | None, theirs: DerivedRow | None) -> int:
    if mine is None or theirs is None:
        return 1 if mine is None else -1
    ranks = {"measurement": 0, "interval_energy": 1}
    one, other = (ranks[mine.key[0]], *mine.key[1:]), (ranks[theirs.key[0]], *theirs.key[1:])
    return (one > other) - (one < other)


def _value(row: DerivedRow) -> int:
    return int(row.content["register_wh" if row.key[0] == "measurement" else "energy_wh"])


def _told(mine: DerivedRow, theirs: DerivedRow) -> str:
    version = mine.content["derivation"]
    if version != DERIVATION:
        return f"derived by version {version}; this program derives by version {DERIVATION}"
    parts = [
        f"{name} is {_shown(value)} on the books, {_shown(theirs.content[name])} by its frames"
        for name, value in mine.content.items()
        if value != theirs.content[name]
    ]
    return "; ".join(parts)


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
