"""A meter's push telegram: from the frame on the line to registers and the meter's own time."""

from dataclasses import dataclass
from datetime import datetime

from community.metering.dlms.ciphering import decipher, parse_ciphered
from community.metering.dlms.hdlc import HdlcFrame, parse_frame
from community.metering.dlms.push_layouts import Layout, parse_push
from community.metering.dlms.unreadable import BadFrame

LLC = b"\xe6\xe7\x00"


@dataclass(frozen=True, slots=True)
class PushTelegram:
    """What one frame said. Register values are raw counts: Wh and varh, W and var."""

    system_title: bytes
    """8 bytes: three letters of the maker, five of the device."""
    invocation_counter: int
    """Rises with every telegram of this meter: the protection against replay."""
    meter_time: datetime
    """In UTC, by the meter's own clock."""
    clock_invalid: bool
    """The meter doubts its clock. E450 meters always do."""
    registers: dict[str, int]
    """By OBIS code, such as 1-0:1.8.0."""
    layout: Layout
    serial: str | None
    raw: bytes
    """The frame as received, still ciphered."""


def decode_frame(frame: bytes | HdlcFrame, key: bytes, zone: str, auth_key: bytes | None = None) -> PushTelegram:
    """The telegram in `frame` (bytes with flags, or from a deframer), deciphered with the meter's `key` (GUEK).

    `zone` (an IANA name) serves meters that send no deviation from UTC. Raises UnreadableTelegram with the reason: a
    telegram is read whole or not at all. Raises ValueError for keys of a wrong size.
    """
    checked = frame if isinstance(frame, HdlcFrame) else parse_frame(frame)
    if checked.segmented:
        raise BadFrame("the telegram is spread over several frames, which this decoder does not join")
    if not checked.information.startswith(LLC):
        raise BadFrame("the frame carries no DLMS: LLC header E6 E7 00 is missing")
    ciphered = parse_ciphered(checked.information[len(LLC) :])
    body = parse_push(decipher(ciphered, key, auth_key))
    return PushTelegram(
        system_title=ciphered.system_title,
        invocation_counter=ciphered.invocation_counter,
        meter_time=body.object_time.instant(zone),
        clock_invalid=body.object_time.invalid,
        registers=body.registers,
        layout=body.layout,
        serial=body.serial,
        raw=checked.raw,
    )
