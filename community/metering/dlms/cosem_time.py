"""COSEM date-time (DLMS Blue Book 4.1.6.1), 12 bytes, and the instant in UTC that it names.

year u16, month, day, weekday, hour, minute, second, hundredths, deviation i16 (minutes, UTC = local + deviation), clock
status. Landis+Gyr sends deviation 8000 (unspecified): then the zone comes from configuration and bit 0x80 of the status
tells the two hours apart that the end of daylight saving makes of one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from community.metering.dlms.unreadable import UnreadableClock

TIME_SIZE = 12
DEVIATION_UNSPECIFIED = -0x8000
STATUS_INVALID = 0x01
STATUS_DAYLIGHT_SAVING = 0x80
_STATUS_UNSPECIFIED = 0xFF
_DEVIATION_MAX_MIN = 840
_YEAR_MIN, _YEAR_MAX = 1970, 2200
"""An instant of other years is no meter's, and near the ends of the calendar there is none."""
_WEEKDAY_UNSPECIFIED, _WEEKDAY_UNSET = 0xFF, 0x00
"""Landis+Gyr ZMF100 sends zero."""


@dataclass(frozen=True, slots=True)
class CosemTime:
    """A meter's own time, not yet an instant: local wall clock, deviation if it sent one, status byte."""

    local: datetime
    """Naive, to the second."""
    deviation_min: int | None
    status: int

    @property
    def daylight_saving(self) -> bool:
        """The meter says daylight saving is on."""
        return self.status != _STATUS_UNSPECIFIED and bool(self.status & STATUS_DAYLIGHT_SAVING)

    @property
    def invalid(self) -> bool:
        """The meter says its clock may be wrong. E450 meters always say so: a mark of quality, no ground to refuse."""
        return self.status != _STATUS_UNSPECIFIED and bool(self.status & STATUS_INVALID)

    def instant(self, zone: str) -> datetime:
        """The instant in UTC; `zone` (an IANA name) serves meters without deviation. Raises UnreadableClock."""
        if not _YEAR_MIN <= self.local.year <= _YEAR_MAX:
            raise UnreadableClock(f"the meter's clock is in the year {self.local.year}: it was never set")
        if self.deviation_min is not None:
            return (self.local + timedelta(minutes=self.deviation_min)).replace(tzinfo=UTC)
        for fold in (0, 1):
            candidate = self.local.replace(tzinfo=ZoneInfo(zone), fold=fold)
            instant = candidate.astimezone(UTC)
            exists = instant.astimezone(candidate.tzinfo).replace(tzinfo=None) == self.local
            if exists and bool(candidate.dst()) == self.daylight_saving:
                return instant
        season = "daylight saving" if self.daylight_saving else "standard"
        raise UnreadableClock(
            f"the meter says {self.local.isoformat()} {season} time, which does not exist in {zone}: check the configured zone"
        )


def parse_time(data: bytes) -> CosemTime:
    """The meter time in 12 bytes. Raises UnreadableClock unless date and time are given in full."""
    if len(data) != TIME_SIZE:
        raise UnreadableClock(f"a COSEM date-time has 12 bytes, not {len(data)}")
    year, month, day, weekday = int.from_bytes(data[:2], "big"), data[2], data[3], data[4]
    deviation, status = int.from_bytes(data[9:11], "big", signed=True), data[11]
    try:
        local = datetime(year, month, day, data[5], data[6], data[7])  # noqa: DTZ001 - a wall clock has no zone yet
    except ValueError as error:
        raise UnreadableClock(f"the meter's time {data.hex()} is no date and time: {error}") from error
    if weekday not in (_WEEKDAY_UNSPECIFIED, _WEEKDAY_UNSET) and weekday != local.isoweekday():
        raise UnreadableClock(f"the meter's time {data.hex()} names a wrong day of the week")
    if data[8] > 99 and data[8] != 0xFF:
        raise UnreadableClock(f"the meter's time {data.hex()} has {data[8]} hundredths of a second")
    if deviation == DEVIATION_UNSPECIFIED:
        return CosemTime(local, None, status)
    if abs(deviation) > _DEVIATION_MAX_MIN:
        raise UnreadableClock(f"the meter's time {data.hex()} is {deviation} minutes from UTC")
    return CosemTime(local, deviation, status)


def may_be_time(data: bytes) -> bool:
    """Whether each field is within its range or unspecified, even if together they name no date and time."""
    ranges = ((0x07D0, 0x0833), (1, 12), (1, 31), (0, 7), (0, 23), (0, 59), (0, 59), (0, 99))
    fields = (int.from_bytes(data[:2], "big"), *data[2:9])
    unspecified = (0xFFFF, *(0xFF,) * 7)
    return len(data) == TIME_SIZE and all(
        least <= field <= most or field == none
        for field, (least, most), none in zip(fields, ranges, unspecified, strict=True)
    )


def encode_time(time: CosemTime, hundredths: int = 0) -> bytes:
    """The 12 bytes of `time`; `hundredths` 0xFF = unspecified."""
    local = time.local
    deviation = DEVIATION_UNSPECIFIED if time.deviation_min is None else time.deviation_min
    date = local.year.to_bytes(2, "big") + bytes((local.month, local.day, local.isoweekday()))
    clock = bytes((local.hour, local.minute, local.second, hundredths))
    return date + clock + deviation.to_bytes(2, "big", signed=True) + bytes((time.status,))
