"""Two replicas that migrate at once: one does it, the other waits and finds it done. Real processes, real PostgreSQL."""

import asyncio
import sys

import asyncpg

from community.store import schema
from tools.private_postgres import PrivatePostgres

DEADLINE_S = 60


async def test_two_replicas_migrate_one_after_the_other(postgres_server: PrivatePostgres) -> None:
    url = postgres_server.create_database()
    held = await asyncpg.connect(url)
    transaction = held.transaction()
    await transaction.start()
    await held.execute("SELECT pg_advisory_xact_lock($1)", schema._MIGRATION_LOCK)
    replicas = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "community.store", "migrate", "--url", url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    async with asyncio.timeout(DEADLINE_S):
        while await held.fetchval(waiting) < 2:
            assert all(replica.returncode is None for replica in replicas)
            await asyncio.sleep(0.05)
        assert await held.fetchval("SELECT to_regclass('alembic_version')") is None, "one began without the lock"
        await transaction.rollback()
        said = [await replica.communicate() for replica in replicas]
    await held.close()
    assert [replica.returncode for replica in replicas] == [0, 0], said
    assert {out.decode().strip() for out, _ in said} == {f"schema is at revision {schema.newest_revision()}"}
    await schema.require_current_schema(url)
