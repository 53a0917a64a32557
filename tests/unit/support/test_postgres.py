"""The private PostgreSQL server starts, gives separate databases, stops and leaves nothing."""

import socket
import tempfile
from pathlib import Path

import asyncpg
import pytest

from tools import private_postgres as postgres
from tools.private_postgres import PostgresUnavailable, kept_postgres, private_postgres


async def test_gives_separate_databases_and_leaves_nothing() -> None:
    with private_postgres() as server:
        first, second = server.create_database(), server.create_database()
        assert first != second
        connection = await asyncpg.connect(first)
        try:
            await connection.execute("CREATE TABLE mark (id INTEGER PRIMARY KEY)")
        finally:
            await connection.close()
        assert server.execute("SELECT to_regclass('mark')", first.rsplit("/", 1)[1]) == "mark"
        assert server.execute("SELECT to_regclass('mark')", second.rsplit("/", 1)[1]) == ""
        assert server.execute("SHOW timezone") == "UTC"
        server.drop_database(first)
        with pytest.raises(PostgresUnavailable, match="does not exist"):
            server.execute("SELECT 1", first.rsplit("/", 1)[1])
        directory, port = server.directory, server.port
    assert not directory.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_says_which_package_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres, "_candidate_directories", lambda: iter([tmp_path]))
    with pytest.raises(PostgresUnavailable, match="install the package postgresql"):
        postgres.find_binaries()


def test_does_not_follow_the_callers_pg_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere.invalid")
    assert "PGHOST" not in postgres._environment()


def test_kept_data_are_there_the_next_time() -> None:
    with tempfile.TemporaryDirectory(
        prefix="kept-"
    ) as outside:  # tmp_path is closed to the user that the server runs as
        Path(outside).chmod(0o755)
        folder = Path(outside) / "kept"
        with kept_postgres(folder) as server:
            server.execute("CREATE TABLE mark (id INTEGER)")
        with kept_postgres(folder) as server:
            assert server.execute("SELECT count(*) FROM mark") == "0"
