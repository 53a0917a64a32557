"""The signer's memory: what it signed, under which nonce, for which energy; and an audit that cannot be edited unseen.

One SQLite file in the signer's folder. One intent per (account, nonce), one nonce per issuance, and the first bytes signed
for an attempt are returned for ever: a backend restored from an old backup gets the old answers, not new ones.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from community.chain.signature_requests import SignatureRequest
from community.errors import FatalError
from signer.policy import DAY, LastSigned, ProvenReading

JOURNAL_FILE = "journal.db"
ATTEMPTS_MAX = 8
"""Signed attempts of one transaction; the requester asks for at most 6."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS intent (
    account TEXT NOT NULL, nonce INTEGER NOT NULL, issuance_id TEXT NOT NULL UNIQUE, receiver TEXT NOT NULL,
    data BLOB NOT NULL, gas INTEGER NOT NULL, source_ref TEXT NOT NULL, from_wh INTEGER NOT NULL,
    to_wh INTEGER NOT NULL CHECK (to_wh > from_wh), read_at INTEGER NOT NULL, signed_at TEXT NOT NULL,
    PRIMARY KEY (account, nonce), UNIQUE (source_ref, from_wh)
) STRICT;
CREATE TABLE IF NOT EXISTS signed_attempt (
    account TEXT NOT NULL, nonce INTEGER NOT NULL, max_fee TEXT NOT NULL, tip TEXT NOT NULL,
    raw BLOB NOT NULL, tx_hash TEXT NOT NULL UNIQUE,
    PRIMARY KEY (account, nonce, max_fee, tip), FOREIGN KEY (account, nonce) REFERENCES intent (account, nonce)
) STRICT;
CREATE TABLE IF NOT EXISTS refusal (
    request_id TEXT PRIMARY KEY, reason TEXT NOT NULL, refused_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, content TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
"""
_KEPT = ("intent", "signed_attempt", "refusal", "audit")


@dataclass(frozen=True, slots=True)
class SignedBytes:
    """A transaction as it was first signed."""

    raw: bytes
    tx_hash: str


class JournalConflict(Exception):
    """The nonce or the issuance is bound to something else already. The text says to what."""


class Journal:
    """The open journal. All methods are called inside `entry()`, which commits them together."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(folder / JOURNAL_FILE, isolation_level=None, timeout=10)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("PRAGMA foreign_keys = ON")
        self._database.executescript(_SCHEMA)
        for table in _KEPT:
            for event in ("UPDATE", "DELETE"):
                self._database.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{event.lower()} BEFORE {event} ON {table} "
                    "BEGIN SELECT RAISE(ABORT, 'the journal is never changed'); END"
                )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def entry(self) -> Iterator[None]:
        """One transaction: on the disk when the block ends, undone when it raises."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def earlier_refusal(self, request_id: str) -> str | None:
        """Why this very request was refused before. It stays refused: the requester may have let its nonce go."""
        row = self._one("SELECT reason FROM refusal WHERE request_id = ?", request_id)
        return None if row is None else str(row[0])

    def record_refusal(self, request_id: str, reason: str, now: datetime) -> None:
        """Refuse a request for ever."""
        values = (request_id, reason, now.isoformat())
        self._database.execute("INSERT INTO refusal VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values)

    def is_known_intent(self, request: SignatureRequest) -> bool:
        """Whether exactly this call was signed under this nonce. Raises JournalConflict if another one was."""
        row = self._one(
            "SELECT issuance_id, receiver, data, gas FROM intent WHERE account = ? AND nonce = ?",
            request.account,
            request.nonce,
        )
        if row is not None:
            if row != (request.issuance_id, request.to, request.data, request.gas):
                raise JournalConflict(f"Nonce {request.nonce} is bound to issuance {row[0]} already.")
            return True
        other = self._one("SELECT nonce FROM intent WHERE issuance_id = ?", request.issuance_id)
        if other is not None:
            raise JournalConflict(f"Issuance {request.issuance_id} is bound to nonce {other[0]} already.")
        return False

    def signed_bytes(self, request: SignatureRequest) -> SignedBytes | None:
        """The bytes of this attempt if it was signed before. Raises JournalConflict if there are too many attempts."""
        where = (request.account, request.nonce)
        row = self._one(
            "SELECT raw, tx_hash FROM signed_attempt WHERE account = ? AND nonce = ? AND max_fee = ? AND tip = ?",
            *where,
            str(request.max_fee),
            str(request.tip),
        )
        if row is not None:
            return SignedBytes(bytes(row[0]), str(row[1]))
        count = self._one("SELECT count(*) FROM signed_attempt WHERE account = ? AND nonce = ?", *where)
        if count is not None and count[0] >= ATTEMPTS_MAX:
            raise JournalConflict(f"Nonce {request.nonce} was signed {ATTEMPTS_MAX} times with different fees.")
        return None

    def add_intent(
        self, request: SignatureRequest, source_ref: str, from_wh: int, reading: ProvenReading, now: datetime
    ) -> None:
        """Bind the nonce, the issuance and the energy to each other for ever."""
        values = (request.account, request.nonce, request.issuance_id, request.to, request.data, request.gas)
        values_after = (source_ref, from_wh, reading.register_wh, reading.read_at, now.isoformat())
        self._database.execute("INSERT INTO intent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values + values_after)

    def add_signed(self, request: SignatureRequest, signed: SignedBytes) -> None:
        """Keep the bytes of one attempt for ever."""
        values = (request.account, request.nonce, str(request.max_fee), str(request.tip), signed.raw, signed.tx_hash)
        self._database.execute("INSERT INTO signed_attempt VALUES (?, ?, ?, ?, ?, ?)", values)

    def last_signed(self, source_ref: str) -> LastSigned | None:
        """Up to where a source's energy was signed."""
        row = self._one(
            "SELECT to_wh, read_at FROM intent WHERE source_ref = ? ORDER BY to_wh DESC LIMIT 1", source_ref
        )
        return None if row is None else LastSigned(int(row[0]), int(row[1]))

    def wh_in_day_before(self, source_ref: str, read_at: int) -> int:
        """Wh signed for readings of a source in the day before `read_at`."""
        since = read_at - int(DAY.total_seconds())
        row = self._one(
            "SELECT coalesce(sum(to_wh - from_wh), 0) FROM intent WHERE source_ref = ? AND read_at > ?",
            source_ref,
            since,
        )
        return 0 if row is None else int(row[0])

    def audit(self, now: datetime, **content: Any) -> None:
        """Append to the audit: each entry's hash covers the one before it."""
        previous = self._one("SELECT hash FROM audit ORDER BY seq DESC LIMIT 1")
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        at = now.isoformat()
        chained = _chained("" if previous is None else str(previous[0]), at, text)
        self._database.execute("INSERT INTO audit (at, content, hash) VALUES (?, ?, ?)", (at, text, chained))

    def audit_entries(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """(seq, instant, content) of every entry, oldest first. Raises FatalError where the chain of hashes breaks."""
        previous, expected = "", 1
        for seq, at, text, found in self._database.execute("SELECT seq, at, content, hash FROM audit ORDER BY seq"):
            previous = _chained(previous, at, text)
            if seq != expected or found != previous:
                raise FatalError(f"The signer's audit was changed at entry {expected}: its hash does not match.")
            expected += 1
            yield seq, at, json.loads(text)

    def _one(self, query: str, *values: Any) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._database.execute(query, values).fetchone()
        return row


def _chained(previous: str, at: str, text: str) -> str:
    return hashlib.sha256(f"{previous}\n{at}\n{text}".encode()).hexdigest()
