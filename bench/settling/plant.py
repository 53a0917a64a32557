"""A plant with its books, a chain, a signature broker and a signer, all on this machine, and readings to be settled."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

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
EUI = "70b3d57ed00000be"
OBIS, PROFILE = "1-0:2.8.0", 3
REF = bytes.fromhex("be" * 32)
HOLDERS = tuple(f"0x{n:040x}" for n in range(0xA1, 0xA1 + 10))
WH_PER_READING = 1_000
NAMEPLATE_W = 30_000
START_S = 20.0
_PASSPHRASE = "of a bench, guards nothing"


@dataclass(frozen=True, slots=True)
class Plant:
    """Everything that settles `readings`; `node_url` is the chain's."""

    folder: Path
    node_url: str
    terms: SettlementTerms
    token: str
    broker: MqttAddress

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder / 'community.db'}"

    def signer(self) -> BrokeredSigner:
        """The way to the signer, to be started."""
        key = load_requester_key(self.folder / "requester.pem")
        return BrokeredSigner(self.broker, "signer", self.terms.requester_id, key, 10)


@asynccontextmanager
async def plant_with(
    folder: Path, readings: int, settler: str | None = None, *, counting: bool = False
) -> AsyncIterator[Plant]:
    """A plant with `readings` quarter-hours to settle. `settler` may settle beside the signer's own account."""
    async with _chain() as url:
        node = EvmNode(url)
        account = create_keys(folder / "signer", _PASSPHRASE, keystore_iterations=2)
        key = ec.generate_private_key(ec.SECP256R1())
        public_key = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        config = abi.ShareConfig(public_key[1:33], public_key[33:], HOLDERS, tuple(range(1, len(HOLDERS) + 1)))
        issuer, token = await _deployed(node, config, account, settler, counting=counting)
        hashed = code_hash() if counting else None
        terms = SettlementTerms(CHAIN_ID, issuer, account, tip_wei_min=GWEI, code_hash=hashed)
        plant = Plant(folder, url, terms, token, MqttAddress(f"mqtt://127.0.0.1:{_free_port()}", "bench", version=4))
        await migrate(plant.database_url)
        store = Store.open(plant.database_url)
        async with store.begin() as work:
            await _write_books(work, config, public_key)
            await _write_readings(work, key, public_key, readings)
        await store.close()
        await node.close()
        _pin(plant, config, public_key)
        async with _served(plant):
            yield plant


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
    node: EvmNode, config: abi.ShareConfig, account: str, settler: str | None, *, counting: bool
) -> tuple[str, str]:
    """Issuer and token; both senders may settle and can pay."""
    for each in (account, settler):
        if each is not None:
            await node.call("anvil_setBalance", each, hex(10**21))
    if counting:
        address = await _sent(node, None, creation_code())
        await _sent(node, address, encode_open(REF, 0))
        return address, address
    deployment = await deploy(node, account)
    setup = abi.SourceSetup(
        REF, bytes.fromhex(EUI), PROFILE, 0, NAMEPLATE_W, 0, int(OPENED.timestamp()), abi.MODE_DEVICE, config
    )
    await register_source(node, deployment, setup)
    if settler is not None:
        await _sent(node, deployment.issuer, abi.encode_grant_role(abi.SETTLER_ROLE, settler))
    return deployment.issuer, deployment.token


async def _sent(node: EvmNode, to: str | None, data: bytes) -> str:
    message = {"from": ADMIN, "data": "0x" + data.hex(), "gas": hex(8_000_000)} | ({} if to is None else {"to": to})
    receipt = await node.receipt(str(await node.call("eth_sendTransaction", message)))
    if receipt is None or receipt["status"] != "0x1":
        raise AssertionError("the chain refused the set-up")
    return str(receipt.get("contractAddress") or to).lower()


async def _write_books(work: Work, config: abi.ShareConfig, public_key: bytes) -> None:
    seal = ColumnKey(bytes(range(32)))
    point = devices.MeteringPoint("mp", "AT0" + "0" * 30, "Plant", "production", OBIS)
    await devices.add_metering_point(work, point)
    await devices.add_meter(work, devices.Meter("meter", "SN", "Maker", "Model", {OBIS: 10**12}), seal)
    device = devices.NewDevice("dev", "Gateway", EUI, "ecw1", PROFILE, bytes(32), "active", OPENED)
    await devices.add_device(work, device, seal, OPENED)
    await devices.add_device_key(work, "dev", devices.DeviceKey("key", 0, public_key, kid_of(public_key).hex(), OPENED))
    await devices.install(
        work,
        "inst",
        metering_point_id="mp",
        meter_id="meter",
        device_id="dev",
        valid_from=OPENED,
        max_power_w=NAMEPLATE_W,
    )
    held = []
    for number, (holder, weight) in enumerate(zip(config.holders, config.weights, strict=True)):
        await identities.add_member(work, Member(f"member-{number}", f"Member {number}"), OPENED)
        held.append(Share(f"member-{number}", holder, weight))
    total = sum(config.weights)
    source = EnergySource(
        "plant", "Plant", "0x" + REF.hex(), "pv", NAMEPLATE_W, total, "mp", 0, OPENED, approved_at=OPENED
    )
    await identities.add_energy_source(work, source, OPENED)
    table = ShareTable("shares", "plant", 1, total, tuple(held), "0x" + config.hash().hex(), OPENED)
    await shares.add_share_table(work, table, "bench", OPENED)


async def _write_readings(work: Work, key: ec.EllipticCurvePrivateKey, public_key: bytes, readings: int) -> None:
    """One statement a day, as ingest would keep it."""
    salt = partial(slot_salt, derive_salt_key(bytes(32), bytes.fromhex(EUI)))
    first = slot_at(OPENED)
    for ctr, begin in enumerate(range(1, readings + 1, 96)):
        numbers = range(begin, min(begin + 96, readings + 1))
        slots = [SlotReading(first + number, 0, 1, (number * WH_PER_READING,)) for number in numbers]
        statement, leaves = build_statement(bytes.fromhex(EUI), 0, ctr, PROFILE, slots, salt)
        r, s = decode_dss_signature(key.sign(sig_structure(statement.payload()), ec.ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        signed = SignedStatement(statement, statement.payload(), signature, kid_of(public_key)).cose_sign1()
        digest, hashes = digest_of(signed), [merkle.leaf_hash(leaf) for leaf in leaves]
        await keep_frame(work, Frame(digest, "device_broker", EUI, signed, None, OPENED), "admitted")
        kept = StoredStatement(
            digest, "dev", "key", 0, ctr, "ecw1", signed, slot_start(slots[0].slot), statement.span, len(slots), digest
        )
        await add_statement(work, kept, OPENED)
        for index, (slot, leaf) in enumerate(zip(slots, leaves, strict=True)):
            path = b"".join(merkle.inclusion_path(hashes, index))
            await add_measurement(
                work,
                Measurement(
                    f"meter-{OBIS}", "inst", "dev", slot_start(slot.slot), slot.registers[0], 0, 1, "DEVICE", digest,
                    index, leaf, path,
                ),
                OPENED,
            )  # fmt: skip


def _pin(plant: Plant, config: abi.ShareConfig, public_key: bytes) -> None:
    """What the signer believes, approved by two operators."""
    operators = {name: Ed25519PrivateKey.generate() for name in ("anna", "bert")}
    table = {"holders": list(config.holders), "weights": list(config.weights), "config_hash": config.hash().hex()}
    registry = {
        "revision": 1,
        "previous": None,
        "operators": {name: key.public_key().public_bytes_raw().hex() for name, key in operators.items()},
        "chain_id": CHAIN_ID,
        "issuer": plant.terms.issuer,
        "limits": {"gas_max": 8_000_000, "max_fee_wei_max": 2_000 * GWEI, "tip_wei_max": 500 * GWEI},
        "requesters": {"settlement": create_requester_key(plant.folder / "requester.pem")},
        "sources": [
            {
                "source_ref": REF.hex(),
                "device_eui": EUI,
                "device_public_key": public_key.hex(),
                "profile": PROFILE,
                "channel": 0,
                "nameplate_w": NAMEPLATE_W,
                "opening_register_wh": 0,
                "opening_at": int(OPENED.timestamp()),
                "wh_per_day_max": NAMEPLATE_W * 24,
                "share_tables": [table],
            }
        ],
    }
    journal = Journal(plant.folder / "signer")
    text = json.dumps(registry)
    pin(journal, text, [approve(text, name, key) for name, key in operators.items()], SystemClock().now())
    journal.close()


@asynccontextmanager
async def _served(plant: Plant) -> AsyncIterator[None]:
    """The broker and the signer, answering."""
    stop = asyncio.Event()
    port = int(plant.broker.url.rsplit(":", 1)[1])
    journal = Journal(plant.folder / "signer")
    signer = Signer(open_settler(plant.folder / "signer", _PASSPHRASE), journal, follow(journal))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(EmbeddedBroker(port).run(stop))
        await _listening(port)
        tasks.create_task(MqttDoor(plant.broker, "signer", signer, SystemClock()).run(stop))
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
