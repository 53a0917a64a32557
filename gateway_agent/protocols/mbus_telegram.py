"""Application layer of an M-Bus answer (EN 13757-3): who the meter is, how it is, and its records."""

from dataclasses import dataclass
from fractions import Fraction

from gateway_agent.protocols import mbus_units as units
from gateway_agent.protocols import mbus_values as values
from gateway_agent.protocols.mbus_address import SecondaryAddress
from gateway_agent.protocols.mbus_link import RSP_UD, SLAVE_BIT_MASK, LongFrame
from gateway_agent.protocols.mbus_records import Function, MalformedTelegram, MbusRecord, parse_records
from gateway_agent.protocols.mbus_values import Unusable

CI_VARIABLE, CI_VARIABLE_HIGH_FIRST = 0x72, 0x76
CI_FIXED, CI_FIXED_HIGH_FIRST = 0x73, 0x77
CI_REPORT = 0x70
_VARIABLE_HEAD, _FIXED_SIZE = 12, 16
_APPLICATION_MASK, _APPLICATION_BUSY = 0x03, 0x01
_PERMANENT, _TEMPORARY = 0x08, 0x10

_REPORTS = (
    "unspecified error",
    "unimplemented control information",
    "buffer too long",
    "too many records",
    "premature end of a record",
    "more than 10 DIFE",
    "more than 10 VIFE",
    "reserved",
    "the application is busy: ask again later",
    "too many readouts in this time: ask less often",
)
MEDIA: dict[int, str] = {
    0x00: "Other",
    0x01: "Oil",
    0x02: "Electricity",
    0x03: "Gas",
    0x04: "Heat: Outlet",
    0x05: "Steam",
    0x06: "Warm water (30-90°C)",
    0x07: "Water",
    0x08: "Heat Cost Allocator",
    0x09: "Compressed Air",
    0x0A: "Cooling load meter: Outlet",
    0x0B: "Cooling load meter: Inlet",
    0x0C: "Heat: Inlet",
    0x0D: "Heat / Cooling load meter",
    0x0E: "Bus/System",
    0x0F: "Unknown Medium",
    0x10: "Irrigation Water",
    0x11: "Water Logger",
    0x12: "Gas Logger",
    0x13: "Gas Converter",
    0x14: "Calorific value",
    0x15: "Hot water (>90°C)",
    0x16: "Cold water",
    0x17: "Dual water",
    0x18: "Pressure",
    0x19: "A/D Converter",
    0x1A: "Smoke Detector",
    0x1B: "Ambient Sensor",
    0x1C: "Gas Detector",
    0x20: "Breaker: Electricity",
    0x21: "Valve: Gas or Water",
    0x25: "Customer Unit: Display Device",
    0x28: "Waste Water",
    0x29: "Waste",
    0x2A: "CO2",
    0x31: "OMS MUC",
    0x32: "OMS Unidirectional Repeater",
    0x33: "OMS Bidirectional Repeater",
    0x37: "Radio Converter (Meter Side)",
}
FIXED_MEDIA = (
    "Other",
    "Oil",
    "Electricity",
    "Gas",
    "Heat",
    "Steam",
    "Hot Water",
    "Water",
    "H.C.A.",
    "Reserved",
    "Gas Mode 2",
    "Heat Mode 2",
    "Hot Water Mode 2",
    "Water Mode 2",
    "H.C.A. Mode 2",
    "Reserved",
)


class MeterReports(MalformedTelegram):
    """The meter answers with an error report instead of data. The text says which."""


@dataclass(frozen=True, slots=True)
class MbusTelegram:
    """One answer of a meter."""

    identification: str
    """Eight digits as on the meter, F where it gives none; hexadecimal ones are kept as sent."""
    manufacturer: str
    """Three letters; empty in fixed data."""
    version: int
    medium: str
    access_number: int
    status: int
    signature: int
    records: tuple[MbusRecord, ...]
    more_follow: bool = False
    address: SecondaryAddress | None = None
    """The meter's own secondary address; None in fixed data."""

    @property
    def is_busy(self) -> bool:
        """The meter's application has no values at present."""
        return self.address is not None and self.status & _APPLICATION_MASK == _APPLICATION_BUSY

    @property
    def has_error(self) -> bool:
        """The meter itself tells of an error, permanent or not; in fixed data the bits have the same places."""
        application = self.address is not None and self.status & _APPLICATION_MASK > _APPLICATION_BUSY
        return application or bool(self.status & (_PERMANENT | _TEMPORARY))


def parse_telegram(frame: LongFrame) -> MbusTelegram:
    """The telegram in a slave's answer. Raises MalformedTelegram, or MeterReports for a report of the meter."""
    if frame.control & SLAVE_BIT_MASK != RSP_UD:
        raise MalformedTelegram(f"control field {frame.control:02X} is no answer of a meter")
    match frame.information:
        case 0x72 | 0x76:
            return _variable(frame.data, high_byte_first=frame.information == CI_VARIABLE_HIGH_FIRST)
        case 0x73 | 0x77:
            return _fixed(frame.data, high_byte_first=frame.information == CI_FIXED_HIGH_FIRST)
        case 0x70:
            raise MeterReports(f"the meter reports: {_report(frame.data)}")
        case _:
            raise MalformedTelegram(f"control information {frame.information:02X} is not understood")


def _report(data: bytes) -> str:
    if not data:
        return _REPORTS[0]
    return _REPORTS[data[0]] if data[0] < len(_REPORTS) else f"error {data[0]}"


def manufacturer_letters(code: int) -> str:
    """Three letters from the two bytes of EN 62056-21 (5 bits each)."""
    return "".join(chr(64 + (code >> shift & 0x1F)) for shift in (10, 5, 0))


def _variable(data: bytes, *, high_byte_first: bool) -> MbusTelegram:
    if len(data) < _VARIABLE_HEAD:
        raise MalformedTelegram(f"the head has 12 bytes, not {len(data)}")
    order = slice(None, None, -1) if high_byte_first else slice(None)
    identification = data[:4][order][::-1].hex().upper()
    maker = int.from_bytes(data[4:6][order], "little")
    records = parse_records(data[_VARIABLE_HEAD:], high_byte_first=high_byte_first)
    return MbusTelegram(
        identification,
        manufacturer_letters(maker),
        data[6],
        MEDIA.get(data[7], f"Unknown ({data[7]:02X})"),
        data[8],
        data[9],
        int.from_bytes(data[10:12][order], "little"),
        records,
        bool(records) and records[-1].function is Function.MORE_FOLLOW,
        SecondaryAddress(identification, maker, data[6], data[7]),
    )


def _fixed(data: bytes, *, high_byte_first: bool) -> MbusTelegram:
    if len(data) != _FIXED_SIZE:
        raise MalformedTelegram(f"fixed data have 16 bytes, not {len(data)}")
    order = slice(None, None, -1) if high_byte_first else slice(None)
    status, first, second = data[5], data[6], data[7]
    counters = (data[8:12][order], data[12:16][order])
    return MbusTelegram(
        data[:4][order][::-1].hex().upper(),
        "",
        0,
        FIXED_MEDIA[first >> 6 | second >> 6 << 2],
        data[4],
        status,
        0,
        (_counter(status, first, counters[0], first), _counter(status, second, counters[1], first)),
    )


def _counter(status: int, code: int, data: bytes, first: int) -> MbusRecord:
    """One of the two counters. Status bit 0: binary instead of BCD; bit 1: stored at a fixed date."""
    historic = code & 0x3F == 0x3E
    meaning = units.fixed_meaning(first if historic else code)
    number = Fraction(int.from_bytes(data, "little")) if status & 1 else values.bcd(data)
    stored = historic or bool(status & 2)
    return MbusRecord(
        Function.STORED if status & 2 else Function.ACTUAL,
        meaning.quantity,
        meaning.unit,
        None if isinstance(number, Unusable) else number * meaning.scale,
        storage=1 if stored else 0,
        label=units.fixed_label(code),
        scale=meaning.scale,
        data=data,
        problem=number.reason if isinstance(number, Unusable) else "",
    )
