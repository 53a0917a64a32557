"""What a meter says, what the sampler makes of it on a quarter-hour boundary, and what was noticed about it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag

from community.attestation.statement import SlotReading

COUNTER_MAX = 2**32 - 1


class ReadingFlag(IntFlag):
    """What the rules noticed about a reading. A flag never drops it; kept in the spool, shown to people."""

    LATE = 1
    """No telegram came within a minute of the boundary."""
    METER_CLOCK_WRONG = 2
    """The meter's clock is too far from ours: ours placed the reading, or the other way round."""
    HOST_CLOCK_UNSYNCHRONISED = 4
    """Nothing confirms our own clock."""
    HOST_CLOCK_WENT_BACK = 8
    """Our own clock was set back while we watched."""
    METER_ERROR = 16
    """The meter itself reports an error."""
    CASE_OPENED = 32
    POWER_FAILED = 64
    COUNTER_NOT_RISING = 128
    """The telegram's invocation counter is not above the last reading's."""
    DUPLICATE_FRAME = 256
    """The telegram is the last reading's, byte for byte."""
    REGISTER_FELL = 512
    ZERO_AFTER_NONZERO = 1024
    TOO_FAST = 2048
    """More energy than the connection can carry in the time."""
    UNIT_CHANGED = 4096
    RESOLUTION_CHANGED = 8192
    METER_CHANGED = 16384
    """Another serial number than before."""
    RESET = 32768
    """The first reading of a register that fell and stayed there: a new meter, or one set back."""
    FROM_BEFORE = 65536
    """None came at all in the first minute: the newest telegram of before the boundary stands for it."""

    @property
    def names(self) -> list[str]:
        """The flags that are set, in small letters, for people."""
        return [(flag.name or "").lower() for flag in ReadingFlag if flag in self]


NOTHING = ReadingFlag(0)


@dataclass(frozen=True, slots=True)
class RawRegister:
    """A register as the meter sent it: `value` x 10^`scaler` `unit`, nothing rounded."""

    value: int
    scaler: int
    unit: str

    def __post_init__(self) -> None:
        if not -64 <= self.scaler <= 64:
            raise ValueError(f"a scaler of {self.scaler} is no scaler of a meter")


@dataclass(frozen=True, slots=True)
class MeterSample:
    """One answer or telegram of a meter: its energy registers and its own clock."""

    registers_wh: dict[str, int]
    """Cumulative registers by OBIS code, in whole Wh."""
    meter_serial: str
    meter_at: datetime | None
    """The instant the meter itself gives, in UTC; None if it gives none."""
    resolution_wh: int = 1
    """The smallest step the registers can make at their present height."""
    meter_error: bool = False
    powers_w: dict[str, int] = field(default_factory=dict)
    frame: bytes | None = None
    """The telegram exactly as received, where the meter pushes telegrams."""
    raw: dict[str, RawRegister] = field(default_factory=dict)
    """The registers before they were made Wh. What is not here was sent as whole Wh."""
    invocation_counter: int | None = None
    """The telegram's own counter, where there is one: it must rise."""
    case_opened: bool = False
    power_failed: bool = False

    def __post_init__(self) -> None:
        if not self.registers_wh or any(value < 0 for value in self.registers_wh.values()):
            raise ValueError("a sample needs at least one register, and none may be negative")
        if self.resolution_wh < 1:
            raise ValueError("the resolution is at least 1 Wh")
        if self.meter_at is not None and self.meter_at.tzinfo is None:
            raise ValueError("the meter's instant must have a time zone")
        if self.invocation_counter is not None and not 0 <= self.invocation_counter <= COUNTER_MAX:
            raise ValueError(f"an invocation counter is 32 bits, not {self.invocation_counter}")

    def raw_of(self, obis: str) -> RawRegister:
        """The register `obis` as it was sent. Raises KeyError if the meter did not send it."""
        return self.raw.get(obis) or RawRegister(self.registers_wh[obis], 0, "Wh")


@dataclass(frozen=True, slots=True)
class RegisterReading:
    """The registers at one quarter-hour boundary, ready to be kept and signed."""

    slot: int
    off_s: int
    """Seconds from the boundary to the meter's own time; 255 = unknown."""
    status: int
    registers: tuple[int, ...]
    """Wh, in the order of the device's register profile."""
    meter_serial: str
    resolution_wh: int
    frame: bytes | None = None
    flags: ReadingFlag = NOTHING
    raw: tuple[RawRegister, ...] = ()
    """As sent, in the same order; empty where that was whole Wh."""
    frame_sha256: bytes | None = None
    """SHA-256 of the telegram, kept when the telegram itself is not."""
    invocation_counter: int | None = None
    meter_at: datetime | None = None
    gateway_at: datetime | None = None
    clock_synchronised: bool | None = None
    """Whether our own clock was confirmed by a time server; None = nobody knows."""

    def __post_init__(self) -> None:
        self.slot_reading()  # validates
        if self.raw and len(self.raw) != len(self.registers):
            raise ValueError("there is one raw register for each register, or none at all")

    def slot_reading(self) -> SlotReading:
        """The part of it that is signed."""
        return SlotReading(self.slot, self.off_s, self.status, self.registers)


def digest_of(frame: bytes | None) -> bytes | None:
    """SHA-256 of a telegram as received."""
    return None if frame is None else hashlib.sha256(frame).digest()
