"""Profiles of meters that push ciphered telegrams: the line, what stands around a telegram, which registers count."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from community.metering.dlms.transports import Transport
from gateway_agent.profiles.faults import Faults

_KEYS = {"line", "transport", "units", "hints"}
_FORMATS = ("8N1", "8E1", "7E1")


class PushTransport(StrEnum):
    """How telegrams come: in frames that DLMS knows, or from an AMIS meter, which looks for a reader and wants answers."""

    HDLC = "hdlc"
    MBUS = "mbus"
    RAW = "raw"
    AMIS = "amis"

    @property
    def of_telegrams(self) -> Transport:
        """The same as what cuts a stream. Raises ValueError for AMIS, which is a conversation."""
        return Transport(self.value)


@dataclass(frozen=True, slots=True)
class DlmsPushProfile:
    """A meter that pushes encrypted telegrams on a serial line."""

    name: str
    source: str
    baud: int
    format: str
    units: Mapping[str, str]
    """The registers that are read, and in which unit they must be."""
    hints: Mapping[str, str]
    transport: PushTransport = PushTransport.HDLC


def parse_dlms_push(document: Mapping[str, Any], name: str, faults: Faults, common: set[str]) -> DlmsPushProfile:
    """The profile in `document`; what is wrong goes to `faults`."""
    faults.unknown_keys("", document, common | _KEYS)
    baud, bits = faults.line(document, _FORMATS)
    units = faults.table(document, "units")
    for obis, unit in units.items():
        if unit not in ("Wh", "W"):
            faults.note(f"units.{obis} is {unit!r}, not Wh or W")
    if "Wh" not in units.values():
        faults.note("units holds no energy register")
    transport = document.get("transport", PushTransport.HDLC.value)
    if transport not in tuple(PushTransport):
        faults.note(f"transport {transport!r} is not known: {', '.join(PushTransport)}")
        transport = PushTransport.HDLC.value
    hints = faults.table(document, "hints") if "hints" in document else {}
    faults.unknown_keys("hints.", hints, {"no_bytes", "bad_structure"})
    return DlmsPushProfile(
        name,
        str(document.get("source", "")),
        baud,
        bits,
        {str(obis): str(unit) for obis, unit in units.items()},
        {str(key): str(hint) for key, hint in hints.items()},
        PushTransport(transport),
    )
