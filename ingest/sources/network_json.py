"""What reading the JSON of a LoRaWAN network server has in common. Servers omit zero and empty fields."""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any

from community.attestation.reasons import Reason
from community.json_input import parse_json
from ingest.uplinks import PAYLOAD_MAX, Fault, Uplink

JSON_SIZE_MAX = 262_144
"""Bytes. An uplink that a hundred gateways heard has about 60 000."""
JSON_DEPTH_MAX = 16
"""Levels; the servers' own messages have eight at most."""
TEXT_MAX = 500
"""Characters of somebody else's text that are kept."""
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def read_json(raw: bytes) -> Any:
    """The value of `raw`. Raises ValueError."""
    return parse_json(raw, size_max=JSON_SIZE_MAX, depth_max=JSON_DEPTH_MAX)


def inside(fields: Any, *names: str) -> Any:
    """What stands at the end of the path `names`, None if it does not exist."""
    for name in names:
        if not isinstance(fields, dict):
            return None
        fields = fields.get(name)
    return fields


def instant_of(text: object) -> datetime | None:
    """An RFC 3339 instant with up to nanoseconds, cut to microseconds; None if `text` is none."""
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    seconds, fraction, zone = found.groups()
    try:
        whole = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
        return whole.replace(microsecond=int((fraction or "0").ljust(6, "0")[:6])).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def unsigned(number: object, bits: int) -> int | None:
    """`number`, if it is one that LoRaWAN could have sent."""
    return number if type(number) is int and 0 <= number < 1 << bits else None


def printable(text: object) -> str | None:
    """`text`, if it is one that can be shown and stored."""
    return text[:TEXT_MAX] if isinstance(text, str) and text.isprintable() else None


def base64_of(encoded: object) -> bytes | None:
    """The bytes that `encoded` stands for; None if it is no base64."""
    if not isinstance(encoded, str):
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def unreadable(source: str, raw: bytes, eui: str | None, now: datetime, reason: Reason, detail: str) -> Uplink:
    """An uplink with a fault. It is kept under its JSON: under its payload it would stand in the way of the real one."""
    return Uplink(source, eui, raw[:PAYLOAD_MAX], now, fault=Fault(reason, detail))
