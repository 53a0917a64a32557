"""What can be asked of the spool without changing it: counts for people, and what waits to be signed and sent."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from community.attestation.statement import SlotReading
from gateway_agent import spool_rows
from gateway_agent.reading import RegisterReading
from gateway_agent.readings_rules import ReadingEvent

SIZE_MAX_BYTES = 2**30
"""A hundred years of readings of one meter; the bound is for what nobody foresaw."""
STATEMENT_COUNTER = "statement_counter"
MESSAGE_COUNTER = "message_counter"


@dataclass(frozen=True, slots=True)
class SpooledStatement:
    """A signed statement with its readings, encoded and not yet sealed."""

    ctr: int
    plaintext: bytes
    sent: bool


@dataclass(frozen=True, slots=True)
class SpooledPayload:
    """A legacy payload that waits for the radio."""

    slot: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """Counts for people and for the status topic."""

    readings: int
    unsigned: int
    statements: int
    unacknowledged: int
    payloads_waiting: int
    last_slot: int | None
    ctr: int
    message_counter: int
    held: int = 0
    """Readings that wait in quarantine since a register fell."""
    refused: int = 0
    """Readings that turned out to be spikes: kept, never signed."""
    oldest_open_slot: int | None = None
    """The oldest reading that the backend has not acknowledged."""
    size_bytes: int = 0
    size_max_bytes: int = SIZE_MAX_BYTES
    events: int = 0


class SpoolView:
    """The reading half of an open spool."""

    def __init__(self, database: sqlite3.Connection, size_max_bytes: int) -> None:
        self._db = database
        self._size_max_bytes = size_max_bytes
        self._next_message = 0
        self._block_end = -1

    def events(self, limit: int = 100) -> list[ReadingEvent]:
        """What happened, newest first."""
        rows = self._db.execute("SELECT kind, slot, detail FROM event ORDER BY slot DESC, rowid DESC LIMIT ?", (limit,))
        return [ReadingEvent(kind, int(slot), detail) for kind, slot, detail in rows]

    def last_slot(self) -> int | None:
        """The newest slot with a reading, whatever became of it."""
        (slot,) = self._db.execute("SELECT max(slot) FROM reading").fetchone()
        return None if slot is None else int(slot)

    def last_registers(self) -> tuple[int, ...] | None:
        """The registers of the newest accepted reading."""
        last = self.last_accepted()
        return None if last is None else last.registers

    def last_accepted(self) -> RegisterReading | None:
        """The newest reading that counts."""
        return next(iter(self.newest_readings(1, states=("accepted",))), None)

    def held_readings(self) -> list[RegisterReading]:
        """What waits in quarantine, oldest first."""
        return self.newest_readings(10_000, states=("held",))[::-1]

    def newest_readings(
        self, limit: int = 96, *, states: Sequence[str] = ("accepted", "held", "refused")
    ) -> list[RegisterReading]:
        """Readings with all that is known of them, newest first."""
        marks = ", ".join("?" * len(states))
        rows = self._db.execute(
            f"SELECT {spool_rows.COLUMNS} FROM reading WHERE state IN ({marks}) ORDER BY slot DESC LIMIT ?",  # noqa: S608
            (*states, limit),
        )
        return [spool_rows.reading_of(row) for row in rows]

    def clock_points(self, limit: int = 3000) -> list[tuple[int, int]]:
        """(slot, meter's time minus ours in seconds) of the newest readings: what drift_ppm asks for."""
        rows = self._db.execute(
            "SELECT slot, meter_at_s - gateway_at_s FROM reading WHERE meter_at_s IS NOT NULL"
            " AND gateway_at_s IS NOT NULL ORDER BY slot DESC LIMIT ?",
            (limit,),
        )
        return [(int(slot), int(skew)) for slot, skew in rows][::-1]

    def unsigned_readings(self) -> list[SlotReading]:
        """Accepted readings under no statement yet, oldest first."""
        rows = self._db.execute(
            "SELECT slot, off_s, status, registers FROM reading WHERE ctr IS NULL AND state = 'accepted' ORDER BY slot"
        )
        return [SlotReading(slot, off_s, status, tuple(json.loads(text))) for slot, off_s, status, text in rows]

    def frames_without_payload(self) -> list[tuple[int, bytes]]:
        """(slot, telegram) of readings for which no legacy payload exists yet, oldest first."""
        rows = self._db.execute(
            "SELECT slot, frame FROM reading WHERE frame IS NOT NULL AND state = 'accepted'"
            " AND NOT EXISTS (SELECT 1 FROM payload WHERE payload.slot = reading.slot) ORDER BY slot"
        )
        return [(int(slot), bytes(frame)) for slot, frame in rows]

    def unacknowledged(self, limit: int = 256) -> list[SpooledStatement]:
        """Statements of which the backend has not said that it has them, oldest first."""
        rows = self._db.execute(
            "SELECT ctr, plaintext, state FROM statement WHERE state <> 'acknowledged' ORDER BY ctr LIMIT ?", (limit,)
        )
        return [SpooledStatement(int(ctr), bytes(plaintext), state == "sent") for ctr, plaintext, state in rows]

    def newest_statement(self) -> SpooledStatement | None:
        """The statement with the highest counter, acknowledged or not."""
        row = self._db.execute("SELECT ctr, plaintext, state FROM statement ORDER BY ctr DESC LIMIT 1").fetchone()
        return None if row is None else SpooledStatement(int(row[0]), bytes(row[1]), row[2] != "waiting")

    def waiting_payloads(self, limit: int = 256) -> list[SpooledPayload]:
        """Legacy payloads that were not sent, oldest first."""
        rows = self._db.execute(
            "SELECT slot, payload FROM payload WHERE state = 'waiting' ORDER BY slot LIMIT ?", (limit,)
        )
        return [SpooledPayload(int(slot), bytes(payload)) for slot, payload in rows]

    def status(self) -> SpoolStatus:
        """What is in the spool now."""
        counted = self._db.execute(spool_rows.COUNTS).fetchone()
        readings, unsigned, statements, unacknowledged, payloads, held, refused, oldest, events = counted
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (page_size,) = self._db.execute("PRAGMA page_size").fetchone()
        used = self._next_message - 1 if self._next_message else self._count(MESSAGE_COUNTER)
        return SpoolStatus(
            readings,
            unsigned,
            statements,
            unacknowledged,
            payloads,
            self.last_slot(),
            self._count(STATEMENT_COUNTER),
            used,
            held,
            refused,
            oldest,
            pages * page_size,
            self._size_max_bytes,
            events,
        )

    def _count(self, name: str) -> int:
        return int(self._fact(name) or 0)

    def _fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])
