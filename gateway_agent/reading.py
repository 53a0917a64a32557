"""What a meter says, and what the sampler makes of it on a quarter-hour boundary."""

from dataclasses import dataclass, field
from datetime import datetime

from community.attestation.statement import SlotReading


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

    def __post_init__(self) -> None:
        if not self.registers_wh or any(value < 0 for value in self.registers_wh.values()):
            raise ValueError("a sample needs at least one register, and none may be negative")
        if self.resolution_wh < 1:
            raise ValueError("the resolution is at least 1 Wh")
        if self.meter_at is not None and self.meter_at.tzinfo is None:
            raise ValueError("the meter's instant must have a time zone")


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

    def __post_init__(self) -> None:
        self.slot_reading()  # validates

    def slot_reading(self) -> SlotReading:
        """The part of it that is signed."""
        return SlotReading(self.slot, self.off_s, self.status, self.registers)
