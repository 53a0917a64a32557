"""Frames as they came, each once, and the message counters already taken in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlmodel import col

from community.store.bulk import execute_many, insert_rows, rows_for
from community.store.tables.measuring import FrameRow, SeenMessageRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent

VERDICTS = ("admitted", "duplicate", "rejected", "quarantined")
REPLAY_WINDOW = 1024
# Counters of messages to the device share the table under generations beyond those of the wire format (0 to 3).
_DOWN_GENERATION = 128
_INTAKE_LOCK = 0x0EC0_1A7E


@dataclass(frozen=True, slots=True)
class Frame:
    """The exact bytes a source delivered. `digest` is SHA-256 over source, device and payload, in hex."""

    digest: str
    source: str
    device_eui: str | None
    payload: bytes
    envelope: str | None
    received_at: datetime


async def lock_intake(work: Work) -> None:
    """Let one intake write at a time: a reading is judged against neighbours that nobody may add meanwhile.

    SQLite has one writer anyway.
    """
    if not work.is_sqlite:
        await work.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _INTAKE_LOCK})


async def verdict_of(work: Work, digest: str) -> str | None:
    """The verdict on the frame with this digest; None if it never came."""
    found = await work.session.execute(select(col(FrameRow.verdict)).where(col(FrameRow.digest) == digest))
    return found.scalar_one_or_none()


async def keep_frame(work: Work, frame: Frame, verdict: str) -> bool:
    """Keep the frame's bytes with what was decided about it. Says whether it is new.

    A frame that came before keeps its first verdict: rows are never changed, and what was decided later shows in the
    statements and in its resolved quarantine entries.
    """
    return await insert_if_absent(
        work,
        FrameRow,
        {
            "digest": frame.digest,
            "source": frame.source,
            "device_eui": frame.device_eui,
            "payload": frame.payload,
            "envelope": frame.envelope,
            "received_at": frame.received_at,
            "verdict": verdict,
        },
    )


@dataclass(slots=True)
class MessageWindow:
    """Which message counters of one device and key generation were taken in: the newest, and those asked about."""

    newest: int | None = None
    seen: set[int] = field(default_factory=set)

    def has(self, counter: int) -> bool:
        """Whether this counter was taken in, or is older than what is remembered."""
        return counter in self.seen or (self.newest is not None and counter < self.newest - REPLAY_WINDOW)

    def mark(self, counter: int) -> None:
        self.seen.add(counter)
        self.newest = counter if self.newest is None else max(self.newest, counter)


async def verdicts_of(work: Work, digests: Sequence[str]) -> dict[str, str]:
    """The verdicts on those of the frames that came before, by digest."""
    found = await rows_for(
        work,
        "SELECT digest, verdict FROM frame WHERE digest IN (SELECT json_extract(value, '$[0]') FROM json_each(?))",
        "SELECT digest, verdict FROM frame WHERE digest = ANY($1::text[])",
        [(digest,) for digest in digests],
    )
    return {row[0]: row[1] for row in found}


async def add_frames(work: Work, kept: Sequence[tuple[Frame, str]]) -> None:
    """Keep frames that never came before, each with its verdict. Raises RowRefused."""
    await insert_rows(
        work,
        FrameRow,
        ("digest", "source", "device_eui", "payload", "envelope", "received_at", "verdict"),
        [
            (one.digest, one.source, one.device_eui, one.payload, one.envelope, one.received_at, verdict)
            for one, verdict in kept
        ],
    )


async def message_windows(work: Work, counters: Sequence[tuple[str, int, int]]) -> dict[tuple[str, int], MessageWindow]:
    """For messages by (device id, generation, counter): the window of each device and generation."""
    asked = (
        "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?)"
    )
    answer = (
        "SELECT asked.d, asked.g, (SELECT max(counter) FROM seen_message s WHERE s.device_id = asked.d AND s.generation = asked.g)"
        ", (SELECT s.counter FROM seen_message s WHERE s.device_id = asked.d AND s.generation = asked.g AND s.counter = asked.c)"
        " FROM asked"
    )
    found = await rows_for(
        work,
        f"WITH asked(d, g, c) AS ({asked}) {answer}",
        f"WITH asked AS (SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[]) AS a(d, g, c)) {answer}",
        counters,
    )
    windows: dict[tuple[str, int], MessageWindow] = {}
    for device_id, generation, newest, seen in found:
        window = windows.setdefault((device_id, generation), MessageWindow(newest))
        if seen is not None:
            window.seen.add(seen)
    return windows


async def mark_all_seen(work: Work, counters: Sequence[tuple[str, int, int]]) -> None:
    """Record message counters that were not taken in before, by (device id, generation, counter). Raises RowRefused."""
    await insert_rows(work, SeenMessageRow, ("device_id", "generation", "counter"), counters)


async def message_seen(work: Work, device_id: str, generation: int, counter: int) -> bool:
    """Whether a message with this counter was taken in already."""
    found = await work.session.execute(
        select(col(SeenMessageRow.counter)).where(
            col(SeenMessageRow.device_id) == device_id,
            col(SeenMessageRow.generation) == generation,
            col(SeenMessageRow.counter) == counter,
        )
    )
    return found.scalar_one_or_none() is not None


async def newest_counter(work: Work, device_id: str, generation: int) -> int | None:
    """The highest message counter taken in from a device."""
    found = await work.session.execute(
        select(func.max(col(SeenMessageRow.counter))).where(
            col(SeenMessageRow.device_id) == device_id, col(SeenMessageRow.generation) == generation
        )
    )
    return found.scalar_one_or_none()


async def mark_seen(work: Work, device_id: str, generation: int, counter: int) -> bool:
    """Record a message counter. Says whether it is new."""
    return await insert_if_absent(
        work, SeenMessageRow, {"device_id": device_id, "generation": generation, "counter": counter}
    )


async def forget_old_counters(work: Work, device_id: str, generation: int, newest: int) -> None:
    """Drop counters that fell out of the replay window: anything that old is refused without asking."""
    await work.session.execute(
        delete(SeenMessageRow).where(
            col(SeenMessageRow.device_id) == device_id,
            col(SeenMessageRow.generation) == generation,
            col(SeenMessageRow.counter) < newest - REPLAY_WINDOW,
        )
    )


async def reserve_down_counters(work: Work, device_id: str, generation: int, block: int) -> range:
    """As `reserve_down_blocks`, for one device."""
    return (await reserve_down_blocks(work, [(device_id, generation)], block))[device_id, generation]


async def reserve_down_blocks(
    work: Work, devices: Sequence[tuple[str, int]], block: int
) -> dict[tuple[str, int], range]:
    """For each (device id, generation) the next `block` message counters to it, never given out before.

    They may be used once this unit of work has committed; it must hold `lock_intake`. A counter is part of the nonce, so
    it must not be used twice: the end of the newest block is kept, and what a stopped process did not use of its block is
    lost, which only leaves a hole in the numbers.
    """
    windows = await message_windows(
        work, [(device, _DOWN_GENERATION + generation, 0) for device, generation in devices]
    )
    reserved: dict[tuple[str, int], range] = {}
    for device_id, generation in devices:
        newest = windows[device_id, _DOWN_GENERATION + generation].newest
        first = 0 if newest is None else newest + 1
        reserved[device_id, generation] = range(first, first + block)
    await mark_all_seen(
        work, [(device, _DOWN_GENERATION + generation, given[-1]) for (device, generation), given in reserved.items()]
    )
    await _forget_below(
        work, [(device, _DOWN_GENERATION + generation, given[-1]) for (device, generation), given in reserved.items()]
    )
    return reserved


async def forget_below_windows(work: Work, newest: Sequence[tuple[str, int, int]]) -> None:
    """As `forget_old_counters`, of many devices, by (device id, generation, newest counter)."""
    await _forget_below(work, [(device, generation, counter - REPLAY_WINDOW) for device, generation, counter in newest])


async def _forget_below(work: Work, bounds: Sequence[tuple[str, int, int]]) -> None:
    one, two, three = ("?", "?", "?") if work.is_sqlite else ("$1", "$2", "$3")
    await execute_many(
        work, f"DELETE FROM seen_message WHERE device_id = {one} AND generation = {two} AND counter < {three}", bounds
    )
