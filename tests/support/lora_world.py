"""A LoRaWAN gateway agent's radio side under test: a modem on a pseudo terminal, the air, the backend, and a stepped clock."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from community.attestation.device_record import DeviceKeyRecord
from community.attestation.lora_frame import RadioKeys
from community.attestation.lora_frame_downlink import DownlinkCommands, seal_commands
from community.attestation.lora_reassembly import FrameOutcome, KnownDevice, Reassembly, TakenFrame
from community.attestation.lora_reassembly_pace import DownlinkPace
from community.attestation.signatures import kid_of
from community.attestation.statement import SlotReading
from community.clock import slot_at
from gateway_agent.reading import RegisterReading
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.spool import Spool
from gateway_agent.statements import DeviceIdentity
from gateway_agent.uplinks.lorawan_ecw1 import LorawanEcw1Uplink, LorawanOptions
from standalone.lora_modem import LoraModem, RadioUplink
from standalone.lora_radio import LoraRadio
from standalone.meters.serial_peer import SerialPeer

EUI = bytes.fromhex("70b3d57ed0060102")
IDENTITY = DeviceIdentity(EUI, bytes(range(32)), 0, 1, 1)
FIRST_SLOT = 20_770 * 96
DEADLINE_S = 20.0


class RecordedLog:
    """Takes the place of a module's log; keeps what is said."""

    def __init__(self) -> None:
        self.said: list[dict[str, object]] = []

    def info(self, event: str, **fields: object) -> None:
        self.said.append({"event": event, **fields})

    warning = info


class SteppedClock:
    """Stands still; the test moves it on to where the one who sleeps wants to be."""

    def __init__(self, start_s: int) -> None:
        self.now_s = start_s
        self.begun = 0
        self._sleepers: dict[int, asyncio.Future[None]] = {}
        self._until: dict[int, float] = {}

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)

    async def sleep_until(self, instant: datetime) -> None:
        self.begun += 1
        number = self.begun
        if instant.timestamp() <= self.now_s:
            return
        self._until[number] = instant.timestamp()
        self._sleepers[number] = asyncio.get_running_loop().create_future()
        try:
            await self._sleepers[number]
        finally:
            del self._sleepers[number], self._until[number]

    def wants(self) -> float | None:
        """The first instant that someone sleeps for."""
        return min(self._until.values(), default=None)

    def move_to(self, at_s: int) -> None:
        self.now_s = at_s
        for number, until_s in self._until.items():
            if until_s <= at_s and not self._sleepers[number].done():
                self._sleepers[number].set_result(None)


@dataclass
class LoraWorld:
    """Everything but the uplink itself. `loss` is the chance that a frame is not heard."""

    folder: Path
    seed: int = 1
    loss: float = 0.0
    data_rate: int | None = 5
    clock: SteppedClock = field(default_factory=lambda: SteppedClock(FIRST_SLOT * 900))
    outcomes: list[FrameOutcome] = field(default_factory=list)
    proven: dict[int, SlotReading] = field(default_factory=dict)
    truth: dict[int, int] = field(default_factory=dict)
    extra: list[DownlinkCommands] = field(default_factory=list)
    """Downlinks to give next, before those that the backend itself wants."""
    ports: list[int] = field(default_factory=list)
    mute: int = 0
    """How many uplinks the modem makes without a word about them."""

    def __post_init__(self) -> None:
        draw = random.Random(self.seed)
        key_file = self.folder / "key.pem"
        self.signer = DevelopmentKeySigner(key_file) if key_file.exists() else DevelopmentKeySigner.create(key_file)
        public_key = self.signer.public_key()
        self.keys = RadioKeys(EUI, IDENTITY.secret)
        record = DeviceKeyRecord(1, public_key, kid_of(public_key), 0)
        self.backend = Reassembly(KnownDevice(self.keys, (record,), 1))
        self.pace = DownlinkPace()
        self.radio = LoraRadio(lambda: self.clock.now_s, lambda: draw.random() < self.loss)
        self.modem = LoraModem(EUI, self._heard, lambda: None, radio=self.radio, receive=self._downlink)
        self.spool = Spool(self.folder / "spool.db", EUI.hex())
        self._down_counter = 0

    def uplink(self, answer_timeout_s: float = 5.0) -> LorawanEcw1Uplink:
        """The uplink under test, on this world's modem and spool."""
        chosen = LorawanOptions(self.data_rate, jitter_max_s=0, answer_timeout_s=answer_timeout_s)
        device = str(self.folder / "modem")
        return LorawanEcw1Uplink(
            device, IDENTITY, self.signer, self.spool, self.clock, development_key=True, options=chosen
        )

    async def serve_modem(self) -> None:
        with SerialPeer(self.folder / "modem") as line:
            received = b""
            while True:
                received += await line.receive()
                *commands, received = received.replace(b"\r", b"\n").split(b"\n")
                for command in commands:
                    answers = self.modem.answer(command.decode())
                    if self.mute and "MSGHEX" in command.decode():
                        self.mute -= 1
                        continue
                    for answer in answers:
                        line.send(f"{answer}\r\n".encode())

    def read(self, slot: int, register: int) -> None:
        """The meter's reading of `slot` comes into the spool."""
        self.truth[slot] = register
        self.spool.add_reading(RegisterReading(slot, 0, 1, (register,), "meter", 1, None), development_key=True)

    def _heard(self, uplink: RadioUplink) -> None:
        self.ports.append(uplink.f_port)
        if not uplink.payload:
            return
        outcome = self.backend.take(uplink.f_port, uplink.payload, slot_at(self.clock.now()))
        self.outcomes.append(outcome)
        if isinstance(outcome, TakenFrame):
            self.proven |= {each.slot: each for message in outcome.verified for each in message.readings}

    def _downlink(self) -> tuple[int, bytes] | None:
        commands = self.extra.pop(0) if self.extra else self.backend.requests()
        if commands.clock_correction_s is None and not self.pace.is_due(commands, self.clock.now_s):
            return None
        self.pace.sent(commands, self.clock.now_s)
        self._down_counter += 1
        return 20, seal_commands(self.keys, 0, self._down_counter, commands)

    async def idle(self) -> None:
        """Until the uplink sleeps. A few turns of the loop first: whom a reading wakes gives up its sleep within them."""
        for _ in range(10):
            await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE_S):
            while (self.clock.wants() or 0) <= self.clock.now_s:
                await asyncio.sleep(0.001)

    async def pass_to(self, uplink: LorawanEcw1Uplink, end_s: int) -> None:
        """Let time pass to `end_s`, a reading of about 100 Wh at every quarter-hour."""
        while self.clock.now_s < end_s:
            wanted = min(int(self.clock.wants() or end_s), (self.clock.now_s // 900 + 1) * 900, end_s)
            self.clock.move_to(max(wanted, self.clock.now_s + 1))
            if self.clock.now_s % 900 == 0:
                slot = self.clock.now_s // 900
                self.read(slot, 12_000_000 + (slot - FIRST_SLOT) * 100 + slot % 7)
            uplink.wake()
            await self.idle()


@asynccontextmanager
async def modem_at_work(world: LoraWorld) -> AsyncIterator[None]:
    """The modem alone, for what talks to it by itself."""
    modem = asyncio.create_task(world.serve_modem())
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not (world.folder / "modem").exists():
                await asyncio.sleep(0.001)
        yield
    finally:
        modem.cancel()
        await asyncio.gather(modem, return_exceptions=True)


@asynccontextmanager
async def running(world: LoraWorld, uplink: LorawanEcw1Uplink) -> AsyncIterator[None]:
    """Modem and uplink at work."""
    stop = asyncio.Event()
    modem = asyncio.create_task(world.serve_modem())
    async with asyncio.timeout(DEADLINE_S):
        while not (world.folder / "modem").exists():
            await asyncio.sleep(0.001)
    sending = asyncio.create_task(uplink.run(stop))
    ready = asyncio.create_task(world.idle())
    try:
        await asyncio.wait({ready, sending}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            await sending
        yield
    finally:
        stop.set()
        ready.cancel()
        modem.cancel()
        await asyncio.gather(modem, ready, return_exceptions=True)
        await asyncio.gather(sending)
