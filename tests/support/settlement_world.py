"""A plant, its books, a real chain with the committed contracts, a signer and a signature broker: all that settles."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from bench.settling.counting import code_hash, encode_counts, encode_open
from community.attestation import merkle
from community.attestation.sealing import derive_salt_key, slot_salt
from community.attestation.statement import SlotReading, leaf_inputs_of
from community.clients.evm import EvmNode
from community.clients.mqtt import MqttAddress
from community.clock import slot_start
from community.identity.identities import EnergySource, Member
from community.identity.shares import Share, ShareTable
from community.ids import digest_of
from community.minting.issuances import Issuance, IssuanceState
from community.runtime.system_clock import SystemClock
from community.store import identities, shares
from community.store.issuances import issuances_in
from community.store.tables.measuring import FrameRow, MeasurementRow, StatementRow
from community.store.unit_of_work import Store
from contracts.abi import (
    SETTLER_ROLE,
    ShareConfig,
    decode_uint,
    encode_balance_of,
    encode_total_supply,
)
from settlement import failpoints
from settlement.gate import pass_gate
from settlement.loop import SettlementLoop, compose
from settlement.requester_key import create_requester_key, load_requester_key
from settlement.signature_broker import BrokeredSigner
from settlement.terms import GWEI, SettlementTerms
from signer.journal import Journal
from signer.keys import create_keys, open_settler
from signer.mqtt_door import MqttDoor
from signer.pinning import follow
from signer.signing import Signer
from tests.support.anvil import CHAIN_ID, AnvilChain, start_anvil
from tests.support.brokers import AmqttBroker, start_amqtt
from tests.support.operators import pin_approved
from tests.support.plant_on_chain import (
    HOLDERS,
    NAMEPLATE_W,
    OPENING_WH,
    WEIGHTS,
    config_of,
    configure,
    deploy,
    deploy_counting,
    grant,
    ref_of,
    transact,
)
from tests.support.sending_device import NOON, NOON_SLOT, SendingDevice, register
from tests.support.stores import new_sqlite_url, opened

SIGNER_ID = "signer"
PASSPHRASE = "for tests only"


@dataclass
class SettlementWorld:
    """Handles to everything; `add_readings` lets the plant produce, `running` gives a fresh settlement loop."""

    folder: Path
    chain: AnvilChain
    store_url: str
    broker: MqttAddress
    issuer: str
    token: str
    account: str
    registry: dict[str, Any]
    device: SendingDevice = field(default_factory=SendingDevice)
    terms_changes: dict[str, Any] = field(default_factory=dict)
    broker_process: AmqttBroker | None = None
    neighbours: dict[str, SendingDevice] = field(default_factory=dict)
    """Devices of further plants, by the plant's name."""

    @property
    def terms(self) -> SettlementTerms:
        return SettlementTerms(CHAIN_ID, self.issuer, self.account, **({"tip_wei_min": GWEI} | self.terms_changes))

    @property
    def config(self) -> ShareConfig:
        return config_of(self.device)

    async def add_plant(self, name: str) -> SendingDevice:
        """One more plant like the first in the books and in what is to be pinned; `build` puts it on chain too."""
        device = SendingDevice(eui=digest_of(name.encode())[:16])
        self.neighbours[name] = device
        async with opened(self.store_url) as store:
            await register(store, device, name=name)
            await write_source(store, config_of(device), name)
        self.registry["sources"].append(pinned_source(device, config_of(device), name))
        return device

    async def build(self, *names: str) -> None:
        """More plants like the first: in the books, on chain, and known to the signer."""
        for name in names:
            device = await self.add_plant(name)
            if self.is_counting:
                self.transact(self.issuer, encode_open(ref_of(name), OPENING_WH))
            else:
                configure(self.chain, self.issuer, device, config_of(device), name)
        self.pin()

    @property
    def is_counting(self) -> bool:
        """Whether the issuer is the one without any guard."""
        return "code_hash" in self.terms_changes

    def pin(self) -> None:
        """Pin the registry as it stands in `registry`."""
        pin_approved(self.folder / "signer", self.registry)

    def transact(self, to: str | None, data: bytes) -> dict[str, Any]:
        """A transaction of the admin, mined at once."""
        return transact(self.chain, to, data)

    def balance(self, holder: str) -> int:
        """Base units of a holder."""
        return self._uint(encode_balance_of(holder))

    def supply(self) -> int:
        """Base units in existence."""
        return self._uint(encode_total_supply())

    def times_minted(self, to_wh: int, plant: str = "plant") -> int:
        """How often the counting issuer minted the way up to a register value, counted from the opening."""
        return self._uint(encode_counts(ref_of(plant), OPENING_WH + to_wh))

    def _uint(self, call: bytes) -> int:
        answer = self.chain.rpc("eth_call", {"to": self.token, "data": "0x" + call.hex()}, "latest")
        return decode_uint(bytes.fromhex(answer[2:]))

    def mine_nonces(self) -> int:
        """How many transactions of the settler are mined."""
        return int(self.chain.rpc("eth_getTransactionCount", self.account, "latest"), 16)

    async def add_readings(
        self,
        *readings: tuple[int, int],
        forger: SendingDevice | None = None,
        status: int = 1,
        register_id: str | None = None,
        installation_id: str | None = None,
        mode: str = "DEVICE",
        plant: str = "plant",
        signed_as: tuple[str, str] | None = None,
    ) -> None:
        """One signed statement over (quarter-hours after noon, Wh since the opening) pairs, as ingest would store it.

        `signed_as` names device and key on the books, where these are not the plant's first.
        """
        device_id, key_id = signed_as or (f"dev-{plant}", f"key-{plant}")
        slots = [SlotReading(NOON_SLOT + after, 0, status, (OPENING_WH + wh,)) for after, wh in readings]
        device = self.neighbours.get(plant, self.device)
        signed = device.sign(slots, key_of=forger).signed
        salt = partial(slot_salt, derive_salt_key(device.secret, bytes.fromhex(device.eui)))
        leaves = leaf_inputs_of(slots, salt)
        hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
        evidence = signed.cose_sign1()
        digest = digest_of(evidence)
        now = SystemClock().now()
        async with opened(self.store_url) as store, store.begin() as work:
            frame = {"digest": digest, "source": "device_broker", "payload": evidence, "verdict": "admitted"}
            await work.session.execute(insert(FrameRow).values(received_at=now, **frame))
            await work.session.execute(
                insert(StatementRow).values(
                    digest=digest,
                    device_id=device_id,
                    device_key_id=key_id,
                    keyno=device.keyno,
                    ctr=signed.statement.ctr,
                    format="ecw1",
                    signed=evidence,
                    first_at=slot_start(slots[0].slot),
                    span=signed.statement.span,
                    reading_count=len(slots),
                    frame_digest=digest,
                    recorded_at=now,
                    leaves=b"".join(hashes),
                )
            )
            for index, (slot, leaf) in enumerate(zip(slots, leaves, strict=True)):
                await work.session.execute(
                    insert(MeasurementRow).values(
                        id=f"measurement-{slot.slot}" if plant == "plant" else f"measurement-{plant}-{slot.slot}",
                        register_id=register_id or f"meter-{plant}-1-0:2.8.0",
                        installation_id=installation_id or f"inst-{plant}",
                        device_id=device_id,
                        at=slot_start(slot.slot),
                        register_wh=slot.registers[0],
                        off_s=0,
                        status=slot.status,
                        evidence_mode=mode,
                        statement_digest=digest,
                        leaf_index=index,
                        leaf_input=leaf,
                        leaf_path=b"".join(merkle.inclusion_path(hashes, index)),
                        recorded_at=now,
                    )
                )

    async def issuances(self) -> list[Issuance]:
        """Every issuance on the books, by register."""
        async with opened(self.store_url) as store, store.read() as work:
            found = await issuances_in(work, set(IssuanceState))
            return sorted(found, key=lambda one: (one.source_id != "plant", one.source_id, one.from_wh))

    @asynccontextmanager
    async def running(
        self,
        failpoint: Callable[[str], None] = failpoints.none,
        *,
        timeout_s: float = 10,
        node: EvmNode | None = None,
    ) -> AsyncIterator[SettlementLoop]:
        """A settlement loop built afresh from the books, after the gate; nothing of an earlier one is left in it."""
        node = node or EvmNode(self.chain.url)
        key = load_requester_key(self.folder / "requester.pem")
        asker = BrokeredSigner(self.broker, SIGNER_ID, self.terms.requester_id, key, timeout_s)
        async with opened(self.store_url) as store:
            try:
                held = await pass_gate(self.terms, node, store)
                await asker.start()
                yield compose(self.terms, node, store, asker, SystemClock(), failpoint=failpoint, held=held)
            finally:
                await asker.stop()
                await node.close()

    async def settle_until(self, count: int, state: IssuanceState = IssuanceState.FINAL) -> list[Issuance]:
        """Run a fresh loop, mining as time goes by, until `count` issuances are in `state`."""
        async with asyncio.timeout(30), self.running() as loop:
            while True:
                await loop.pass_once()
                found = await self.issuances()
                if sum(one.state is state for one in found) >= count:
                    return found
                self.chain.mine()


@asynccontextmanager
async def settlement_world(
    folder: Path, *, serve: bool = True, store_url: str | None = None, counting: bool = False, **anvil: Any
) -> AsyncIterator[SettlementWorld]:
    """The whole world, with a signer that answers (unless not `serve`), until the block ends.

    `counting`: the issuer is the one without any guard, which mints whatever it is told and counts.
    The plant opened at noon, its chain eight hours later.
    """
    chain_start = int(NOON.timestamp()) + 8 * 3600
    with start_anvil(timestamp=chain_start, **anvil) as chain:
        async with start_amqtt() as broker:
            world = await _build(folder, chain, broker.address, store_url or await new_sqlite_url(folder), counting)
            world.broker_process = broker
            if not serve:
                yield world
                return
            async with answering_signer(world):
                yield world


async def _build(
    folder: Path, chain: AnvilChain, broker: MqttAddress, store_url: str, counting: bool
) -> SettlementWorld:
    account = create_keys(folder / "signer", PASSPHRASE, keystore_iterations=2)
    requester = create_requester_key(folder / "requester.pem")
    token, issuer = deploy_counting(chain) if counting else deploy(chain)
    device = SendingDevice()
    world = SettlementWorld(folder, chain, store_url, broker, issuer, token, account, {}, device)
    if counting:
        world.terms_changes["code_hash"] = code_hash()
    else:
        configure(chain, issuer, device, world.config)
        grant(chain, issuer, SETTLER_ROLE, account)
    chain.rpc("anvil_setBalance", account, hex(10**20))
    world.registry = {
        "chain_id": CHAIN_ID,
        "issuer": issuer,
        "limits": {"gas_max": 3_000_000, "max_fee_wei_max": 2_000 * GWEI, "tip_wei_max": 500 * GWEI},
        "requesters": {"settlement": requester},
        "sources": [pinned_source(device, world.config)],
    }
    world.pin()
    await _write_books(world)
    return world


def pinned_source(device: SendingDevice, config: ShareConfig, plant: str = "plant") -> dict[str, Any]:
    """The registry's entry of a plant."""
    table = {"holders": list(config.holders), "weights": list(config.weights), "config_hash": config.hash().hex()}
    return {
        "source_ref": ref_of(plant).hex(),
        "device_eui": device.eui,
        "device_public_key": device.public_key.hex(),
        "profile": device.profile,
        "channel": 0,
        "nameplate_w": NAMEPLATE_W,
        "opening_register_wh": OPENING_WH,
        "opening_at": int(NOON.timestamp()),
        "wh_per_day_max": NAMEPLATE_W * 24,
        "share_tables": [table],
    }


async def _write_books(world: SettlementWorld) -> None:
    async with opened(world.store_url) as store:
        await register(store, world.device)
        await write_source(store, world.config)


async def write_source(store: Store, config: ShareConfig, plant: str = "plant", *, trial: bool = False) -> None:
    """The plant as an energy source, and its share table; with the first one, the members too."""
    now = SystemClock().now()
    async with store.begin() as work:
        for holder in HOLDERS if plant == "plant" else ():
            await identities.add_member(work, Member(f"member-{holder[-2:]}", f"Member {holder[-2:]}"), now)
        source = EnergySource(
            id=plant,
            name=plant.capitalize(),
            source_ref="0x" + ref_of(plant).hex(),
            technology="pv",
            nameplate_w=NAMEPLATE_W,
            share_total=sum(WEIGHTS),
            metering_point_id=f"mp_{plant}",
            opening_register_wh=OPENING_WH,
            opening_at=NOON,
            approved_at=NOON,
            trial=trial,
        )
        await identities.add_energy_source(work, source, now)
        held = tuple(
            Share(f"member-{holder[-2:]}", holder, weight) for holder, weight in zip(HOLDERS, WEIGHTS, strict=True)
        )
        table_id = "shares-1" if plant == "plant" else f"shares-{plant}"
        table = ShareTable(table_id, plant, 1, sum(WEIGHTS), held, "0x" + config.hash().hex(), NOON)
        await shares.add_share_table(work, table, "test", now)


@asynccontextmanager
async def answering_signer(world: SettlementWorld) -> AsyncIterator[None]:
    """The signer behind the broker, until the block ends."""
    folder = world.folder / "signer"
    journal, stop = Journal(folder), asyncio.Event()
    signer = Signer(open_settler(folder, PASSPHRASE), journal, follow(journal))
    door = asyncio.create_task(MqttDoor(world.broker, SIGNER_ID, signer, SystemClock()).run(stop))
    try:
        yield
    finally:
        stop.set()
        await door
        journal.close()
