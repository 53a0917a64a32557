"""The Things Stack's JSON (v3 ApplicationUp), from MQTT, a webhook or, wrapped in `result`, from its storage.

Zero and empty fields are omitted there: no `f_cnt` means 0, no `frm_payload` an empty payload.
"""

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from community.attestation.reasons import Reason
from ingest.network_events import DownlinkReport, DownlinkState, Joined, NetworkEvent, Notice
from ingest.sources.network_json import base64_of, inside, instant_of, printable, read_json, unreadable, unsigned
from ingest.uplinks import PAYLOAD_MAX, DownlinkFrame, Uplink, eui_or_none

SOURCE = "things_stack"
CORRELATION = "ec:"
"""What our own downlinks begin their correlation id with, before the downlink's id."""
_DOWNLINKS = {
    "downlink_queued": DownlinkState.QUEUED,
    "downlink_sent": DownlinkState.SENT,
    "downlink_ack": DownlinkState.ACKNOWLEDGED,
    "downlink_nack": DownlinkState.NOT_ACKNOWLEDGED,
    "downlink_failed": DownlinkState.FAILED,
    "downlink_queue_invalidated": DownlinkState.INVALIDATED,
}
_OTHERS = ("uplink_normalized", "service_data", "location_solved")


def event_from_json(raw: bytes, now: datetime) -> NetworkEvent:
    """What `raw` tells. A message that tells nothing known is an uplink with a fault: it is kept, and a person looks."""
    fields = _fields_of(raw)
    if fields is None or "uplink_message" in fields:
        return uplink_from_json(raw, now)
    eui = eui_or_none(inside(fields, "end_device_ids", "dev_eui"))
    at = min(instant_of(fields.get("received_at")) or now, now)
    if "join_accept" in fields and eui is not None:
        return Joined(SOURCE, eui, printable(inside(fields, "join_accept", "session_key_id")), at)
    for name, state in _DOWNLINKS.items():
        if name in fields:
            return DownlinkReport(SOURCE, eui, _downlink_id(fields, name), state, at, _why(fields[name]))
    for name in _OTHERS:
        if name in fields:
            return Notice(SOURCE, name, eui)
    return uplink_from_json(raw, now)


def uplink_from_json(raw: bytes, now: datetime) -> Uplink:
    """The uplink in `raw`. What cannot be read becomes an uplink with a fault and the raw bytes as payload.

    Its time is the network server's own, never later than `now`.
    """
    try:
        fields = _unwrapped(read_json(raw))
        text = raw.decode()
    except ValueError as error:
        return unreadable(SOURCE, raw, None, now, Reason.MALFORMED, f"The message cannot be read as JSON: {error}")
    eui = eui_or_none(inside(fields, "end_device_ids", "dev_eui"))
    message = inside(fields, "uplink_message")
    if eui is None:
        detail = "end_device_ids.dev_eui is missing or is no EUI."
        return unreadable(SOURCE, raw, None, now, Reason.MALFORMED, detail)
    if not isinstance(message, dict):
        return unreadable(SOURCE, raw, eui, now, Reason.MALFORMED, "uplink_message is missing: this is no uplink.")
    payload = base64_of(message.get("frm_payload", ""))
    if payload is None or len(payload) > PAYLOAD_MAX:
        return unreadable(SOURCE, raw, eui, now, Reason.MALFORMED, "uplink_message.frm_payload is no base64.")
    if fields.get("simulated") is True:
        return unreadable(
            SOURCE,
            raw,
            eui,
            now,
            Reason.SIMULATED,
            "The network server marks this uplink as simulated: nobody sent it.",
        )
    session = message.get("session_key_id")
    return Uplink(
        source=SOURCE,
        device_eui=eui,
        payload=payload,
        received_at=min(instant_of(message.get("received_at")) or now, now),
        f_port=unsigned(message.get("f_port", 0), 8),
        envelope=text,
        session=session if isinstance(session, str) and session.isprintable() else None,
        f_cnt=unsigned(message.get("f_cnt", 0), 32),
    )


def received_at_of(raw: bytes) -> datetime | None:
    """When the application server received the stored uplink in `raw`; None if it does not say."""
    return instant_of(inside(_fields_of(raw), "received_at"))


def device_id_of(envelope: str) -> str | None:
    """The device's name at the network server, which downlinks are addressed to, from an uplink of it."""
    name = printable(inside(_fields_of(envelope.encode()), "end_device_ids", "device_id"))
    return name if name and set(name).isdisjoint("/+#") else None


def downlinks_json(frames: Sequence[DownlinkFrame]) -> bytes:
    """The message that pushes `frames`, or replaces all that waits by them; none of them clears the queue."""
    return json.dumps({"downlinks": [_downlink(frame) for frame in frames]}, separators=(",", ":")).encode()


def _downlink(frame: DownlinkFrame) -> dict[str, Any]:
    return {
        "f_port": frame.f_port,
        "frm_payload": base64.b64encode(frame.payload).decode(),
        "priority": "NORMAL",
        "correlation_ids": [f"{CORRELATION}{frame.id}"],
    }


def _fields_of(raw: bytes) -> dict[str, Any] | None:
    try:
        fields = _unwrapped(read_json(raw))
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _unwrapped(fields: Any) -> Any:
    return fields["result"] if isinstance(fields, dict) and isinstance(fields.get("result"), dict) else fields


def _downlink_id(fields: dict[str, Any], name: str) -> str | None:
    """Our id among the correlation ids of a downlink, wherever this kind of message has them."""
    own = inside(fields, name, "downlink", "correlation_ids") or inside(fields, name, "correlation_ids")
    for listed in (own, fields.get("correlation_ids")):
        for text in listed if isinstance(listed, list) else ():
            if isinstance(text, str) and text.startswith(CORRELATION) and text.isprintable():
                return text[len(CORRELATION) :][:100]
    return None


def _why(report: Any) -> str:
    parts = (printable(inside(report, "error", part)) for part in ("name", "message_format"))
    return ": ".join(part for part in parts if part)
