"""The tables of the spool's file, and how an older file becomes one of these."""

import sqlite3

_TABLES = """
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
CREATE TABLE IF NOT EXISTS event (
    kind TEXT NOT NULL,
    slot INTEGER NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (slot, kind)
) STRICT;
"""

_READING_COLUMNS = {
    "state": "TEXT NOT NULL DEFAULT 'accepted' CHECK (state IN ('accepted', 'held', 'refused'))",
    "flags": "INTEGER NOT NULL DEFAULT 0",
    "raw": "TEXT NOT NULL DEFAULT '[]'",
    "frame_sha256": "BLOB",
    "invocation_counter": "INTEGER",
    "meter_at_s": "INTEGER",
    "gateway_at_s": "INTEGER",
    "clock_synchronised": "INTEGER",
}
"""What the first version did not keep."""

_INDEXES = """
DROP INDEX IF EXISTS reading_without_statement;
CREATE INDEX IF NOT EXISTS reading_unsigned ON reading (slot) WHERE ctr IS NULL AND state = 'accepted';
CREATE INDEX IF NOT EXISTS reading_held ON reading (slot) WHERE state = 'held';
"""


def prepare(database: sqlite3.Connection) -> None:
    """Make the tables, and add what an older file lacks. Raises sqlite3.Error."""
    database.executescript(_TABLES)
    present = {row[1] for row in database.execute("PRAGMA table_info(reading)")}
    for name, definition in _READING_COLUMNS.items():
        if name not in present:
            database.execute(f"ALTER TABLE reading ADD COLUMN {name} {definition}")
    database.executescript(_INDEXES)
