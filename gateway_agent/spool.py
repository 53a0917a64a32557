"""The spool: every reading, statement and payload on disk until the backend says it is stored, 40 days at most.

SQLite in WAL mode with synchronous=FULL: what a method has returned survives a power cut. One writer, one thread.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from community.attestation.statement import SlotReading
from community.clock import slot_at
from community.errors import FatalError
from gateway_agent.reading import RegisterReading

KEPT_FOR = timedelta(days=40)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS reading (
    slot INTEGER PRIMARY KEY,
    off_s INTEGER NOT NULL,
    status INTEGER NOT NULL,
    registers TEXT NOT NULL,
    meter_serial TEXT NOT NULL,
    resolution_wh INTEGER NOT NULL,
    frame BLOB,
    development_key INTEGER NOT NULL CHECK (development_key IN (0, 1)),
    ctr INTEGER REFERENCES statement (ctr)
) STRICT;
CREATE INDEX IF NOT EXISTS reading_without_statement ON reading (slot) WHERE ctr IS NULL;
CREATE TABLE IF NOT EXISTS statement (
    ctr INTEGER PRIMARY KEY,
    first_slot INTEGER NOT NULL,
    last_slot INTEGER NOT NULL,
    plaintext BLOB NOT NULL,
    development_key INTEGER NOT NULL CHECK (development_key IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'acknowledged'))
) STRICT;
CREATE INDEX IF NOT EXISTS statement_open ON statement (ctr) WHERE state <> 'acknowledged';
CREATE TABLE IF NOT EXISTS payload (
    slot INTEGER PRIMARY KEY REFERENCES reading (slot),
    payload BLOB NOT NULL,
    development_key INTEGER NOT NULL CHECK (development_key IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent'))
) STRICT;
CREATE INDEX IF NOT EXISTS payload_waiting ON payload (slot) WHERE state = 'waiting';
"""
_STATEMENT_COUNTER = "statement_counter"
_MESSAGE_COUNTER = "message_counter"
_DOWN_COUNTER = "down_counter"
_DEVICE = "device_eui"


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


class Spool:
    """The open spool of one device. Raises FatalError for a file that cannot be used or belongs to another device."""

    def __init__(self, path: Path, device_eui: str) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise FatalError(
                f"The spool {path} cannot be used: {error}. Is the directory writable and the disk not full?"
            ) from error
        owner = self._fact(_DEVICE)
        if owner is None:
            self._set_fact(_DEVICE, device_eui)
        elif owner != device_eui:
            self._db.close()
            raise FatalError(f"The spool {path} belongs to device {owner}, not {device_eui}. Give each device its own.")

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def add_reading(self, reading: RegisterReading, *, development_key: bool) -> bool:
        """Keep `reading`; False if its slot has one already: the first stays."""
        cursor = self._db.execute(
            "INSERT INTO reading (slot, off_s, status, registers, meter_serial, resolution_wh, frame, development_key)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (slot) DO NOTHING",
            (
                reading.slot,
                reading.off_s,
                reading.status,
                json.dumps(reading.registers),
                reading.meter_serial,
                reading.resolution_wh,
                reading.frame,
                development_key,
            ),
        )
        return cursor.rowcount == 1

    def last_slot(self) -> int | None:
        """The newest slot with a reading."""
        (slot,) = self._db.execute("SELECT max(slot) FROM reading").fetchone()
        return None if slot is None else int(slot)

    def last_registers(self) -> tuple[int, ...] | None:
        """The registers of the newest reading."""
        row = self._db.execute("SELECT registers FROM reading ORDER BY slot DESC LIMIT 1").fetchone()
        return None if row is None else tuple(json.loads(row[0]))

    def unsigned_readings(self) -> list[SlotReading]:
        """Readings under no statement yet, oldest first."""
        rows = self._db.execute("SELECT slot, off_s, status, registers FROM reading WHERE ctr IS NULL ORDER BY slot")
        return [SlotReading(slot, off_s, status, tuple(json.loads(text))) for slot, off_s, status, text in rows]

    def frames_without_payload(self) -> list[tuple[int, bytes]]:
        """(slot, telegram) of readings for which no legacy payload exists yet, oldest first."""
        rows = self._db.execute(
            "SELECT slot, frame FROM reading WHERE frame IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM payload WHERE payload.slot = reading.slot) ORDER BY slot"
        )
        return [(int(slot), bytes(frame)) for slot, frame in rows]

    def add_statement(
        self, readings: Sequence[SlotReading], sign: Callable[[int], bytes], *, development_key: bool
    ) -> int:
        """Take the next statement counter, let `sign` make the plaintext with it, and keep both in one transaction.

        If signing fails or the power goes, the counter was never used: it has no gaps. Returns the counter.
        """
        with self._transaction():
            ctr = self._count(_STATEMENT_COUNTER) + 1
            plaintext = sign(ctr)
            self._db.execute(
                "INSERT INTO statement (ctr, first_slot, last_slot, plaintext, development_key, state)"
                " VALUES (?, ?, ?, ?, ?, 'waiting')",
                (ctr, readings[0].slot, readings[-1].slot, plaintext, development_key),
            )
            self._db.executemany(
                "UPDATE reading SET ctr = ? WHERE slot = ?", [(ctr, reading.slot) for reading in readings]
            )
            self._set_fact(_STATEMENT_COUNTER, str(ctr))
        return ctr

    def unacknowledged(self, limit: int = 256) -> list[SpooledStatement]:
        """Statements of which the backend has not said that it has them, oldest first."""
        rows = self._db.execute(
            "SELECT ctr, plaintext, state FROM statement WHERE state <> 'acknowledged' ORDER BY ctr LIMIT ?", (limit,)
        )
        return [SpooledStatement(int(ctr), bytes(plaintext), state == "sent") for ctr, plaintext, state in rows]

    def reserve_message_counter(self) -> int:
        """The next message counter; on disk before it is returned, so that no nonce is ever used twice."""
        with self._transaction():
            counter = self._count(_MESSAGE_COUNTER) + 1
            self._set_fact(_MESSAGE_COUNTER, str(counter))
        return counter

    def mark_sent(self, ctr: int) -> None:
        """The broker has statement `ctr`; the backend perhaps not yet."""
        self._db.execute("UPDATE statement SET state = 'sent' WHERE ctr = ? AND state = 'waiting'", (ctr,))

    def acknowledge(self, ctr: int) -> int:
        """The backend has every statement up to `ctr`. Returns how many that were new to us.

        A counter that was never given out acknowledges nothing: it cannot come from a backend that has our statements.
        """
        if ctr > self._count(_STATEMENT_COUNTER):
            return 0
        cursor = self._db.execute(
            "UPDATE statement SET state = 'acknowledged' WHERE ctr <= ? AND state <> 'acknowledged'", (ctr,)
        )
        return cursor.rowcount

    def request_again(self, first_slot: int, slots: int) -> int:
        """The backend misses these slots: send their statements again, acknowledged or not. Returns how many."""
        cursor = self._db.execute(
            "UPDATE statement SET state = 'waiting' WHERE last_slot >= ? AND first_slot < ?",
            (first_slot, first_slot + slots),
        )
        return cursor.rowcount

    def accept_down_counter(self, counter: int) -> bool:
        """Whether a downlink counter is newer than all before; if so it is remembered."""
        if counter <= self._count(_DOWN_COUNTER):
            return False
        self._set_fact(_DOWN_COUNTER, str(counter))
        return True

    def add_payload(self, slot: int, payload: bytes, *, development_key: bool) -> None:
        """Keep the legacy payload of `slot` until it is sent."""
        self._db.execute(
            "INSERT INTO payload (slot, payload, development_key, state) VALUES (?, ?, ?, 'waiting')"
            " ON CONFLICT (slot) DO NOTHING",
            (slot, payload, development_key),
        )

    def waiting_payloads(self, limit: int = 256) -> list[SpooledPayload]:
        """Legacy payloads that were not sent, oldest first."""
        rows = self._db.execute(
            "SELECT slot, payload FROM payload WHERE state = 'waiting' ORDER BY slot LIMIT ?", (limit,)
        )
        return [SpooledPayload(int(slot), bytes(payload)) for slot, payload in rows]

    def mark_payload_sent(self, slot: int) -> None:
        """The modem has sent it. An unconfirmed uplink is never acknowledged by anyone."""
        self._db.execute("UPDATE payload SET state = 'sent' WHERE slot = ?", (slot,))

    def forget_before(self, now: datetime) -> int:
        """Remove what is older than 40 days. Returns how many readings that were."""
        oldest = slot_at(now - KEPT_FOR)
        with self._transaction():
            self._db.execute("DELETE FROM payload WHERE slot < ?", (oldest,))
            removed = self._db.execute("DELETE FROM reading WHERE slot < ?", (oldest,)).rowcount
            self._db.execute(
                "DELETE FROM statement WHERE last_slot < ? AND NOT EXISTS"
                " (SELECT 1 FROM reading WHERE reading.ctr = statement.ctr)",
                (oldest,),
            )
        return removed

    def status(self) -> SpoolStatus:
        """What is in the spool now."""
        readings, unsigned, statements, unacknowledged, payloads = self._db.execute(
            "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM reading WHERE ctr IS NULL),"
            " (SELECT count(*) FROM statement), (SELECT count(*) FROM statement WHERE state <> 'acknowledged'),"
            " (SELECT count(*) FROM payload WHERE state = 'waiting')"
        ).fetchone()
        return SpoolStatus(
            readings,
            unsigned,
            statements,
            unacknowledged,
            payloads,
            self.last_slot(),
            self._count(_STATEMENT_COUNTER),
            self._count(_MESSAGE_COUNTER),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _count(self, name: str) -> int:
        return int(self._fact(name) or 0)

    def _fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set_fact(self, name: str, value: str) -> None:
        self._db.execute(
            "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )
