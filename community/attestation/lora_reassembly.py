"""Statements put together again from LoRaWAN frames (wire-format 1 and 2.6): the same COSE_Sign1 that the device signed.

A fold over frames in whatever order they come. Readings are provisional until their statement verifies; `requests`
says what to ask the device for. The state can be had again by folding the stored frames of the last 40 days.
"""

from collections.abc import Container
from dataclasses import dataclass, field
from functools import partial

from community.attestation.device_message import DeviceMessage
from community.attestation.device_record import DeviceKeyRecord
from community.attestation.lora_bits import MalformedFrame
from community.attestation.lora_frame import (
    CHUNKS,
    CTR_MODULUS,
    OpenedFrame,
    RadioKeys,
    SignatureRun,
    open_frame,
)
from community.attestation.lora_frame_downlink import (
    PLAINTEXT_MAX,
    RANGE_MAX,
    ChunkRequest,
    DownlinkCommands,
    SlotRange,
    encode_commands,
)
from community.attestation.lora_frame_readings import SLOT_MODULUS, complete_slot
from community.attestation.lora_reassembly_slots import Anchor, SlotTable
from community.attestation.profiles import PROFILES
from community.attestation.sealing import Direction, SealBroken, derive_salt_key, slot_salt
from community.attestation.signatures import verify_p256
from community.attestation.statement import SignedStatement, SlotReading, build_statement, sig_structure

REPLAY_WINDOW = 1024
CTR_LOW_MODULUS = 1 << 16
_ALL = (1 << CHUNKS) - 1


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """The registration of a LoRaWAN device, and how far its evidence is verified without a gap."""

    radio: RadioKeys
    keys: tuple[DeviceKeyRecord, ...]
    profile: int
    verified_ctr: int = 0
    """Every statement up to this counter is verified and stored."""
    anchor: Anchor | None = None
    """A reading that is verified, by default the last one of that statement."""
    last_counter: int | None = None
    """The highest message counter seen."""
    covered_to: int | None = None
    """The last slot that statement covers; None: the anchor's."""
    replay_window: int = REPLAY_WINDOW
    """How far below the highest a message counter is still taken: wider where someone else remembers all of them."""
    started_with: tuple[tuple[int, ...], ...] = ()
    """Registers that the device's meters began with, as on file: after an exchange the readings go on from there."""

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"profile {self.profile} is not known here")
        if self.verified_ctr < 0:
            raise ValueError("a statement counter is not negative")


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """A frame that is the device's and new."""

    opened: OpenedFrame
    provisional: tuple[SlotReading, ...]
    """Its new readings, oldest first; to be shown, not to be booked."""
    verified: tuple[DeviceMessage, ...]
    """Statements that are complete now and whose signature holds, in the order of their counters."""
    newest_slot: int | None = None
    """The newest slot it shows, if it shows any."""
    statement_ctr: int | None = None
    """The statement whose signature it carries a part of, if any."""


@dataclass(frozen=True, slots=True)
class RepeatedFrame:
    """A message counter that was taken in before, or is too old to tell: to be dropped."""

    counter: int


@dataclass(frozen=True, slots=True)
class RefusedFrame:
    """Not the device's, or unreadable. `broken` tells altered bytes from a wrong shape."""

    detail: str
    broken: bool


FrameOutcome = TakenFrame | RepeatedFrame | RefusedFrame


@dataclass(slots=True)
class _Signature:
    """What came of one statement's signature."""

    chunks: list[bytes | None] = field(default_factory=lambda: [None] * CHUNKS)
    first_slot: int | None = None
    span: int | None = None
    searched: int = 0
    """With how many readings the registers of a device without history were searched for."""

    def missing_mask(self) -> int:
        return sum(1 << at for at, chunk in enumerate(self.chunks) if chunk is None)

    def highest(self) -> int:
        return max(at for at, chunk in enumerate(self.chunks) if chunk is not None)


class Reassembly:
    """The frames of one device."""

    def __init__(self, device: KnownDevice) -> None:
        self.device = device
        self.verified_ctr = device.verified_ctr
        self.last_counter = device.last_counter
        self._slots = SlotTable(device.anchor, device.started_with)
        self._signatures: dict[int, _Signature] = {}
        self._spans: dict[int, tuple[int, int]] = {}
        self._seen: set[int] = set()
        self._newest: int | None = None
        self._salt_of = partial(slot_salt, derive_salt_key(device.radio.secret, device.radio.dev_eui))

    @property
    def verified_up_to(self) -> int | None:
        """The slot up to which everything is verified without a gap; None before the first statement."""
        done = self._done_slot()
        return done if done >= 0 else None

    @property
    def anchor(self) -> Anchor | None:
        """The newest reading that is verified."""
        return self._slots.anchor

    @property
    def unverifiable(self) -> tuple[int, ...]:
        """Statements of which everything came, and whose signature still does not hold: a person has to look."""
        return tuple(
            ctr
            for ctr, pending in sorted(self._signatures.items())
            if not pending.missing_mask()
            and pending.first_slot is not None
            and pending.span is not None
            and not self._slots.missing(pending.first_slot, pending.first_slot + pending.span - 1)
        )

    def take(self, f_port: int, frame: bytes, received_slot: int) -> FrameOutcome:
        """Take in one uplink that came in quarter-hour `received_slot`."""
        try:
            opened = open_frame(self.device.radio, Direction.UP, f_port, frame, self.last_counter)
        except SealBroken as error:
            return RefusedFrame(str(error), broken=True)
        except MalformedFrame as error:
            return RefusedFrame(str(error), broken=False)
        if not self._is_new(opened.counter):
            return RepeatedFrame(opened.counter)
        new: tuple[int, ...] = ()
        newest: int | None = None
        ctr: int | None = None
        if opened.block is not None:
            if len(opened.block.registers_low) != len(PROFILES[self.device.profile]):
                return RefusedFrame("the frame has other registers than the device is registered with", broken=False)
            newest = complete_slot(opened.block.slot_low, received_slot)
            self._newest = newest if self._newest is None else max(newest, self._newest)
            new = self._slots.add(opened.block, newest, self._done_slot())
        if opened.signature is not None:
            ctr = self._take_chunks(opened.signature, received_slot)
        provisional = self._slots.provisional(new)
        return TakenFrame(opened, provisional, self._verify_complete(), newest, ctr)

    def requests(self, *, slots_after: int = 0, since_slot: int = 0, lost: Container[int] = ()) -> DownlinkCommands:
        """What to tell the device now: what is stored, and what is missing, oldest first, as it fits one downlink.

        The newest `slots_after` quarter-hours are not asked for yet: later frames may still show them. What the device has
        no more is not asked for: ranges that end before `since_slot`, and statements in `lost`.
        """
        ranges = [
            SlotRange(first % SLOT_MODULUS, slots)
            for first, slots in self.missing_slots(slots_after)
            if first + slots > since_slot
        ]
        chunks = [ChunkRequest(ctr % CTR_LOW_MODULUS, mask) for ctr, mask in self.missing_chunks() if ctr not in lost]
        done = self.verified_up_to
        stored = None if done is None else done % SLOT_MODULUS
        while True:
            commands = DownlinkCommands(stored, tuple(ranges), tuple(chunks))
            if len(encode_commands(commands)) <= PLAINTEXT_MAX:
                return commands
            (ranges if len(ranges) > len(chunks) else chunks).pop()

    def _is_new(self, counter: int) -> bool:
        last = self.last_counter
        if counter in self._seen or (last is not None and counter <= last - self.device.replay_window):
            return False
        if last == counter and not self._seen:  # the last one before this fold began
            return False
        self.last_counter = counter if last is None else max(counter, last)
        self._seen.add(counter)
        self._seen = {each for each in self._seen if each > self.last_counter - self.device.replay_window}
        return True

    def _done_slot(self) -> int:
        """The newest slot about which nothing is open; -1 before anything is verified."""
        if self.verified_ctr in self._spans:
            first, span = self._spans[self.verified_ctr]
            return first + span - 1
        if self.device.covered_to is not None:
            return self.device.covered_to
        if self.device.anchor is None or not self.device.verified_ctr:
            return -1  # an anchor of a later statement says nothing of what lies before
        return self.device.anchor.slot

    def _take_chunks(self, run: SignatureRun, received_slot: int) -> int | None:
        """Take in a part of a signature; returns the statement's counter, None for one verified long ago."""
        ctr = self.verified_ctr + 1 + (run.ctr_low - self.verified_ctr - 1) % CTR_MODULUS
        if ctr > self.verified_ctr + CTR_MODULUS // 2 or ctr in self._spans:
            return None
        pending = self._signatures.setdefault(ctr, _Signature())
        for at, chunk in enumerate(run.chunks, start=run.first_chunk):
            pending.chunks[at] = chunk
        if run.first_slot_low is not None:
            pending.first_slot, pending.span = complete_slot(run.first_slot_low, received_slot), run.span
        return ctr

    def _verify_complete(self) -> tuple[DeviceMessage, ...]:
        verified: list[DeviceMessage] = []
        while found := self._verify_next():  # each one may say how the registers of another begin
            verified.append(found)
        while self.verified_ctr + 1 in self._spans:
            self._spans.pop(self.verified_ctr, None)
            self.verified_ctr += 1
            self._slots.forget_up_to(self._done_slot())
        return tuple(sorted(verified, key=lambda each: each.signed.statement.ctr))

    def _verify_next(self) -> DeviceMessage | None:
        for ctr in sorted(self._signatures):
            message = self._verify(ctr, self._signatures[ctr])
            if message is not None:
                statement = message.signed.statement
                del self._signatures[ctr]
                self._spans[ctr] = (statement.first_slot, statement.span)
                self._slots.settle(message.readings)
                return message
        return None

    def _verify(self, ctr: int, pending: _Signature) -> DeviceMessage | None:
        """The statement, if what is known makes it whole. Slots not known are tried as absent: the signature decides."""
        chunks = [chunk for chunk in pending.chunks if chunk is not None]
        if len(chunks) < CHUNKS or pending.first_slot is None or pending.span is None:
            return None
        slots = self._slots.present(pending.first_slot, pending.span)
        if not slots:
            return None
        signature = b"".join(chunks)
        guesses = self._slots.first_registers(slots)
        complete = not self._slots.missing(pending.first_slot, pending.first_slot + pending.span - 1)
        if self._slots.anchor is None and complete and pending.searched != len(slots):
            pending.searched = len(slots)  # once, until another reading is known
            guesses = self._slots.searched_registers(slots)
        for first in guesses:
            readings = self._slots.completed(slots, first)
            for key in self.device.keys:
                statement, _leaves = build_statement(
                    self.device.radio.dev_eui,
                    key.keyno,
                    ctr,
                    self.device.profile,
                    readings,
                    self._salt_of,
                    first_slot=pending.first_slot,
                    span=pending.span,
                )
                payload = statement.payload()
                if verify_p256(key.public_key, sig_structure(payload), signature):
                    return DeviceMessage(SignedStatement(statement, payload, signature, key.kid), readings)
        return None

    def missing_chunks(self) -> list[tuple[int, int]]:
        """(statement counter, mask) of the chunks that must have been sent, because something later was."""
        newest = max((*self._signatures, *self._spans), default=self.verified_ctr)
        found: list[tuple[int, int]] = []
        for ctr in range(self.verified_ctr + 1, newest + 1):
            if ctr in self._spans:
                continue
            pending = self._signatures.get(ctr)
            mask = _ALL if pending is None else pending.missing_mask()
            if pending is not None and ctr == newest:
                mask &= (1 << pending.highest()) - 1
            if mask:
                found.append((ctr, mask))
        return found

    def missing_slots(self, slots_after: int = 0) -> list[tuple[int, int]]:
        """(first slot, slots) of which nothing is known, though ones later by `slots_after` are."""
        if self._newest is None:
            return []
        begin = self._done_slot() + 1
        if begin == 0:
            known = [pending.first_slot for pending in self._signatures.values() if pending.first_slot is not None]
            begin = min((*known, *self._slots.readings), default=self._newest)
        covered = {
            slot for first, span in self._spans.values() for slot in range(first, first + span)
        } | self._between_statements()
        missing = [slot for slot in self._slots.missing(begin, self._newest - slots_after) if slot not in covered]
        ranges: list[tuple[int, int]] = []
        for slot in missing:
            if ranges and slot == ranges[-1][0] + ranges[-1][1] and ranges[-1][1] < RANGE_MAX:
                ranges[-1] = (ranges[-1][0], ranges[-1][1] + 1)
            else:
                ranges.append((slot, 1))
        return ranges

    def _between_statements(self) -> set[int]:
        """Slots between two statements with consecutive counters: the device signed that they have no reading."""
        begins = {ctr: each.first_slot for ctr, each in self._signatures.items() if each.first_slot is not None}
        begins |= {ctr: first for ctr, (first, _span) in self._spans.items()}
        ends = {
            ctr: each.first_slot + each.span
            for ctr, each in self._signatures.items()
            if each.first_slot is not None and each.span is not None
        } | {ctr: first + span for ctr, (first, span) in self._spans.items()}
        if self.verified_ctr and self.verified_ctr not in ends and self._done_slot() >= 0:
            ends[self.verified_ctr] = self._done_slot() + 1
        return {slot for ctr, end in ends.items() if ctr + 1 in begins for slot in range(end, begins[ctr + 1])}
