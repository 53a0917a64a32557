"""SQLite changes no constraint in place: the tables that migration 0026 makes anew keep every row and every guard."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection

from community.store import schema
from community.store.engine import open_engine

_ISSUANCE = (
    "INSERT INTO issuance (id, chain_id, issuer, source_id, from_wh, to_wh, period_start, period_end, amount, measurement_id, "
    "share_table_id, state, planned_at) VALUES ('{0}', 1, '0x15', 'roof', {1}, {2}, '2026-03-02T12:00:00.000000Z', "
    "'2026-03-02T12:15:00.000000Z', '70', 'mea', 'sht', 'final', '2026-03-02T12:15:01.000000Z')"
)


def _fill(books: sqlite3.Connection, table: str, **values: object) -> None:
    """A row with these values, and with something wherever one must stand."""
    columns = [row[1] for row in books.execute(f"PRAGMA table_info({table})") if row[3] or row[1] in values]
    marks = ", ".join("?" for _ in columns)
    row = [values.get(name, "0") for name in columns]
    books.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", row)


async def _migrate_to(url: str, revision: str) -> None:
    engine = open_engine(url)

    def upgrade(connection: Connection) -> None:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with engine.connect() as connection:
        await connection.run_sync(upgrade)
        await connection.commit()
    await engine.dispose()


def test_what_refers_to_an_issuance_still_does(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    asyncio.run(_migrate_to(f"sqlite:///{path}", "0025"))
    with sqlite3.connect(
        path
    ) as books:  # without foreign keys: the parents of an issuance's parents are no matter here
        books.execute("PRAGMA ignore_check_constraints = ON")
        _fill(books, "energy_source", identity_id="roof", trial=False)
        _fill(books, "measurement", id="mea", device_id="dev")
        _fill(books, "share_table", id="sht")
        books.execute(_ISSUANCE.format("0xa", 0, 70))
        books.execute("INSERT INTO issuance_part VALUES ('0xa', 0, 'anna', '0xaa', 10, '70')")
        books.execute("INSERT INTO chain_transaction VALUES ('tx', '0xa', 1, '0xac', 0, '0x15', x'00', 9, '2026')")
        books.execute("INSERT INTO carried_issuance VALUES ('0xa', 'tx', 0)")
    asyncio.run(schema.migrate(f"sqlite:///{path}"))
    with sqlite3.connect(path) as books:
        assert books.execute("SELECT id, from_wh, to_wh, amount, epoch FROM issuance").fetchall() == [
            ("0xa", 0, 70, "70", 0)
        ]
        joined = "SELECT t.nonce FROM chain_transaction t JOIN carried_issuance c ON c.transaction_id = t.id"
        assert books.execute(joined).fetchall() == [(0,)]
        books.execute(_ISSUANCE.format("0xb", 0, 80).replace("planned_at)", "planned_at, epoch)")[:-1] + ", 1)")
        with pytest.raises(sqlite3.IntegrityError, match=r"issuance\.source_id, issuance\.epoch, issuance\.from_wh"):
            books.execute(_ISSUANCE.format("0xc", 0, 90))
        guards = "SELECT count(*) FROM sqlite_master WHERE tbl_name = 'issuance' AND type = ? AND sql IS NOT NULL"
        assert [books.execute(guards, (kind,)).fetchone() for kind in ("index", "trigger")] == [(5,), (1,)]
        for table in ("source_epoch", "reverted_issuance"):
            kept = books.execute("SELECT count(*) FROM sqlite_master WHERE tbl_name = ? AND type = 'trigger'", (table,))
            assert kept.fetchone() == (2,)
