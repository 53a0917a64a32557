"""The rehearsal of docs/runbooks/restore.md: back up while everything works, lose it all, restore, rebuild, compare.

Real PostgreSQL with pg_dump and pg_restore, a real chain, the real signer's folder, and the scripts of deploy/ themselves.
"""

import asyncio
import io
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from community.clients.evm import EvmNode
from community.errors import FatalError
from community.minting.issuances import IssuanceState
from community.runtime.system_clock import SystemClock
from community.store.__main__ import main as store_main
from community.store.unit_of_work import Store
from contracts.abi import SETTLER_ROLE
from indexer.__main__ import _backfill, _reindex, _verify
from indexer.settings import read_settings
from ingest.judging import Judge
from ingest.rebuild import rebuild
from settlement.recovery import parse_signed, recover
from settlement.report import resume
from signer.back_up import archive, unpack
from signer.journal import Journal
from signer.keys import create_keys
from tests.architecture.repository import ROOT
from tests.conformance.ingest.test_rebuild import fill
from tests.support.anvil import CHAIN_ID
from tests.support.settlement_world import (
    OPENING_WH,
    PASSPHRASE,
    SettlementWorld,
    answering_signer,
    grant,
    settlement_world,
)
from tests.support.stores import COLUMN_KEY, new_postgres_url, new_sqlite_url, opened
from tools.deployment import make_everything
from tools.private_postgres import PrivatePostgres

pytestmark = pytest.mark.timeout(240)
SIGNER = f"{sys.executable} -m signer"
WH = 10**15
REVOKE_ROLE = bytes.fromhex("d547741f")
"""Selector of revokeRole(bytes32,address) (OpenZeppelin, AccessControl)."""


def script(name: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """deploy/backup or deploy/restore, told how things are done without containers."""
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **variables}
    return subprocess.run(
        [ROOT / "deploy" / name, folder], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def back_up(server: PrivatePostgres, url: str, world_folder: Path, to: Path) -> None:
    dump = f"{server.binaries}/pg_dump --format=custom {url}"
    answer = script(
        "backup", to, BOOKS=dump, SIGNER=SIGNER, SIGNER_FOLDER=str(world_folder / "signer"),
        SECRETS=str(world_folder / "deploy" / "secrets"),
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert {file.name for file in to.iterdir()} == {"books.dump", "signer.tar", "secrets.tar", "audit_head", "complete"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in (to, *to.iterdir()))


def restore(server: PrivatePostgres, url: str, folder: Path, back: Path) -> subprocess.CompletedProcess[str]:
    books = f"{server.binaries}/pg_restore --single-transaction --exit-on-error --dbname={url}"
    return script(
        "restore", folder, BOOKS_IN=books, SIGNER_IN=SIGNER, SIGNER_FOLDER=str(back / "signer"),
        SECRETS=str(back / "deploy" / "secrets"),
    )  # fmt: skip


async def test_everything_is_lost_and_comes_back_and_nothing_is_minted_twice(
    postgres_server: PrivatePostgres, tmp_path: Path
) -> None:
    """Of five settlements the back-up knows two; three more were minted before the loss, and the newest journal is lost too."""
    server, backup = postgres_server, tmp_path / "back-up"
    make_everything(tmp_path, "localhost", datetime.now(UTC))
    async with settlement_world(tmp_path, serve=False, store_url=await new_postgres_url(server)) as world:
        async with answering_signer(world):
            await world.add_readings((1, 100), (2, 250))
            await world.settle_until(2)
            await asyncio.to_thread(back_up, server, world.store_url, tmp_path, backup)
            await world.add_readings((3, 333), (4, 500), (5, 700))
            lost = await world.settle_until(5)
        await indexed(world)
        shares = {one.id: one.parts for one in lost}
        supply = world.supply()
        assert supply == 700 * WH

        lose_everything(server, world, tmp_path)
        world.store_url = server.create_database()
        answer = await asyncio.to_thread(restore, server, world.store_url, backup, tmp_path)
        assert answer.returncode == 0, answer.stderr
        again = await asyncio.to_thread(restore, server, world.store_url, backup, tmp_path)
        assert again.returncode == 1 and "already exists" in again.stderr + again.stdout, "it never overwrites"

        await recovered(world)
        assert {one.id: one.parts for one in await world.issuances()} == shares
        await indexed(world, anew=True)
        final = await world.settle_until(5)  # what was minted becomes final again, without any signature
        assert [(one.id, one.tx_hash) for one in final] == [(one.id, one.tx_hash) for one in lost]
        assert world.supply() == supply, "restoring mints nothing"

        await world.add_readings((6, 900))
        async with answering_signer(world), world.running() as loop:
            await loop.pass_once()
        newest = (await world.issuances())[-1]
        assert newest.state is IssuanceState.STOPPED and "leaves a hole" in str(newest.failure)
        assert world.supply() == supply, "the old account signs no more with a journal that lacks what it signed"
        rotate(world, lost[-1].to_wh, lost[-1].period_end)
        async with opened(world.store_url) as store:
            await resume(store, newest.id, SystemClock())
        async with answering_signer(world):
            after = await world.settle_until(6)
        assert [one.to_wh - OPENING_WH for one in after] == [100, 250, 333, 500, 700, 900]
        assert world.supply() == 900 * WH and world.mine_nonces() == 1
        await indexed(world)


def lose_everything(server: PrivatePostgres, world: SettlementWorld, folder: Path) -> None:
    server.drop_database(world.store_url)
    shutil.rmtree(folder / "signer")
    shutil.rmtree(folder / "deploy")


async def recovered(world: SettlementWorld) -> None:
    """`signer signed`, then `settlement recover`; the second time it finds nothing to do."""
    listed = await asyncio.to_thread(
        subprocess.run, [*SIGNER.split(), "signed", "--folder", str(world.folder / "signer")],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    signed, node = parse_signed(listed.stdout), EvmNode(world.chain.url)
    assert len(signed) == 2
    async with opened(world.store_url) as store:
        try:
            found = await recover(world.terms, node, store, signed, 0, SystemClock().now())
            again = await recover(world.terms, node, store, signed, 0, SystemClock().now())
        finally:
            await node.close()
    assert (len(found.put_back), found.known, found.problems) == (3, 2, [])
    assert (again.put_back, again.problems) == ([], [])


async def indexed(world: SettlementWorld, *, anew: bool = False) -> None:
    """The index, followed or built anew from the chain, agrees with the chain to the unit."""
    settings = read_settings(
        {
            "INDEXER_DATABASE_URL": world.store_url,
            "INDEXER_RPC_URLS": world.chain.url,
            "INDEXER_CHAIN_ID": str(CHAIN_ID),
            "INDEXER_TOKEN_ADDRESS": world.token,
            "INDEXER_ISSUER_ADDRESS": world.issuer,
        }
    )
    async with opened(world.store_url) as store:
        await (_reindex if anew else _backfill)(settings, store)
        await _verify(settings, store)  # raises where a balance or the supply differs


def rotate(world: SettlementWorld, register_wh: int, at: datetime) -> None:
    """*Rotating the minter* of docs/signer.md: another settler, whose registry begins where the chain stands."""
    old, kept = world.account, world.folder / "signer-before"
    shutil.move(world.folder / "signer", kept)
    world.account = create_keys(world.folder / "signer", PASSPHRASE, keystore_iterations=2)
    world.chain.rpc("anvil_setBalance", world.account, hex(10**20))
    source: dict[str, Any] = world.registry["sources"][0]
    source["opening_register_wh"], source["opening_at"] = register_wh, int(at.timestamp())
    world.registry.pop("revision", None)
    world.registry.pop("previous", None)
    world.pin()
    grant(world.chain, world.issuer, SETTLER_ROLE, world.account)
    world.transact(world.issuer, REVOKE_ROLE + SETTLER_ROLE + bytes(12) + bytes.fromhex(old[2:]))


async def test_readings_of_a_restored_database_are_derived_again_from_its_frames(
    postgres_server: PrivatePostgres, tmp_path: Path
) -> None:
    server, url = postgres_server, await new_postgres_url(postgres_server)
    async with opened(url) as store:
        await fill(store)
        before = await rebuild(store, Judge(COLUMN_KEY))
    dump = tmp_path / "books.dump"
    with dump.open("wb") as out:
        await asyncio.to_thread(
            subprocess.run, [server.binaries / "pg_dump", "--format=custom", url], stdout=out, check=True
        )
    server.drop_database(url)
    back = server.create_database()
    await asyncio.to_thread(
        subprocess.run, [server.binaries / "pg_restore", "--exit-on-error", f"--dbname={back}", dump], check=True
    )
    async with opened(back) as store:
        after = await rebuild(store, Judge(COLUMN_KEY))
        await refuses_changes(store)
    assert after == before and after.different == 0 and after.frames == 7


async def refuses_changes(store: Store) -> None:
    """Guards come back with the data: evidence can still not be changed."""
    with pytest.raises(Exception, match="never changed"):
        async with store.begin() as work:
            await work.session.execute(text("UPDATE frame SET verdict = 'rejected'"))


async def test_sqlite_is_copied_while_it_is_written(tmp_path: Path) -> None:
    url, to = await new_sqlite_url(tmp_path), tmp_path / "copy.db"
    async with opened(url) as store:
        await fill(store)
        before = await rebuild(store, Judge(COLUMN_KEY))
        async with store.begin():  # somebody is in the middle of a unit of work
            assert await asyncio.to_thread(store_main, ["backup", "--url", url, "--to", str(to)]) == 0
    assert to.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(to)) as copied:
        assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    async with opened(f"sqlite:///{to}") as store:
        assert await rebuild(store, Judge(COLUMN_KEY)) == before
    assert await asyncio.to_thread(store_main, ["backup", "--url", url, "--to", str(to)]) == 1, "never over another"


def test_a_back_up_that_was_changed_or_is_not_whole_is_refused(tmp_path: Path) -> None:
    folder, out = tmp_path / "signer", io.BytesIO()
    create_keys(folder, PASSPHRASE, keystore_iterations=2)
    Journal(folder).close()
    head = archive(folder, out)
    whole = out.getvalue()
    assert unpack(io.BytesIO(whole), tmp_path / "copy") == head
    assert (tmp_path / "copy" / "seed.json").read_bytes() == (folder / "seed.json").read_bytes()
    for number, content in enumerate((whole[:700], b"", b"no archive" * 100)):
        with pytest.raises(FatalError, match=r"backup|not whole|no archive"):
            unpack(io.BytesIO(content), tmp_path / f"other-{number}")
    with pytest.raises(FatalError, match="never overwritten"):
        unpack(io.BytesIO(whole), folder)
    with pytest.raises(FatalError, match="no signer's folder"):
        archive(tmp_path / "nowhere", io.BytesIO())
    half = tmp_path / "half"
    half.mkdir()
    assert "not a whole back-up" in script("restore", half).stderr
    (half / "books.dump").write_text("x")
    (half / "complete").write_text(f"{'0' * 64}  books.dump\n")
    assert "was changed since" in script("restore", half).stderr
