"""Settlement in one process from one seed: real books, real loop, real signer; chain, node and broker simulated.

Replicas run as tasks that a test may suspend at any call, as a pause of the whole process would, and kill anywhere.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from community.chain.signature_requests import SignatureReply, SignatureRequest, parse_request, sign_request
from community.clients.mqtt import MqttAddress
from community.errors import RetryableError
from community.minting.issuances import Issuance, IssuanceState
from community.store.issuances import issuances_in
from community.store.unit_of_work import Store
from contracts.abi import load
from settlement.gate import pass_gate
from settlement.loop import SettlementLoop, compose
from settlement.requester_key import public_key_of
from settlement.signature_broker import SignerSilent
from settlement.terms import SettlementTerms
from signer.journal import JOURNAL_FILE, Journal
from signer.keys import create_keys, open_settler
from signer.pinning import follow
from signer.signing import Signer
from tests.support.manual_clock import ManualClock
from tests.support.plant_on_chain import NAMEPLATE_W, OPENING_WH, config_of, ref_of
from tests.support.sending_device import NOON, SendingDevice, register
from tests.support.settlement_world import PASSPHRASE, SettlementWorld, pinned_source, write_source
from tests.support.simulated_chain import CHAIN_ID, SimulatedChain, Source
from tests.support.simulated_node import SimulatedNode
from tests.support.stores import new_sqlite_url

GWEI = 10**9
ISSUER = "0x" + "15" * 20
PLANTS = ("plant", "barn")


class Killed(BaseException):
    """The process ends here. Like a signal, no handler of the product may stop it."""


class BrokerFault(StrEnum):
    """What the broker does to one request and its answer."""

    NONE = "none"
    REQUEST_LOST = "request lost"
    REPLY_LOST = "reply lost"
    DUPLICATED = "duplicated"
    DELAYED = "delayed"


@dataclass
class SimulatedBroker:
    """A SignerPort: the real signer behind a broker that loses, doubles and delays messages."""

    signer: Signer
    key: Ed25519PrivateKey
    clock: ManualClock
    faults: deque[BrokerFault] = field(default_factory=deque)
    delayed: list[bytes] = field(default_factory=list)
    before_ask: Callable[[], Any] | None = None

    async def ask(self, request: SignatureRequest) -> SignatureReply:
        if self.before_ask is not None:
            await self.before_ask()
        message = sign_request(request, self.key, int(self.clock.now().timestamp()))
        fault = self.faults.popleft() if self.faults else BrokerFault.NONE
        if fault is BrokerFault.DELAYED:
            self.delayed.append(message)
        if fault in (BrokerFault.REQUEST_LOST, BrokerFault.DELAYED):
            raise SignerSilent("the request did not arrive")
        reply = self.deliver(message)
        if fault is BrokerFault.DUPLICATED:
            assert self.deliver(message) == reply, "a repeat is answered the same"
        if fault is BrokerFault.REPLY_LOST or reply is None:
            raise SignerSilent("the answer did not arrive")
        return reply

    def deliver(self, message: bytes) -> SignatureReply | None:
        """Hand a message to the signer as its door does; what travelled too long gets no answer."""
        asked = parse_request(message)
        assert asked.is_signed_by(self.signer.registry().requesters[asked.request.requester])
        if not asked.is_fresh(self.clock.now().timestamp()):
            return None
        return self.signer.answer(asked.request, self.clock.now())

    def deliver_delayed(self) -> None:
        """What was under way arrives now; the answers find nobody who waits."""
        for message in self.delayed:
            self.deliver(message)
        self.delayed.clear()


@dataclass
class Replica:
    """One settlement process: a loop over the books, with nothing in it that a new one would not find there."""

    world: "SimulatedSettlement"
    loop: SettlementLoop
    node: SimulatedNode
    kill_at: str | None = None
    calls_until_pause: int | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[bool] | None = None

    def failpoint(self, name: str) -> None:
        if name == self.kill_at:
            self.kill_at = None
            self.world.deaths.append(name)
            raise Killed(name)

    async def before_call(self, _method: str = "") -> None:
        if self.calls_until_pause is None:
            return
        self.calls_until_pause -= 1
        if self.calls_until_pause < 0:
            self.calls_until_pause = None
            self.paused.set()
            await self.wake.wait()


@dataclass
class SimulatedSettlement:
    """Everything around settlement. `store` is the books; `broadcast` is every transaction that left the process."""

    folder: Path
    chain: SimulatedChain
    plant: SettlementWorld
    store: Store
    clock: ManualClock
    broker: SimulatedBroker
    journal: Journal
    terms: SettlementTerms
    produced_wh: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLANTS, 0))
    quarters: int = 0
    deaths: list[str] = field(default_factory=list)
    broadcast: dict[str, bytes] = field(default_factory=dict)
    unstored: list[str] = field(default_factory=list)

    async def produce(self, *energies_wh: int) -> None:
        """One more quarter-hour of each plant that an energy is given for, signed and stored; time goes on."""
        self.quarters += 1
        for plant, energy_wh in zip(PLANTS, energies_wh, strict=False):
            self.produced_wh[plant] += energy_wh
            await self.plant.add_readings((self.quarters, self.produced_wh[plant]), plant=plant)
        await self.advance(timedelta(minutes=15))

    async def advance(self, by: timedelta) -> None:
        await self.clock.move_to(self.clock.now() + by)

    async def replica(self) -> Replica:
        """A process that just started and passed the gate."""
        node = SimulatedNode(self.chain, load("EnergyIssuer").deployed_bytecode)
        loop = cast(SettlementLoop, None)
        replica = Replica(self, loop, node)
        node.before_call = replica.before_call
        node.on_broadcast = self._sent
        held = await pass_gate(self.terms, node, self.store)
        replica.loop = compose(
            self.terms, node, self.store, self.broker, self.clock, failpoint=replica.failpoint, held=held
        )
        return replica

    def _sent(self, raw: bytes) -> None:
        """Note what leaves the process, and whether the books had it before (I5)."""
        with sqlite3.connect(self.database) as database:
            stored = database.execute("SELECT count(*) FROM transaction_attempt WHERE raw = ?", (raw,)).fetchone()[0]
        if not stored:
            self.unstored.append(raw.hex())
        self.broadcast[raw.hex()] = raw

    @property
    def database(self) -> str:
        return self.plant.store_url.removeprefix("sqlite:///")

    def journal_rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the signer's journal, read beside it."""
        with sqlite3.connect(self.folder / "signer" / JOURNAL_FILE) as database:
            return list(database.execute(query))

    def book_rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the books, in plain SQL."""
        with sqlite3.connect(self.database) as database:
            return list(database.execute(query))

    async def issuances(self) -> list[Issuance]:
        async with self.store.read() as work:
            found = await issuances_in(work, set(IssuanceState), limit=5_000)
            return sorted(found, key=lambda one: (PLANTS.index(one.source_id), one.from_wh))

    async def run(self, replica: Replica) -> bool:
        """A pass of a replica. False if it died, by a kill or because another process did its work."""
        try:
            await replica.loop.pass_once()
        except Killed:
            return False
        except RetryableError:
            return True
        return True

    async def close(self) -> None:
        await self.store.close()
        self.journal.close()


async def simulated_settlement(folder: Path, *, guarded: bool) -> SimulatedSettlement:
    """A plant, its books and its signer in `folder`, and a chain on which it is configured."""
    account = create_keys(folder / "signer", PASSPHRASE, keystore_iterations=2)
    key = Ed25519PrivateKey.generate()
    # a day ahead of the plants: a life of 60 quarter-hours must not overtake the chain's clock, which adds seconds a block
    chain = SimulatedChain(ISSUER, int(NOON.timestamp()) + 24 * 3600, guarded=guarded)
    url = await new_sqlite_url(folder)
    none = cast(MqttAddress, None)
    plant = SettlementWorld(folder, cast(Any, None), url, none, ISSUER, ISSUER, account, {}, SendingDevice())
    store = Store.open(url)
    await register(store, plant.device)
    await write_source(store, plant.config)
    plant.registry = {
        "chain_id": CHAIN_ID,
        "issuer": ISSUER,
        "limits": {"gas_max": 3_000_000, "max_fee_wei_max": 2_000 * GWEI, "tip_wei_max": 500 * GWEI},
        "requesters": {"settlement": public_key_of(key)},
        "sources": [pinned_source(plant.device, plant.config)],
    }
    await plant.add_plant("barn")
    for name in PLANTS:
        config = config_of(plant.neighbours.get(name, plant.device))
        chain.configure(
            "0x" + ref_of(name).hex(), Source(OPENING_WH, int(NOON.timestamp()), config.hash(), NAMEPLATE_W)
        )
    plant.pin()
    journal = Journal(folder / "signer")
    signer = Signer(open_settler(folder / "signer", PASSPHRASE), journal, follow(journal))
    clock = ManualClock(NOON + timedelta(minutes=1))
    terms = SettlementTerms(CHAIN_ID, ISSUER, account, tip_wei_min=GWEI)
    return SimulatedSettlement(folder, chain, plant, store, clock, SimulatedBroker(signer, key, clock), journal, terms)
