"""The doctor, in a world that is well, and then with each thing broken in turn: it says what, and what to do."""

import asyncio
import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import insert

from community.runtime.probes import ProbesAddress, probes
from community.store import transactions
from community.store.tables.measuring import FrameRow
from community.store.unit_of_work import Store
from gateway_agent.clock_state import Probe
from gateway_agent.diagnosis import Finding, Verdict
from indexer.__main__ import _backfill
from indexer.settings import read_settings as read_indexer
from settlement.requester_key import create_requester_key
from signer.condition import SignerCondition
from signer.journal import Journal
from signer.pinning import follow
from standalone.doctor import books, chain, host, servers
from standalone.doctor.examination import examine, is_well
from standalone.doctor.subject import Subject, read_subject
from tests.support.anvil import CHAIN_ID
from tests.support.brokers import free_port
from tests.support.oidc import realm
from tests.support.settlement_world import HOLDERS, SettlementWorld, settlement_world
from tests.support.stores import new_sqlite_url, opened
from tools.deployment import make_everything

pytestmark = pytest.mark.timeout(240)


@dataclass(slots=True)
class Patient:
    """A world and the environment in which the doctor finds it."""

    world: SettlementWorld
    environment: dict[str, str]
    now: datetime
    signer: SignerCondition

    async def look(self, check: str, now: datetime | None = None, **changes: str) -> list[Finding]:
        """What one check finds, with other variables or at another time."""
        subject, findings = read_subject({**self.environment, **changes})
        if check == "settings":
            return findings
        found: Any = CHECKS[check](subject, now or self.now)
        return list(await found if inspect.isawaitable(found) else found)


CHECKS: dict[str, Callable[[Subject, datetime], Any]] = {
    "permissions": lambda subject, _: host.permissions(subject),
    "disk": lambda subject, _: host.disk(subject),
    "clock": lambda _, __: host.clock(),
    "certificates": host.certificates,
    "database": lambda subject, _: servers.database(subject),
    "brokers": lambda subject, _: servers.brokers(subject),
    "nodes": servers.nodes,
    "issuer": lambda subject, _: chain.issuer(subject),
    "signer": lambda subject, _: chain.signer(subject),
    "sign-in": servers.sign_in,
    "processes": lambda subject, _: servers.processes(subject),
    "books": books.books,
}


def wrong(findings: Sequence[Finding]) -> dict[str, str]:
    """What is to be put right, by topic; each says what to do."""
    problems = [each for each in findings if each.verdict is Verdict.WRONG]
    assert all(each.next_step for each in problems), problems
    return {each.topic: each.what for each in problems}


@asynccontextmanager
async def patient(folder: Path) -> AsyncIterator[Patient]:
    """Everything runs and agrees."""
    make_everything(folder, "localhost", datetime.now(UTC))
    secrets, port = folder / "deploy" / "secrets", free_port()
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(settlement_world(folder))
        provider = await stack.enter_async_context(realm({"anna": {"roles": ["member"]}}))
        issuers = folder / "issuers.toml"
        issuers.write_text(
            f'[[issuer]]\nurl = "{provider.url}"\naudience = "energy-community"\nauthorized_parties = ["web"]\n'
        )
        journal = Journal(folder / "signer")
        stack.callback(journal.close)
        condition = SignerCondition(follow(journal), world.account)
        condition.broker_connected = lambda: True
        await stack.enter_async_context(probes("signer", condition, ProbesAddress("127.0.0.1", port, "")))
        environment = environment_of(world, folder, secrets, issuers)
        environment["DOCTOR_SIGNER_URL"] = f"http://127.0.0.1:{port}"
        async with opened(world.store_url) as store:
            await _backfill(read_indexer(environment), store)
        head = int(world.chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        now = datetime.fromtimestamp(head + 5, UTC)
        await heard(world, now)
        yield Patient(world, environment, now, condition)


async def heard(world: SettlementWorld, now: datetime) -> None:
    """A frame of the one device, an hour ago."""
    values = {
        "digest": "aa" * 32,
        "source": "device_broker",
        "device_eui": world.device.eui,
        "payload": b"x",
        "verdict": "duplicate",
    }
    async with opened(world.store_url) as store, store.begin() as work:
        await work.session.execute(insert(FrameRow).values(received_at=now - timedelta(hours=1), **values))


def environment_of(world: SettlementWorld, folder: Path, secrets: Path, issuers: Path) -> dict[str, str]:
    return {
        "INGEST_DATABASE_URL": world.store_url,
        "INGEST_COLUMN_KEY_FILE": str(secrets / "column_key"),
        "INGEST_BROKER_URL": world.broker.url,
        "INGEST_BROKER_USERNAME": "ingest",
        "INGEST_BROKER_MQTT_VERSION": "4",
        "INGEST_BROKER_CA_FILE": str(secrets / "broker" / "ca.pem"),
        "SETTLEMENT_DATABASE_URL": world.store_url,
        "SETTLEMENT_NODE_URL": world.chain.url,
        "SETTLEMENT_CHAIN_ID": str(CHAIN_ID),
        "SETTLEMENT_ISSUER": world.issuer,
        "SETTLEMENT_ACCOUNT": world.account,
        "SETTLEMENT_BROKER_URL": world.broker.url,
        "SETTLEMENT_BROKER_USERNAME": "settlement",
        "SETTLEMENT_BROKER_MQTT_VERSION": "4",
        "SETTLEMENT_REQUESTER_KEY": str(folder / "requester.pem"),
        "INDEXER_DATABASE_URL": world.store_url,
        "INDEXER_RPC_URLS": world.chain.url,
        "INDEXER_CHAIN_ID": str(CHAIN_ID),
        "INDEXER_TOKEN_ADDRESS": world.token,
        "INDEXER_ISSUER_ADDRESS": world.issuer,
        "API_DATABASE_URL": world.store_url,
        "API_ISSUERS_FILE": str(issuers),
        "DOCTOR_CERTIFICATE_FILES": str(secrets / "web_certificate"),
    }


class Break(NamedTuple):
    """Variables that break something, and how the doctor tells it."""

    check: str
    changes: dict[str, str]
    topic: str
    what: str


def breaks(one: Patient, folder: Path) -> list[Break]:
    """Everything that other settings break."""
    world, dead = one.world, "http://127.0.0.1:9"
    nothing, others = folder / "nothing", f"sqlite:///{folder}/empty.db"
    dead_issuers = folder / "dead.toml"
    dead_issuers.write_text(
        '[[issuer]]\nurl = "http://127.0.0.1:9/realm"\naudience = "a"\nauthorized_parties = ["web"]\n'
    )
    return [
        Break("settings", {"SETTLEMENT_POLL_MS": "soon"}, "settings of settlement", "SETTLEMENT_POLL_MS must be a whole number"),
        Break("settings", {"INDEXER_RPC_ULRS": "x"}, "settings of indexer", "is it misspelt"),
        Break("database", {"INGEST_DATABASE_URL": others}, "database", "revision none"),
        Break("brokers", {"SETTLEMENT_BROKER_URL": "mqtt://127.0.0.1:9"}, "broker for settlement", "127.0.0.1:9"),
        Break("nodes", {"SETTLEMENT_NODE_URL": dead}, "node 127.0.0.1:9", "127.0.0.1:9"),
        Break("nodes", {"SETTLEMENT_CHAIN_ID": "137", "INDEXER_CHAIN_ID": "137"}, f"node {world.chain.url[7:]}", "it follows chain 31337"),
        Break("issuer", {"SETTLEMENT_ISSUER": world.token}, "issuer", "is not this release's EnergyIssuer"),
        Break("issuer", {"SETTLEMENT_ISSUER": HOLDERS[0]}, "issuer", "There is no contract"),
        Break("issuer", {"SETTLEMENT_ACCOUNT": HOLDERS[0]}, "settler's role", "may not settle"),
        Break("signer", {"SETTLEMENT_ACCOUNT": HOLDERS[0]}, "signer's registry", "the account of the signer is"),
        Break("signer", {"DOCTOR_SIGNER_URL": "http://localhost:9"}, "signer's registry", "does not answer"),
        Break("processes", {"DOCTOR_PROBES_URLS": "http://localhost:9/api"}, "process localhost:9/api", "does not answer"),
        Break("sign-in", {"API_ISSUERS_FILE": str(dead_issuers)}, "sign-in http://127.0.0.1:9/realm", "does not answer"),
        Break("permissions", {"INGEST_COLUMN_KEY_FILE": str(nothing)}, "file of INGEST_COLUMN_KEY_FILE", "No such file"),
        Break("certificates", {"DOCTOR_CERTIFICATE_FILES": str(nothing)}, f"certificate {nothing}", "cannot be read"),
        Break("disk", {"DOCTOR_DISK_PATHS": str(nothing)}, f"disk of {nothing}", "cannot be looked at"),
    ]  # fmt: skip


async def test_a_world_that_is_well_and_then_each_thing_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "ANSWER_S", 2.0)
    async with patient(tmp_path) as one:
        well = await examine(one.environment, one.now)
        assert wrong(well) == {}
        assert sum(each.verdict is Verdict.OK for each in well) >= 20
        for each in breaks(one, tmp_path):
            found = wrong(await one.look(each.check, **each.changes))
            assert each.what in found.get(each.topic, ""), (each, found)
        await time_passes(one)
        await what_others_do(one, tmp_path, monkeypatch)
        await the_books_tell(one)
        # this process serves the broker and the signer's figures meanwhile
        await asyncio.to_thread(the_command_line, one)


async def time_passes(one: Patient) -> None:
    """A head that stands still, a clock that is behind, an index that is not looked at, certificates that end."""
    later = wrong(await one.look("nodes", one.now + timedelta(minutes=10)))
    assert "605 s old" in later[f"node {one.world.chain.url[7:]}"]
    earlier = await one.look("nodes", one.now - timedelta(minutes=10))
    assert "clock right" in earlier[0].next_step
    ending = wrong(await one.look("certificates", datetime.now(UTC) + timedelta(days=360)))
    assert len(ending) == 1 and "in 4 days" in "".join(ending.values())
    noted = await one.look("certificates", datetime.now(UTC) + timedelta(days=340))
    assert [each.verdict for each in noted if "web_certificate" in each.topic] == [Verdict.NOTE]
    assert "looked at" in wrong(await one.look("books", datetime.now(UTC) + timedelta(days=1)))["index"]


async def what_others_do(one: Patient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that others may read, coins that ran out, a signer that believes something else, disk and clock."""
    key = folder / "requester.pem"
    key.chmod(0o644)
    assert "may be read by others (644)" in wrong(await one.look("permissions"))["file of SETTLEMENT_REQUESTER_KEY"]
    key.chmod(0o600)
    one.world.chain.rpc("anvil_setBalance", one.world.account, hex(5 * 10**17))
    assert "0.500 coins" in wrong(await one.look("issuer"))["coins"]
    one.world.chain.rpc("anvil_setBalance", one.world.account, hex(10**20))
    one.signer.broker_connected = lambda: False
    assert "signature broker is not connected" in "".join(wrong(await one.look("processes")).values())
    one.signer.broker_connected = lambda: True
    source = one.world.registry["sources"][0]
    kept = dict(source)
    source["source_ref"] = "77" * 32
    one.world.pin()
    assert "does not know the source plant" in wrong(await one.look("signer"))["signer's registry"]
    source.update(kept)
    one.world.pin()
    full = shutil.disk_usage(folder)._replace(free=1)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _place: full)
        assert "0 MB free" in wrong(await one.look("disk"))[f"disk of {folder}"]

    async def off() -> bool | None:
        return False

    probing: Callable[..., list[Probe]] = lambda *_: [off]  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr(host, "host_probes", probing)
        assert wrong(await one.look("clock"))["clock"] == "it is not synchronised"


async def the_books_tell(one: Patient) -> None:
    """A silent device, an issuance that is stuck, a frozen account."""
    subject, _ = read_subject(one.environment)

    async def told(now: datetime) -> dict[str, str]:
        return wrong(await books.books(subject, now))

    await one.world.add_readings((1, 100))
    async with one.world.running() as loop:
        await loop.pass_once()
    later = await told(datetime.now(UTC) + timedelta(minutes=45))
    assert "the oldest has been under way for 4" in later["issuances"]
    silent = await told(datetime.now(UTC) + timedelta(hours=3))
    assert "silent for two hours" in silent["devices"] and one.world.device.eui in silent["devices"]
    async with opened(one.world.store_url) as store, store.begin() as work:
        await transactions.freeze_account(work, CHAIN_ID, one.world.account)
    assert "1 frozen" in (await told(datetime.now(UTC)))["accounts"]


def the_command_line(one: Patient) -> None:
    """Exit codes, and an answer for machines."""
    command = [sys.executable, "-m", "standalone", "doctor", "--json"]
    environment = {"PATH": "/usr/bin:/bin", **one.environment}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(answer.stdout)
    assert answer.returncode == 1 and found["ok"] is False
    assert {"accounts", "settings of ingest"} <= {each["topic"] for each in found["findings"]}
    assert "PRIVATE KEY" not in answer.stdout + answer.stderr


async def test_nothing_set_is_nothing_wrong(tmp_path: Path) -> None:
    findings = await examine({}, datetime.now(UTC))
    assert is_well(findings)
    assert sum(each.verdict is Verdict.UNKNOWN for each in findings) >= 6


async def test_a_fresh_database_has_no_index_and_breaks_are_told(tmp_path: Path) -> None:
    url = await new_sqlite_url(tmp_path)
    store: Store
    async with opened(url) as store, store.read() as work:
        assert [each.verdict for each in await books._index(work, 1, datetime.now(UTC))] == [Verdict.WRONG]
        assert [each.verdict for each in await books._breaks(work)] == [Verdict.OK]
    create_requester_key(tmp_path / "key.pem")
    subject, _ = read_subject({"SETTLEMENT_REQUESTER_KEY": str(tmp_path / "key.pem")})
    assert [each.verdict for each in host.permissions(subject)] == [Verdict.OK]
