"""An uplink: a frame as one source delivered it, before anything is known about it."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from community.attestation.reasons import Reason
from community.clock import as_utc
from community.ids import digest_of

PAYLOAD_MAX = 65536
SOURCES = ("device_broker", "things_stack", "chirpstack")
NETWORK_SERVERS = ("things_stack", "chirpstack")
_EUI = re.compile(r"[0-9a-f]{16}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an uplink already at its source, e.g. JSON that cannot be read."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Uplink:
    """A frame with where and when it arrived.

    `envelope` is the network server's JSON, verbatim. `session` and `f_cnt` are LoRaWAN's; `fault` is set where the
    source itself could not accept it: it is kept all the same, with that reason. Raises ValueError.
    """

    source: str
    device_eui: str | None
    payload: bytes
    received_at: datetime
    f_port: int | None = None
    envelope: str | None = None
    session: str | None = None
    f_cnt: int | None = None
    fault: Fault | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(f"{self.source!r} is no source of uplinks")
        if self.device_eui is not None and not _EUI.fullmatch(self.device_eui):
            raise ValueError(f"{self.device_eui!r} is no EUI of 16 lower-case hex digits")
        if len(self.payload) > PAYLOAD_MAX:
            raise ValueError(f"a frame of {len(self.payload)} bytes is more than the {PAYLOAD_MAX} that are kept")
        as_utc(self.received_at)

    @property
    def digest(self) -> str:
        """SHA-256 over source, device and payload: the same frame by two ways of one source is one frame."""
        head = f"{self.source}\x1f{self.device_eui or ''}\x1f".encode()
        return digest_of(head + self.payload)


@dataclass(frozen=True, slots=True)
class DownlinkFrame:
    """A LoRaWAN frame to a device. `id` is a UUID, so that every network server takes it and names it in its reports."""

    id: str
    f_port: int
    payload: bytes

    def __post_init__(self) -> None:
        if not _UUID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is no UUID")
        if not 1 <= self.f_port <= 223 or not self.payload:
            raise ValueError("a downlink has a port of 1 to 223 and a payload")


TakeIn = Callable[[Uplink], Awaitable[object]]
"""What a source hands its uplinks to. It returns when the verdict is committed."""


def eui_or_none(text: object) -> str | None:
    """`text` as a lower-case EUI, None if it is none."""
    if not isinstance(text, str):
        return None
    lowered = text.lower()
    return lowered if _EUI.fullmatch(lowered) else None
