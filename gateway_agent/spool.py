"""The spool: every reading, statement and payload on disk until the backend says it is stored, and 40 days at least.

SQLite in WAL mode with synchronous=FULL: what a method has returned survives a power cut. One writer, one thread. The
counters stand in a file of their own as well (spool_counters): a spool put back from a backup goes on where the device was.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from community.attestation.statement import SlotReading
from community.clock import slot_at
from community.errors import FatalError, RetryableError
from gateway_agent import failpoints, spool_rows, spool_schema
from gateway_agent.failpoints import Failpoint
from gateway_agent.reading import RegisterReading
from gateway_agent.readings_rules import Decision, ReadingEvent
from gateway_agent.spool_counters import BLOCK, CounterFile
from gateway_agent.spool_view import (
    MESSAGE_COUNTER,
    SIZE_MAX_BYTES,
    STATEMENT_COUNTER,
    SpooledPayload,
    SpooledStatement,
    SpoolStatus,
    SpoolView,
)

__all__ = ["Spool", "SpoolFull", "SpoolStatus", "SpooledPayload", "SpooledStatement"]

KEPT_FOR = timedelta(days=40)
COUNTER_JUMP_MAX = 1_000_000
AWAY_SLOTS = 4
"""After an hour without a reading the disk may be another one: an image put back, a card exchanged."""
MESSAGES_PER_SLOT = 16
MESSAGE_JUMP_MAX = 30_000
"""Less than half of what LoRaWAN's 16 bits of counter can tell apart."""
_FULL_CODES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)

_DOWN_COUNTER = "down_counter"
_DEVICE = "device_eui"
_SENT_BY_RADIO = """
SELECT slot FROM payload JOIN reading USING (slot) WHERE slot < ? AND payload.state = 'sent' AND (ctr IS NULL
    OR EXISTS (SELECT 1 FROM statement WHERE statement.ctr = reading.ctr AND statement.state = 'acknowledged'))
"""
_DONE = """
SELECT slot FROM reading WHERE slot < ? AND NOT EXISTS (SELECT 1 FROM payload WHERE payload.slot = reading.slot)
    AND (state = 'refused'
        OR EXISTS (SELECT 1 FROM statement WHERE statement.ctr = reading.ctr AND statement.state = 'acknowledged'))
"""


def _unusable(path: Path, error: Exception) -> FatalError:
    return FatalError(f"The spool {path} cannot be used: {error}. Is the directory writable and the disk not full?")


class SpoolFull(RetryableError):
    """The disk, or the spool's own bound, leaves no room: nothing was changed."""


class Spool(SpoolView):
    """The open spool of one device. Raises FatalError for a file that cannot be used or belongs to another device."""

    def __init__(
        self,
        path: Path,
        device_eui: str,
        *,
        size_max_bytes: int = SIZE_MAX_BYTES,
        failpoint: Failpoint = failpoints.none,
    ) -> None:
        self.path = path
        self._failpoint = failpoint
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            super().__init__(sqlite3.connect(path, isolation_level=None, timeout=10), size_max_bytes)
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from error
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            (page_size,) = self._db.execute("PRAGMA page_size").fetchone()
            self._db.execute(f"PRAGMA max_page_count = {max(1, size_max_bytes // page_size)}")
            spool_schema.prepare(self._db)
            self._file = CounterFile(path.with_name(path.name + ".counters"))
            owner = self._fact(_DEVICE)
            if owner is None:
                self._set_fact(_DEVICE, device_eui)
        except (sqlite3.Error, OSError) as error:
            self._db.close()
            raise _unusable(path, error) from error
        if owner not in (None, device_eui):
            self._db.close()
            raise FatalError(f"The spool {path} belongs to device {owner}, not {device_eui}. Give each device its own.")
        self._agree_on_counters()

    def _agree_on_counters(self) -> None:
        """The higher of spool and counter file is right; a spool that lags behind was put back from a backup."""
        kept, ctr = self._file.counters, self._count(STATEMENT_COUNTER)
        if kept.statement > ctr:
            detail = f"the spool says statement {ctr}, the counter file {kept.statement}: it was put back from a backup"
            with self._transaction():
                self._set_fact(STATEMENT_COUNTER, str(kept.statement))
                self._note(ReadingEvent("restored", self.last_slot() or 0, detail))
        elif ctr > kept.statement:  # killed between the two
            self._raise_file(statement=ctr)

    def resume(self, now: datetime) -> bool:
        """To be called at the start. Whether the backend should be asked which statement counter it knows.

        After an hour without a reading nobody can know whether the whole disk is an old image: message counters jump
        ahead by more than were sent since, and before a statement is signed the newest one is sent again: the backend
        answers with the counter it has.
        """
        last = self.last_slot()
        away = 0 if last is None else slot_at(now) - last
        if away < AWAY_SLOTS:
            return False
        jump = min(away * MESSAGES_PER_SLOT, MESSAGE_JUMP_MAX)
        with self._transaction():
            ahead = max(self._count(MESSAGE_COUNTER), self._file.reload().message) + jump
            self._set_fact(MESSAGE_COUNTER, str(ahead))
        self._raise_file(message=ahead)
        return self.newest_statement() is not None

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def add_reading(self, reading: RegisterReading, *, development_key: bool) -> bool:
        """Keep `reading` as accepted; False if its slot has one already: the first stays. Raises SpoolFull."""
        return self.apply(Decision(accepted=(reading,)), development_key=development_key)

    def apply(self, decision: Decision, *, development_key: bool) -> bool:
        """Keep what was decided, in one transaction. Whether anything can be signed now. Raises SpoolFull."""
        self._failpoint("before_reading_kept")
        with self._transaction():
            accepted = sum(self._put(each, "accepted", development_key) for each in decision.accepted)
            for each in decision.held:
                self._put(each, "held", development_key)
            for each in decision.refused:
                self._put(each, "refused", development_key)
            for event in decision.events:
                self._note(event)
        self._failpoint("reading_kept")
        return accepted > 0

    def _put(self, reading: RegisterReading, state: str, development_key: bool) -> bool:
        """Whether it is new in this state. What was accepted stays as it is."""
        self._db.execute("DELETE FROM event WHERE kind = 'gap' AND slot = ?", (reading.slot,))
        return self._db.execute(spool_rows.PUT, spool_rows.row_of(reading, state, development_key)).rowcount == 1

    def note(self, event: ReadingEvent) -> None:
        """Keep `event`; the same kind at the same slot is brought up to date. Raises SpoolFull."""
        with self._transaction():
            self._note(event)

    def add_statement(
        self, readings: Sequence[SlotReading], sign: Callable[[int], bytes], *, development_key: bool
    ) -> int:
        """Take the next statement counter, let `sign` make the plaintext with it, and keep both in one transaction.

        If signing fails or the power goes, the counter was never used: it has no gaps. Returns the counter.
        """
        with self._transaction():
            ctr = self._count(STATEMENT_COUNTER) + 1
            plaintext = sign(ctr)
            self._failpoint("statement_signed")
            self._db.execute(
                "INSERT INTO statement (ctr, first_slot, last_slot, plaintext, development_key, state)"
                " VALUES (?, ?, ?, ?, ?, 'waiting')",
                (ctr, readings[0].slot, readings[-1].slot, plaintext, development_key),
            )
            self._db.executemany(
                "UPDATE reading SET ctr = ? WHERE slot = ?", [(ctr, reading.slot) for reading in readings]
            )
            self._set_fact(STATEMENT_COUNTER, str(ctr))
        self._failpoint("statement_committed")
        self._raise_file(statement=ctr)
        self._failpoint("statement_kept")
        return ctr

    def reserve_message_counter(self) -> int:
        """The next message counter. Its block is on disk, twice, before it is returned: no nonce is ever used twice.

        Raises SpoolFull.
        """
        if self._next_message > self._block_end:
            with self._transaction():
                taken = max(self._count(MESSAGE_COUNTER), self._file.reload().message)
                self._set_fact(MESSAGE_COUNTER, str(taken + BLOCK))
            self._failpoint("block_committed")
            self._raise_file(message=taken + BLOCK)
            self._next_message, self._block_end = taken + 1, taken + BLOCK
            self._failpoint("block_reserved")
        self._next_message += 1
        return self._next_message - 1

    def mark_sent(self, ctr: int) -> None:
        """The broker has statement `ctr`; the backend perhaps not yet."""
        with self._transaction():
            self._db.execute("UPDATE statement SET state = 'sent' WHERE ctr = ? AND state = 'waiting'", (ctr,))
        self._failpoint("marked_sent")

    def acknowledge(self, ctr: int) -> int:
        """The backend has every statement up to `ctr`. Returns how many that were new to us. Raises SpoolFull.

        A counter above ours is what this device signed before its disk was put back to an earlier day: only its own
        messages can have raised it. Ours goes on from there; beyond any device's lifetime it is refused.
        """
        ours = self._count(STATEMENT_COUNTER)
        if ctr > ours + COUNTER_JUMP_MAX:
            return 0
        self._failpoint("before_acknowledged")
        with self._transaction():
            if ctr > ours:
                self._set_fact(STATEMENT_COUNTER, str(ctr))
                detail = f"the backend knows statement {ctr}, this spool {ours}: it was put back to an earlier day"
                self._note(ReadingEvent("counter_jumped", self.last_slot() or 0, detail))
            done = self._db.execute(
                "UPDATE statement SET state = 'acknowledged' WHERE ctr <= ? AND state <> 'acknowledged'", (ctr,)
            ).rowcount
        if ctr > ours:
            self._raise_file(statement=ctr)
        self._failpoint("acknowledged")
        return done

    def request_again(self, first_slot: int, slots: int) -> int:
        """The backend misses these slots: send their statements again, acknowledged or not. Returns how many."""
        with self._transaction():
            return self._db.execute(
                "UPDATE statement SET state = 'waiting' WHERE last_slot >= ? AND first_slot < ?",
                (first_slot, first_slot + slots),
            ).rowcount

    def accept_down_counter(self, counter: int) -> bool:
        """Whether a downlink counter is newer than all before; if so it is remembered."""
        if counter <= self._count(_DOWN_COUNTER):
            return False
        with self._transaction():
            self._set_fact(_DOWN_COUNTER, str(counter))
        return True

    def add_payload(self, slot: int, payload: bytes, *, development_key: bool) -> None:
        """Keep the legacy payload of `slot` until it is sent."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO payload (slot, payload, development_key, state) VALUES (?, ?, ?, 'waiting')"
                " ON CONFLICT (slot) DO NOTHING",
                (slot, payload, development_key),
            )

    def mark_payload_sent(self, slot: int) -> None:
        """The modem has sent it. An unconfirmed uplink is never acknowledged by anyone."""
        with self._transaction():
            self._db.execute("UPDATE payload SET state = 'sent' WHERE slot = ?", (slot,))

    def forget_before(self, now: datetime) -> int:
        """Remove what is older than 40 days and not needed: acknowledged, sent by radio without acknowledgement, refused.

        Returns how many readings that were. Raises SpoolFull.
        """
        oldest = slot_at(now - KEPT_FOR)
        with self._transaction():
            done = [row for query in (_SENT_BY_RADIO, _DONE) for row in self._db.execute(query, (oldest,)).fetchall()]
            self._db.executemany("DELETE FROM payload WHERE slot = ?", done)
            self._db.executemany("DELETE FROM reading WHERE slot = ?", done)
            self._db.execute(
                "DELETE FROM statement WHERE last_slot < ? AND state = 'acknowledged' AND NOT EXISTS"
                " (SELECT 1 FROM reading WHERE reading.ctr = statement.ctr)",
                (oldest,),
            )
            self._db.execute("DELETE FROM event WHERE slot < ?", (oldest,))
        return len(done)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk rolls back by itself
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _FULL_CODES:
                raise
            raise SpoolFull(
                f"The spool {self.path} has no room ({error}). Free space on its disk, or raise its bound of"
                f" {self._size_max_bytes // 2**20} MiB; what is not acknowledged is never deleted to make room."
            ) from error

    def _raise_file(self, *, message: int = 0, statement: int = 0) -> None:
        try:
            self._file.raise_to(message=message, statement=statement)
        except OSError as error:
            raise SpoolFull(f"The counters beside {self.path} cannot be written: {error}") from error

    def _note(self, event: ReadingEvent) -> None:
        self._db.execute(
            "INSERT INTO event (kind, slot, detail) VALUES (?, ?, ?)"
            " ON CONFLICT (slot, kind) DO UPDATE SET detail = excluded.detail",
            (event.kind, event.slot, event.detail),
        )

    def _set_fact(self, name: str, value: str) -> None:
        self._db.execute(
            "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )
