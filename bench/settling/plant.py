"""Plants with their books, a chain, a signature broker and a signer, all on this machine, and readings to be settled."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.settling.counting import code_hash, creation_code, encode_open
from community.attestation import merkle
from community.attestation.sealing import derive_salt_key, slot_salt
from community.attestation.signatures import kid_of
from community.attestation.statement import SignedStatement, SlotReading, build_statement, sig_structure
from community.clients.evm import EvmNode
from community.clients.mqtt import MqttAddress
from community.clock import slot_at, slot_start
from community.identity.identities import EnergySource, Member
from community.identity.shares import Share, ShareTable
from community.ids import digest_of
from community.runtime.system_clock import SystemClock
from community.store import devices, identities, shares
from community.store.frames import Frame, keep_frame
from community.store.measurements import Measurement, add_measurement
from community.store.schema import migrate
from community.store.sealed_columns import ColumnKey
from community.store.statements import StoredStatement, add_statement
from community.store.unit_of_work import Store, Work
from contracts import abi
from settlement.requester_key import create_requester_key, load_requester_key
from settlement.signature_broker import BrokeredSigner
from settlement.terms import GWEI, SettlementTerms
from signer.journal import Journal
from signer.keys import create_keys, open_settler
from signer.mqtt_door import MqttDoor
from signer.pinning import approve, follow, pin
from signer.signing import Signer
from standalone.anvil import ADMIN, CHAIN_ID, anvil_program
from standalone.broker import EmbeddedBroker
from standalone.deploy import deploy, register_source

ROOT = Path(__file__).resolve().parents[2]
OPENED = datetime(2026, 3, 2, 0, tzinfo=UTC)
OBIS, PROFILE = "1-0:2.8.0", 3
HOLDERS = tuple(f"0x{n:040x}" for n in range(0xA1, 0xA1 + 10))
WH_PER_READING = 1_000
NAMEPLATE_W = 30_000
START_S = 20.0
_PASSPHRASE = "of a bench, guards nothing"


class Roof:
    """One plant: its name in the books, its device with key, and its id on chain."""

    def __init__(self, number: int) -> None:
        self.name = f"plant-{number:02}"
        self.eui = f"70b3d57ed0{number:06x}"
        self.ref = bytes([0xBE, number]) * 16
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        weights = tuple(range(1, len(HOLDERS) + 1))
        self.config = abi.ShareConfig(self.public_key[1:33], self.public_key[33:], HOLDERS, weights)


@dataclass(frozen=True, slots=True)
class Community:
    """Everything that settles the readings of its `roofs`; `node_url` is the chain's."""

    folder: Path
    node_url: str
    terms: SettlementTerms
    token: str
    broker: MqttAddress
    roofs: Sequence[Roof]

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder / 'community.db'}"

    def signer(self) -> BrokeredSigner:
        """The way to the signer, to be started."""
        key = load_requester_key(self.folder / "requester.pem")
        return BrokeredSigner(self.broker, "signer", self.terms.requester_id, key, 10)


@asynccontextmanager
async def community_with(
    folder: Path, plants: int, readings: int, settler: str | None = None, *, counting: bool = False
) -> AsyncIterator[Community]:
    """`plants` with as many `readings` each to settle. `settler` may settle beside the signer's own account."""
    async with _chain() as url:
        node = EvmNode(url)
        account = create_keys(folder / "signer", _PASSPHRASE, keystore_iterations=2)
        roofs = [Roof(number) for number in range(1, plants + 1)]
        issuer, token = await _deployed(node, roofs, account, settler, counting=counting)
        hashed = code_hash() if counting else None
        terms = SettlementTerms(CHAIN_ID, issuer, account, tip_wei_min=GWEI, code_hash=hashed)
        broker = MqttAddress(f"mqtt://127.0.0.1:{_free_port()}", "bench", version=4)
        community = Community(folder, url, terms, token, broker, roofs)
        await migrate(community.database_url)
        store = Store.open(community.database_url)
        async with store.begin() as work:
            for number, _ in enumerate(HOLDERS):
                await identities.add_member(work, Member(f"member-{number}", f"Member {number}"), OPENED)
            for roof in roofs:
                await _write_books(work, roof)
                await _write_readings(work, roof, readings)
        await store.close()
        await node.close()
        _pin(community)
        async with _served(community):
            yield community


@asynccontextmanager
async def _chain() -> AsyncIterator[str]:
    port = _free_port()
    command = [str(anvil_program(ROOT)), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN_ID)]
    command += ["--hardfork", "osaka", "--slots-in-an-epoch", "1", "--silent"]
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=silent, stderr=silent)
    try:
        await _listening(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _deployed(
    node: EvmNode, roofs: Sequence[Roof], account: str, settler: str | None, *, counting: bool
) -> tuple[str, str]:
    """Issuer and token; both senders may settle and can pay."""
    for each in (account, settler):
        if each is not None:
            await node.call("anvil_setBalance", each, hex(10**21))
    if counting:
        address = await _sent(node, None, creation_code())
        for roof in roofs:
            await _sent(node, address, encode_open(roof.ref, 0))
        return address, address
    deployment = await deploy(node, account)
    opened_at = int(OPENED.timestamp())
    for roof in roofs:
        eui = bytes.fromhex(roof.eui)
        setup = abi.SourceSetup(roof.ref, eui, PROFILE, 0, NAMEPLATE_W, 0, opened_at, abi.MODE_DEVICE, roof.config)
        await register_source(node, deployment, setup)
    if settler is not None:
        await _sent(node, deployment.issuer, abi.encode_grant_role(abi.SETTLER_ROLE, settler))
    return deployment.issuer, deployment.token


async def _sent(node: EvmNode, to: str | None, data: bytes) -> str:
    message = {"from": ADMIN, "data": "0x" + data.hex(), "gas": hex(8_000_000)} | ({} if to is None else {"to": to})
    tx_hash = str(await node.call("eth_sendTransaction", message))
    async with asyncio.timeout(START_S):
        while (receipt := await node.receipt(tx_hash)) is None:  # noqa: ASYNC110 - the chain gives no event
            await asyncio.sleep(0.02)
    if receipt["status"] != "0x1":
        raise AssertionError("the chain refused the set-up")
    return str(receipt.get("contractAddress") or to).lower()


async def _write_books(work: Work, roof: Roof) -> None:
    seal, name, key = ColumnKey(bytes(range(32))), roof.name, roof.public_key
    number = name[-2:]
    point = devices.MeteringPoint(f"mp-{name}", f"AT0{number:0>30}", name, "production", OBIS)
    await devices.add_metering_point(work, point)
    meter = devices.Meter(f"meter-{name}", f"SN-{number}", "Maker", "Model", {OBIS: 10**12})
    await devices.add_meter(work, meter, seal)
    device = devices.NewDevice(f"dev-{name}", name, roof.eui, "ecw1", PROFILE, bytes(32), "active", OPENED)
    await devices.add_device(work, device, seal, OPENED)
    device_key = devices.DeviceKey(f"key-{name}", 0, key, kid_of(key).hex(), OPENED)
    await devices.add_device_key(work, f"dev-{name}", device_key)
    await devices.install(
        work,
        f"inst-{name}",
        metering_point_id=f"mp-{name}",
        meter_id=f"meter-{name}",
        device_id=f"dev-{name}",
        valid_from=OPENED,
        max_power_w=NAMEPLATE_W,
    )
    config = roof.config
    holding = enumerate(zip(config.holders, config.weights, strict=True))
    held = tuple(Share(f"member-{number}", holder, weight) for number, (holder, weight) in holding)
    total = sum(config.weights)
    ref = "0x" + roof.ref.hex()
    source = EnergySource(name, name, ref, "pv", NAMEPLATE_W, total, f"mp-{name}", 0, OPENED, approved_at=OPENED)
    await identities.add_energy_source(work, source, OPENED)
    table = ShareTable(f"shares-{name}", name, 1, total, held, "0x" + config.hash().hex(), OPENED)
    await shares.add_share_table(work, table, "bench", OPENED)


async def _write_readings(work: Work, roof: Roof, readings: int) -> None:
    """One statement a day, as ingest would keep it."""
    eui, name = bytes.fromhex(roof.eui), roof.name
    salt = partial(slot_salt, derive_salt_key(bytes(32), eui))
    first = slot_at(OPENED)
    for ctr, begin in enumerate(range(1, readings + 1, 96)):
        numbers = range(begin, min(begin + 96, readings + 1))
        slots = [SlotReading(first + number, 0, 1, (number * WH_PER_READING,)) for number in numbers]
        statement, leaves = build_statement(eui, 0, ctr, PROFILE, slots, salt)
        r, s = decode_dss_signature(roof.key.sign(sig_structure(statement.payload()), ec.ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        signed = SignedStatement(statement, statement.payload(), signature, kid_of(roof.public_key)).cose_sign1()
        digest, hashes = digest_of(signed), [merkle.leaf_hash(leaf) for leaf in leaves]
        await keep_frame(work, Frame(digest, "device_broker", roof.eui, signed, None, OPENED), "admitted")
        first_at = slot_start(slots[0].slot)
        kept = StoredStatement(
            digest, f"dev-{name}", f"key-{name}", 0, ctr, "ecw1", signed, first_at, statement.span, len(slots), digest
        )
        await add_statement(work, kept, OPENED)
        for index, (slot, leaf) in enumerate(zip(slots, leaves, strict=True)):
            path = b"".join(merkle.inclusion_path(hashes, index))
            await add_measurement(
                work,
                Measurement(
                    f"meter-{name}-{OBIS}", f"inst-{name}", f"dev-{name}", slot_start(slot.slot), slot.registers[0], 0,
                    1, "DEVICE", digest, index, leaf, path,
                ),
                OPENED,
            )  # fmt: skip


def _pin(community: Community) -> None:
    """What the signer believes, approved by two operators."""
    operators = {name: Ed25519PrivateKey.generate() for name in ("anna", "bert")}
    registry = {
        "revision": 1,
        "previous": None,
        "operators": {name: key.public_key().public_bytes_raw().hex() for name, key in operators.items()},
        "chain_id": CHAIN_ID,
        "issuer": community.terms.issuer,
        "limits": {"gas_max": 8_000_000, "max_fee_wei_max": 2_000 * GWEI, "tip_wei_max": 500 * GWEI},
        "requesters": {"settlement": create_requester_key(community.folder / "requester.pem")},
        "sources": [_pinned(roof) for roof in community.roofs],
    }
    journal = Journal(community.folder / "signer")
    text = json.dumps(registry)
    pin(journal, text, [approve(text, name, key) for name, key in operators.items()], SystemClock().now())
    journal.close()


def _pinned(roof: Roof) -> dict[str, Any]:
    config = roof.config
    table = {"holders": list(config.holders), "weights": list(config.weights), "config_hash": config.hash().hex()}
    return {
        "source_ref": roof.ref.hex(),
        "device_eui": roof.eui,
        "device_public_key": roof.public_key.hex(),
        "profile": PROFILE,
        "channel": 0,
        "nameplate_w": NAMEPLATE_W,
        "opening_register_wh": 0,
        "opening_at": int(OPENED.timestamp()),
        "wh_per_day_max": NAMEPLATE_W * 24,
        "share_tables": [table],
    }


@asynccontextmanager
async def _served(community: Community) -> AsyncIterator[None]:
    """The broker and the signer, answering."""
    stop = asyncio.Event()
    port = int(community.broker.url.rsplit(":", 1)[1])
    journal = Journal(community.folder / "signer")
    signer = Signer(open_settler(community.folder / "signer", _PASSPHRASE), journal, follow(journal))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(EmbeddedBroker(port).run(stop))
        await _listening(port)
        tasks.create_task(MqttDoor(community.broker, "signer", signer, SystemClock()).run(stop))
        try:
            yield
        finally:
            stop.set()
    journal.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _listening(port: int) -> None:
    async with asyncio.timeout(START_S):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.02)
