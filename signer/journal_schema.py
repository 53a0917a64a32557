"""The journal's tables. Nothing in them is ever changed or deleted, but numbers that requesters used long ago."""

import sqlite3

from community.errors import FatalError

VERSION = 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS intent (
    account TEXT NOT NULL, nonce INTEGER NOT NULL CHECK (nonce >= 0), intent_id TEXT NOT NULL, receiver TEXT NOT NULL,
    data BLOB NOT NULL, gas INTEGER NOT NULL, signed_at INTEGER NOT NULL, PRIMARY KEY (account, nonce)
) STRICT;
CREATE INDEX IF NOT EXISTS intent_by_id ON intent (intent_id);
CREATE TABLE IF NOT EXISTS settled_energy (
    account TEXT NOT NULL, nonce INTEGER NOT NULL, issuance_id TEXT NOT NULL, source_ref TEXT NOT NULL, epoch TEXT NOT NULL,
    from_wh INTEGER NOT NULL CHECK (from_wh >= 0), to_wh INTEGER NOT NULL CHECK (to_wh > from_wh), read_at INTEGER NOT NULL,
    reverted_before INTEGER NOT NULL CHECK (reverted_before >= 0),
    PRIMARY KEY (account, nonce, issuance_id), UNIQUE (issuance_id, reverted_before),
    UNIQUE (source_ref, epoch, from_wh, reverted_before), FOREIGN KEY (account, nonce) REFERENCES intent (account, nonce)
) STRICT;
CREATE INDEX IF NOT EXISTS settled_energy_by_instant ON settled_energy (source_ref, read_at);
CREATE TABLE IF NOT EXISTS signed_debt (
    account TEXT NOT NULL, nonce INTEGER NOT NULL, source_ref TEXT NOT NULL, evidence TEXT NOT NULL,
    debt_wh INTEGER NOT NULL CHECK (debt_wh > 0), signed_at INTEGER NOT NULL,
    PRIMARY KEY (account, nonce), UNIQUE (source_ref, evidence),
    FOREIGN KEY (account, nonce) REFERENCES intent (account, nonce)
) STRICT;
CREATE TABLE IF NOT EXISTS signed_attempt (
    account TEXT NOT NULL, nonce INTEGER NOT NULL, max_fee TEXT NOT NULL, tip TEXT NOT NULL,
    raw BLOB NOT NULL, tx_hash TEXT NOT NULL UNIQUE, signed_at INTEGER NOT NULL,
    PRIMARY KEY (account, nonce, max_fee, tip), FOREIGN KEY (account, nonce) REFERENCES intent (account, nonce)
) STRICT;
CREATE TABLE IF NOT EXISTS refusal (
    request_id TEXT PRIMARY KEY, reason TEXT NOT NULL, refused_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS pinned_registry (
    revision INTEGER PRIMARY KEY CHECK (revision >= 1), content TEXT NOT NULL UNIQUE, approvals TEXT NOT NULL,
    pinned_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, content TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS used_number (
    requester TEXT NOT NULL, number TEXT NOT NULL, used_at INTEGER NOT NULL, PRIMARY KEY (requester, number)
) STRICT;
"""
_KEPT = ("intent", "settled_energy", "signed_debt", "signed_attempt", "refusal", "pinned_registry", "audit")


def create_schema(database: sqlite3.Connection) -> None:
    """Make what is missing, in one transaction. Raises FatalError for a journal of another version."""
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA foreign_keys = ON")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version > VERSION or (version == 0 and tables):
        raise FatalError(
            f"The journal is of version {version or 1}, this signer writes version {VERSION}. Run the signer that wrote it; a "
            "journal is never replaced by an empty one, for that would let old energy be signed again."
        )
    triggers = "".join(
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{event.lower()} BEFORE {event} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'the journal is never changed'); END;\n"
        for table in _KEPT
        for event in ("UPDATE", "DELETE")
    )
    database.executescript(f"BEGIN IMMEDIATE;\n{_SCHEMA}{triggers}PRAGMA user_version = {VERSION};\nCOMMIT;")
