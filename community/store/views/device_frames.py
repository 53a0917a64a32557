"""What came from a device, frame by frame: over which transport, how well it was heard, and what was decided about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from community.attestation.airtime import airtime_of
from community.json_input import parse_json
from community.store.tables.measuring import FrameRow, QuarantineRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows

ENVELOPE_MAX = 1 << 20
DEPTH_MAX = 32


@dataclass(frozen=True, slots=True)
class Heard:
    """By the best of the network's gateways, as its server told; None of what it did not tell."""

    rssi_dbm: int | None = None
    snr_db: float | None = None
    spreading_factor: int | None = None
    frequency_hz: int | None = None
    gateway_count: int | None = None


@dataclass(frozen=True, slots=True)
class FrameView:
    """One frame. `reason` is why it was refused or set aside, where it was; `airtime_us` only by radio."""

    digest: str
    received_at: datetime
    transport: str
    verdict: str
    reason: str | None
    payload_bytes: int
    airtime_us: int | None
    heard: Heard


async def frames_of_device(work: Work, eui: str, first: int, after: str | None) -> Page[FrameView]:
    """Frames of a device, newest first."""
    row, quarantined = FrameRow, QuarantineRow
    reason = (
        select(func.min(col(quarantined.reason)))
        .where(col(quarantined.frame_digest) == col(row.digest))
        .correlate(row)
        .scalar_subquery()
    )
    statement = select_rows(
        row, reason.label("reason"), col(row.received_at).label("key_at"), col(row.digest).label("key")
    ).where(col(row.device_eui) == eui)
    keyset = Keyset((col(row.received_at), col(row.digest)), (datetime, str))
    return await fetch_page(work, statement, keyset, _view, first, after)


def _view(found: Any) -> FrameView:
    row, reason = found[0], found[1]
    envelope = _envelope(row.envelope)
    return FrameView(
        row.digest,
        row.received_at,
        row.source,
        row.verdict,
        reason,
        len(row.payload),
        airtime_of(envelope, len(row.payload)),
        heard_in(envelope),
    )


def _envelope(text: str | None) -> Mapping[str, Any]:
    if text is None:
        return {}
    try:
        found = parse_json(text, size_max=ENVELOPE_MAX, depth_max=DEPTH_MAX)
    except (ValueError, json.JSONDecodeError):
        return {}  # kept as it came, whatever that was
    return found if isinstance(found, dict) else {}


def heard_in(envelope: Mapping[str, Any]) -> Heard:
    """How well the uplink in a network server's message was heard (The Things Stack 3, ChirpStack 4)."""
    uplink = envelope.get("uplink_message")
    if isinstance(uplink, dict):
        lora = _at(uplink, "settings", "data_rate", "lora")
        gateways, factor = uplink.get("rx_metadata"), _at(lora, "spreading_factor")
        frequency = _at(uplink, "settings", "frequency")
    else:
        gateways, frequency = envelope.get("rxInfo"), _at(envelope, "txInfo", "frequency")
        factor = _at(envelope, "txInfo", "modulation", "lora", "spreadingFactor")
    heard = [one for one in gateways if isinstance(one, dict)] if isinstance(gateways, list) else []
    strengths = [value for one in heard if (value := _whole(one.get("rssi"))) is not None]
    ratios = [float(value) for one in heard if isinstance(value := one.get("snr"), int | float)]
    return Heard(
        max(strengths, default=None),
        max(ratios, default=None),
        _whole(factor),
        _whole(frequency),
        len(heard) or None,
    )


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        return int(value)
    return int(value) if isinstance(value, int | float) and abs(value) < 2**31 else None
