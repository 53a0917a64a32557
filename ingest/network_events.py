"""What a LoRaWAN network server tells besides uplinks: joins, what became of downlinks, and whatever else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingest.uplinks import Uplink


class DownlinkState(StrEnum):
    """How far a downlink has come."""

    QUEUED = "queued"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    FAILED = "failed"
    INVALIDATED = "invalidated"


@dataclass(frozen=True, slots=True)
class Joined:
    """A device has a new session: the network's frame counters begin again at 0, and its queue of downlinks is empty."""

    network: str
    device_eui: str
    session: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class DownlinkReport:
    """What became of a downlink. `downlink_id` is the one it was handed over with; None where it is not ours."""

    network: str
    device_eui: str | None
    downlink_id: str | None
    state: DownlinkState
    at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Anything else, for the log: a kind, and whom it is about."""

    network: str
    kind: str
    device_eui: str | None = None
    detail: str = ""


NetworkEvent = Uplink | Joined | DownlinkReport | Notice

TakeReport = Callable[[DownlinkReport], Awaitable[None]]
"""Who keeps what becomes of downlinks. It returns when that is committed."""
