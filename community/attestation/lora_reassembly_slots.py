"""What the backend knows of each quarter-hour of a LoRaWAN device: a reading with truncated registers, or that there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from community.attestation.lora_frame_readings import (
    REGISTER_MODULUS,
    ReadingsBlock,
    complete_above,
    complete_below,
)
from community.attestation.statement import SlotReading

SEARCHED = 1024


@dataclass(frozen=True, slots=True)
class LowReading:
    """A reading as frames give it: registers modulo 2^24."""

    off_s: int
    status: int
    registers_low: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A reading that is certain: what is near it is completed from its registers."""

    slot: int
    registers: tuple[int, ...]


@dataclass(slots=True)
class SlotTable:
    """Provisional readings and known absences by slot, and the last certain reading before them."""

    anchor: Anchor | None = None
    started_with: tuple[tuple[int, ...], ...] = ()
    """Registers that meters on file began with."""
    readings: dict[int, LowReading] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)

    def add(self, block: ReadingsBlock, newest_slot: int, done_up_to: int) -> tuple[int, ...]:
        """Take in a block; returns the slots that were new. What is verified already (`done_up_to`) stays as it is.

        A reading outweighs an earlier "absent"; an equal slot with another value is replaced: the newer frame counts,
        and only the signature decides.
        """
        new: list[int] = []
        covered = {newest_slot - age for age in block.ages}
        for age, off_s, drops in zip(block.ages, block.offsets_s, block.drops, strict=True):
            slot = newest_slot - age
            if slot <= done_up_to or slot < 0:
                continue
            lows = tuple((low - drop) % REGISTER_MODULUS for low, drop in zip(block.registers_low, drops, strict=True))
            reading = LowReading(off_s, block.status, lows)
            if self.readings.get(slot) != reading:
                new.append(slot)
                self.readings[slot] = reading
                self.absent.discard(slot)
        for slot in range(max(newest_slot - block.span + 1, done_up_to + 1, 0), newest_slot):
            if slot not in covered and slot not in self.readings:
                self.absent.add(slot)
        return tuple(sorted(new))

    def present(self, first_slot: int, span: int) -> list[int]:
        """The slots of a span that have a reading, oldest first."""
        return [slot for slot in range(first_slot, first_slot + span) if slot in self.readings]

    def missing(self, first_slot: int, last_slot: int) -> list[int]:
        """The slots of which nothing is known."""
        return [s for s in range(first_slot, last_slot + 1) if s not in self.readings and s not in self.absent]

    def completed(self, slots: Sequence[int], first: tuple[int, ...]) -> tuple[SlotReading, ...]:
        """The readings of `slots` (ascending), going up from `first`, the whole registers of the first of them."""
        registers, found = first, []
        for slot in slots:
            low = self.readings[slot]
            registers = tuple(
                complete_above(part, floor) for part, floor in zip(low.registers_low, registers, strict=True)
            )
            found.append(SlotReading(slot, low.off_s, low.status, registers))
        return tuple(found)

    def searched_registers(self, slots: Sequence[int]) -> list[tuple[int, ...]]:
        """What the whole registers of a device without any history may be, small ones first: 1024 guesses in all.

        That reaches 17 GWh with one register and 500 MWh each with two; beyond it a device needs an anchor.
        """
        lows = self.readings[slots[0]].registers_low
        rounds = round(SEARCHED ** (1 / len(lows)))
        guesses = sorted(product(range(rounds), repeat=len(lows)), key=lambda each: (max(each), each))
        return [tuple(low + REGISTER_MODULUS * high for low, high in zip(lows, each, strict=True)) for each in guesses]

    def first_registers(self, slots: Sequence[int]) -> list[tuple[int, ...]]:
        """What the whole registers of the first of `slots` may be, most plausible first."""
        lows = self.readings[slots[0]].registers_low
        candidates: list[tuple[int, ...]] = []
        if self.anchor is not None and len(self.anchor.registers) == len(lows):
            pairs = list(zip(lows, self.anchor.registers, strict=True))
            if self.anchor.slot <= slots[0]:
                candidates.append(tuple(complete_above(low, floor) for low, floor in pairs))
            candidates.append(tuple(complete_below(low, ceiling) for low, ceiling in pairs))
        candidates.extend(
            tuple(complete_above(low, floor) for low, floor in zip(lows, begun, strict=True))
            for begun in self.started_with
            if len(begun) == len(lows)
        )
        candidates.append(lows)
        return [each for at, each in enumerate(candidates) if min(each) >= 0 and each not in candidates[:at]]

    def provisional(self, slots: Sequence[int]) -> tuple[SlotReading, ...]:
        """The readings of `slots` (ascending) as they most plausibly are; not proven by any signature."""
        present = [slot for slot in sorted(self.readings) if slot <= slots[-1]] if slots else []
        if not present:
            return ()
        wanted = set(slots)
        completed = self.completed(present, self.first_registers(present)[0])
        return tuple(reading for reading in completed if reading.slot in wanted)

    def settle(self, readings: Sequence[SlotReading]) -> None:
        """`readings` are verified: the newest becomes the anchor if it is newer."""
        newest = readings[-1]
        if self.anchor is None or newest.slot > self.anchor.slot:
            self.anchor = Anchor(newest.slot, newest.registers)

    def forget_up_to(self, slot: int) -> None:
        """Everything up to `slot` is verified and needed no more."""
        for done in [each for each in self.readings if each <= slot]:
            del self.readings[done]
        self.absent = {each for each in self.absent if each > slot}
