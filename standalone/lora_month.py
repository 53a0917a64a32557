"""A LoRaWAN device and its backend over simulated weeks: loss both ways, repair, the day's airtime. Repeatable by seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from community.attestation.device_record import DeviceKeyRecord
from community.attestation.lora_frame import RadioKeys, run_of, seal_uplink
from community.attestation.lora_frame_downlink import open_commands, seal_commands
from community.attestation.lora_reassembly import KnownDevice, Reassembly, TakenFrame
from community.attestation.lora_reassembly_pace import DownlinkPace
from community.attestation.sealing import derive_salt_key, slot_salt
from community.attestation.signatures import kid_of
from community.attestation.statement import SignedStatement, SlotReading, build_statement, sig_structure
from gateway_agent.lorawan.airtime import DAY_S, PAYLOAD_MAX
from gateway_agent.lorawan.queue import SendQueue
from gateway_agent.lorawan.rate_plans import RATE_PLANS, due_statements
from gateway_agent.lorawan.scheduler import LoraScheduler, NextFrame, nearest
from standalone.lora_household import register_values

FIRST_SLOT = 20_770 * 96
"""Midnight UTC of a day in 2026."""
SETTLE_DAYS = 5
"""Within so many days every reading must be verified."""
_SLOT_S = 900


@dataclass(frozen=True, slots=True)
class MonthOptions:
    """What is simulated."""

    data_rate: int
    seed: int
    days: int = 30
    loss: float = 0.1
    """Chance that an uplink, or a downlink, is heard by nobody."""
    registers: Callable[[int], Iterator[int]] = register_values
    silent: tuple[int, int] = (0, 0)
    """From which day to which (not included) the modem is away: the device reads on and sends nothing."""


@dataclass(slots=True)
class MonthResult:
    """What came of it."""

    readings: int = 0
    verified: int = 0
    latest_verified_days: float = 0.0
    """The longest time from a reading to its verified statement."""
    uplinks: int = 0
    lost: int = 0
    downlinks: int = 0
    airtime_s_per_day: float = 0.0
    airtime_s_busiest: float = 0.0
    """The most within any 24 hours."""
    wrong: list[str] = field(default_factory=list)


class SimulatedDevice:
    """Meter, key, statements and scheduler of one device; what the modem would send is returned."""

    def __init__(self, options: MonthOptions, draw: random.Random) -> None:
        key = ec.derive_private_key(options.seed + 0x1234567, ec.SECP256R1())
        self.public_key = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.keys = RadioKeys((0x70B3D57ED0000000 + options.seed).to_bytes(8, "big"), draw.randbytes(32))
        self._key = key
        self._data_rate = options.data_rate
        self.held: dict[int, SlotReading] = {}
        self.unsigned: list[SlotReading] = []
        self.statements: dict[int, SignedStatement] = {}
        self._counter = 0
        self.scheduler = LoraScheduler(SendQueue(FIRST_SLOT - 1), draw.randrange)
        self._salt_of = partial(slot_salt, derive_salt_key(self.keys.secret, self.keys.dev_eui))
        self._down_counter: int | None = None

    def read(self, reading: SlotReading) -> None:
        """The meter's next register; statements that are complete with it are signed."""
        self.held[reading.slot] = reading
        self.unsigned.append(reading)
        for group in due_statements(self.unsigned, RATE_PLANS[self._data_rate], reading.slot):
            ctr = self.scheduler.queue.known_ctr + 1
            statement, _leaves = build_statement(self.keys.dev_eui, 1, ctr, 1, group, self._salt_of)
            payload = statement.payload()
            r, s = decode_dss_signature(self._key.sign(sig_structure(payload), ec.ECDSA(SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
            self.statements[ctr] = SignedStatement(statement, payload, signature, kid_of(self.public_key))
            self.scheduler.queue.line_up(ctr)
            del self.unsigned[: len(group)]

    def seal(self, frame: NextFrame) -> tuple[int, bytes]:
        """(FPort, payload) of what the scheduler chose."""
        run = frame.run
        signature = None if run is None else run_of(self.statements[run.ctr], run.first, run.count)
        self._counter += 1
        return seal_uplink(self.keys, 0, self._counter, frame.readings, signature, frame.first_slot)

    def hear(self, frame: bytes) -> None:
        """A downlink."""
        opened, commands = open_commands(self.keys, frame, self._down_counter)
        self._down_counter = opened.counter
        if commands.stored_up_to is not None:
            stored = nearest(commands.stored_up_to, max(self.held), 1 << 16)
            self.held = {slot: reading for slot, reading in self.held.items() if slot > stored}
            for ctr in [ctr for ctr, each in self.statements.items() if each.statement.last_slot <= stored]:
                del self.statements[ctr]
                self.scheduler.queue.chunks.pop(ctr, None)
        self.scheduler.ask(commands, self.held)


class Month:
    """One run."""

    def __init__(self, options: MonthOptions) -> None:
        self._options = options
        self._draw = random.Random(f"{options.seed} {options.data_rate}")
        self._device = SimulatedDevice(options, self._draw)
        key = DeviceKeyRecord(1, self._device.public_key, kid_of(self._device.public_key), 0)
        self._backend = Reassembly(KnownDevice(self._device.keys, (key,), 1))
        self._pace = DownlinkPace()
        self._down_counter = 0
        self._truth: dict[int, int] = {}
        self._verified: set[int] = set()
        self._air: list[tuple[int, int]] = []
        self.result = MonthResult()

    def run(self) -> MonthResult:
        """Readings for the days asked for, and until the last of them had its time to be verified."""
        options, result = self._options, self.result
        days = options.days + SETTLE_DAYS
        for slot, register in zip(
            range(FIRST_SLOT, FIRST_SLOT + days * 96), options.registers(options.seed), strict=False
        ):
            self._truth[slot] = register
            self._device.read(SlotReading(slot, 0, 1, (register,)))
            self._until((slot + 1) * _SLOT_S, slot * _SLOT_S)
        counted = range(FIRST_SLOT, FIRST_SLOT + options.days * 96)
        result.readings = len(counted)
        result.verified = sum(1 for slot in counted if slot in self._verified)
        begin, end = FIRST_SLOT * _SLOT_S, (FIRST_SLOT + options.days * 96) * _SLOT_S
        result.airtime_s_per_day = sum(us for at_s, us in self._air if begin <= at_s < end) / options.days / 1e6
        return result

    def _until(self, end_s: int, now_s: int) -> None:
        """Let the device send what it wants before `end_s`."""
        data_rate = self._options.data_rate
        if now_s // DAY_S - FIRST_SLOT // 96 in range(*self._options.silent):
            return
        while now_s < end_s:
            chosen = self._device.scheduler.next(now_s, data_rate, PAYLOAD_MAX[data_rate], self._device.held)
            if not isinstance(chosen, NextFrame):
                now_s = max(chosen.at_s, now_s + 1)
                continue
            f_port, payload = self._device.seal(chosen)
            if len(payload) != chosen.size:
                self.result.wrong.append(f"a frame of {len(payload)} bytes was announced with {chosen.size}")
            self._device.scheduler.sent(chosen, now_s, data_rate)
            self._account(now_s, chosen.airtime_us)
            self._transmit(f_port, payload, now_s)
            now_s += 1

    def _account(self, now_s: int, us: int) -> None:
        self._air.append((now_s, us))
        self.result.uplinks += 1
        day_us = sum(each for at_s, each in self._air if at_s > now_s - DAY_S)
        self.result.airtime_s_busiest = max(self.result.airtime_s_busiest, day_us / 1e6)

    def _transmit(self, f_port: int, payload: bytes, now_s: int) -> None:
        if self._draw.random() < self._options.loss:
            self.result.lost += 1
            return
        outcome = self._backend.take(f_port, payload, now_s // _SLOT_S)
        if not isinstance(outcome, TakenFrame):
            self.result.wrong.append(f"the backend did not take a good frame: {outcome}")
            return
        for message in outcome.verified:
            for reading in message.readings:
                if self._truth[reading.slot] != reading.registers[0]:
                    self.result.wrong.append(f"slot {reading.slot} was verified with another value")
                self._verified.add(reading.slot)
                late = (now_s / _SLOT_S - reading.slot) / 96
                self.result.latest_verified_days = max(self.result.latest_verified_days, late)
        self._answer(now_s)

    def _answer(self, now_s: int) -> None:
        commands = self._backend.requests()
        if not self._pace.is_due(commands, now_s):
            return
        self._pace.sent(commands, now_s)
        self.result.downlinks += 1
        self._down_counter += 1
        frame = seal_commands(self._device.keys, 0, self._down_counter, commands)
        if self._draw.random() >= self._options.loss:
            self._device.hear(frame)


def simulate(options: MonthOptions) -> MonthResult:
    """Run it once."""
    return Month(options).run()
