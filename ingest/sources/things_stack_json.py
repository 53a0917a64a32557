"""The Things Stack's uplink JSON (v3 ApplicationUp), from MQTT or, wrapped in `result`, from its storage.

Zero and empty fields are omitted there: no `f_cnt` means 0, no `frm_payload` an empty payload.
"""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any

from community.attestation.reasons import Reason
from community.json_input import parse_json
from ingest.uplinks import PAYLOAD_MAX, Fault, Uplink, eui_or_none

SOURCE = "things_stack"
JSON_SIZE_MAX = 262_144
"""Bytes. An uplink that a hundred gateways heard has about 60 000."""
JSON_DEPTH_MAX = 16
"""Levels; The Things Stack's own messages have eight at most."""
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def uplink_from_json(raw: bytes, now: datetime) -> Uplink:
    """The uplink in `raw`. What cannot be read becomes an uplink with a fault and the raw bytes as payload.

    Its time is the network server's own, never later than `now`.
    """
    try:
        fields = parse_json(raw, size_max=JSON_SIZE_MAX, depth_max=JSON_DEPTH_MAX)
        text = raw.decode()
    except ValueError as error:
        return _unreadable(raw, None, now, Reason.MALFORMED, f"The message cannot be read as JSON: {error}")
    if isinstance(fields, dict) and isinstance(fields.get("result"), dict):
        fields = fields["result"]
    eui = eui_or_none(_inside(fields, "end_device_ids", "dev_eui"))
    message = _inside(fields, "uplink_message")
    if eui is None:
        return _unreadable(raw, None, now, Reason.MALFORMED, "end_device_ids.dev_eui is missing or is no EUI.")
    if not isinstance(message, dict):
        return _unreadable(raw, eui, now, Reason.MALFORMED, "uplink_message is missing: this is no uplink.")
    payload = _payload_of(message)
    if payload is None or len(payload) > PAYLOAD_MAX:
        return _unreadable(raw, eui, now, Reason.MALFORMED, "uplink_message.frm_payload is no base64.")
    if fields.get("simulated") is True:
        # kept under its JSON: under its payload it would make the real frame with these bytes look like a repeat
        return _unreadable(
            raw, eui, now, Reason.SIMULATED, "The network server marks this uplink as simulated: nobody sent it."
        )
    f_port, f_cnt, session = message.get("f_port", 0), message.get("f_cnt", 0), message.get("session_key_id")
    return Uplink(
        source=SOURCE,
        device_eui=eui,
        payload=payload,
        received_at=min(instant_of(message.get("received_at")) or now, now),
        f_port=_unsigned(f_port, 8),
        envelope=text,
        session=session if isinstance(session, str) and session.isprintable() else None,
        f_cnt=_unsigned(f_cnt, 32),
    )


def received_at_of(raw: bytes) -> datetime | None:
    """When the application server received the stored uplink in `raw`; None if it does not say."""
    try:
        fields = parse_json(raw, size_max=JSON_SIZE_MAX, depth_max=JSON_DEPTH_MAX)
    except ValueError:
        return None
    if isinstance(fields, dict) and isinstance(fields.get("result"), dict):
        fields = fields["result"]
    return instant_of(_inside(fields, "received_at"))


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


def _unsigned(number: object, bits: int) -> int | None:
    """`number`, if it is one that LoRaWAN could have sent."""
    return number if type(number) is int and 0 <= number < 1 << bits else None


def _payload_of(message: dict[str, Any]) -> bytes | None:
    encoded = message.get("frm_payload", "")
    if not isinstance(encoded, str):
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _inside(fields: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(fields, dict):
            return None
        fields = fields.get(name)
    return fields


def _unreadable(raw: bytes, eui: str | None, now: datetime, reason: Reason, detail: str) -> Uplink:
    return Uplink(SOURCE, eui, raw[:PAYLOAD_MAX], now, fault=Fault(reason, detail))
