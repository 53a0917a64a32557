"""A meter's push telegram: from what came on the line to registers and the meter's own time."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from community.metering.dlms.block_transfer import GENERAL_BLOCK_TRANSFER, BlockJoiner
from community.metering.dlms.ciphering import decipher, parse_ciphered
from community.metering.dlms.cosem_time import CosemTime
from community.metering.dlms.hdlc import HdlcFrame, parse_frame
from community.metering.dlms.hdlc_telegrams import LLC
from community.metering.dlms.notification import DATA_NOTIFICATION, Notification, parse_notification
from community.metering.dlms.push_layouts import Layout
from community.metering.dlms.received import ReceivedApdu
from community.metering.dlms.register import ENERGY_UNITS, POWER_UNITS, Register
from community.metering.dlms.unreadable import BadCiphering, BadFrame, UnknownLayout, UnreadableClock

_WHOLE_UNITS = frozenset((*ENERGY_UNITS, *POWER_UNITS))
_STRICT_CLOCK = (Layout.POSITIONAL_9, Layout.POSITIONAL_10)
_P1_START, _P1_END = b"/", b"!"
_LINE_ENDS = b"\r\n"


@dataclass(frozen=True, slots=True)
class PushTelegram:
    """What one telegram said."""

    system_title: bytes
    """8 bytes: three letters of the maker, five of the device. Empty if the telegram is not ciphered."""
    invocation_counter: int
    """Rises with every ciphered telegram of this meter: the protection against replay. 0 if it is not ciphered."""
    meter_at: datetime | None
    """In UTC, by the meter's own clock; None if it sends no time, or none that names one instant."""
    clock_invalid: bool
    """The meter doubts its clock. E450 meters always do."""
    registers: dict[str, int]
    """Energy and power by OBIS code, such as 1-0:1.8.0, in whole Wh, varh, VAh, W, var and VA."""
    layout: Layout
    serial: str | None
    raw: bytes
    """Everything as received, still ciphered."""
    values: dict[str, Register]
    """Every register by OBIS code, as it stood on the wire: raw integer, scaler, unit."""
    texts: dict[str, str]
    """Texts by OBIS code, or by place as `text_3` if they have none; bytes that are no text in hexadecimal digits."""
    clock: CosemTime | None
    """The meter's wall clock."""
    invoke_id: int
    security: int | None
    """The security control byte; None if the telegram is not ciphered."""
    plaintext_digest: bytes = b""
    """SHA-256 of what was inside the ciphering, of all of it if there is none: what a later decoder must read again."""

    @property
    def meter_time(self) -> datetime:
        """`meter_at` for meters that must have one. Raises UnreadableClock."""
        if self.meter_at is None:
            raise UnreadableClock("the telegram carries no time that names an instant")
        return self.meter_at

    @property
    def resolution_wh(self) -> int:
        """The greatest step that an energy register in this telegram makes."""
        return max((each.resolution for each in self.values.values() if each.unit == "Wh"), default=1)


@dataclass(frozen=True, slots=True)
class TextTelegram:
    """A DSMR telegram inside the ciphering (Sagemcom T210-D on P1): text from `/` to `!`, check sum and line end.

    Energie Steiermark's meters write Wh and W where DSMR has kWh and kW: the units stand in the text.
    """

    system_title: bytes
    invocation_counter: int
    text: str
    raw: bytes
    security: int


def decode_received(
    received: ReceivedApdu, key: bytes | None, zone: str, auth_key: bytes | None = None
) -> PushTelegram | TextTelegram:
    """The telegram in what a transport handed on.

    With a `key` (GUEK) only ciphered telegrams are read, without one only plain ones: nobody on the line can slip in
    an unprotected telegram. `auth_key` is the GAK, `zone` (an IANA name) serves meters that send no deviation from UTC.
    Raises UnreadableTelegram with the reason: a telegram is read whole or not at all. ValueError for keys of a wrong size.
    """
    apdu = received.apdu
    if key is None:
        if apdu[:1] != bytes((DATA_NOTIFICATION,)):
            raise BadCiphering("the telegram is ciphered or of an unknown kind: configure the meter's key (GUEK)")
        return replace(
            _push(parse_notification(apdu), received.raw, zone, b"", 0, None), plaintext_digest=_digest(apdu)
        )
    ciphered = parse_ciphered(apdu)
    plaintext = decipher(ciphered, key, auth_key)
    title, counter = ciphered.system_title, ciphered.invocation_counter
    if plaintext.startswith(_P1_START):
        return TextTelegram(title, counter, _p1_text(plaintext), received.raw, ciphered.security)
    telegram = _push(parse_notification(plaintext), received.raw, zone, title, counter, ciphered.security)
    return replace(telegram, plaintext_digest=_digest(plaintext))


def _digest(plaintext: bytes) -> bytes:
    return hashlib.sha256(plaintext).digest()


def decode_frame(frame: bytes | HdlcFrame, key: bytes, zone: str, auth_key: bytes | None = None) -> PushTelegram:
    """The telegram in a single HDLC `frame` (bytes with flags, or from a deframer), ciphered and with its time.

    As `decode_received`; besides, raises UnreadableTelegram if the telegram needs more frames than this one.
    """
    checked = frame if isinstance(frame, HdlcFrame) else parse_frame(frame)
    if checked.segmented:
        raise BadFrame("the telegram is spread over several frames, of which this is one")
    if not checked.information.startswith(LLC):
        raise BadFrame("the frame carries no DLMS: LLC header E6 E7 00 is missing")
    received = ReceivedApdu(checked.information[len(LLC) :], checked.raw)
    if received.apdu[:1] == bytes((GENERAL_BLOCK_TRANSFER,)):
        whole = BlockJoiner().add(received.apdu, received.raw)
        if whole is None:
            raise BadFrame("the telegram is spread over several frames, of which this is one")
        received = ReceivedApdu(*whole)
    telegram = decode_received(received, key, zone, auth_key)
    if isinstance(telegram, TextTelegram):
        raise UnknownLayout.because("it holds a DSMR text")
    if telegram.meter_at is None:
        raise UnreadableClock("the telegram carries no time that names an instant")
    return telegram


def _push(said: Notification, raw: bytes, zone: str, title: bytes, counter: int, security: int | None) -> PushTelegram:
    clock = said.object_time or said.notification_time
    return PushTelegram(
        system_title=title,
        invocation_counter=counter,
        meter_at=_instant(said, zone),
        clock_invalid=clock is not None and clock.invalid,
        registers={code: value.whole for code, value in said.values.items() if value.unit in _WHOLE_UNITS},
        layout=said.layout,
        serial=said.serial,
        raw=raw,
        values=said.values,
        texts=said.texts,
        clock=clock,
        invoke_id=said.invoke_id,
        security=security,
    )


def _instant(said: Notification, zone: str) -> datetime | None:
    """The object's time, or else the notification's. Raises UnreadableClock for meters that always send a right one.

    Norwegian lists and plain headers carry neither deviation nor daylight saving bit: in summer they name no instant.
    """
    if said.object_time is not None and said.layout in _STRICT_CLOCK:
        return said.object_time.instant(zone)
    for time in (said.object_time, said.notification_time):
        if time is not None:
            try:
                return time.instant(zone)
            except UnreadableClock:
                continue
    return None


def _p1_text(plaintext: bytes) -> str:
    """The DSMR telegram as text. Raises UnknownLayout unless it is one from start to end."""
    if _P1_END not in plaintext or not all(0x20 <= byte < 0x7F or byte in _LINE_ENDS for byte in plaintext):
        raise UnknownLayout.because("it begins like a DSMR telegram, but is none")
    return plaintext.decode("ascii")
