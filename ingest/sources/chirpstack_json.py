"""ChirpStack v4's events and commands as JSON. Zero and empty fields are omitted: no `fCnt` means 0, no `data` nothing."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from community.attestation.reasons import Reason
from ingest.network_events import DownlinkReport, DownlinkState, Joined, NetworkEvent, Notice
from ingest.sources.network_json import base64_of, inside, instant_of, printable, read_json, unreadable, unsigned
from ingest.uplinks import PAYLOAD_MAX, DownlinkFrame, Uplink, eui_or_none

SOURCE = "chirpstack"
EVENTS = ("up", "join", "ack", "txack", "status", "log", "location", "integration")
WAIT_MAX = timedelta(days=8)
"""How long a message can have waited in the broker's session (a week); a gateway clock further back is wrong."""


def event_from_json(raw: bytes, kind: str, now: datetime) -> NetworkEvent:
    """What event `kind` (the end of its topic, or the webhook's parameter) tells.

    Of events without evidence nothing is kept but what they say of our downlinks.
    """
    if kind == "up":
        return uplink_from_json(raw, now)
    try:
        fields = read_json(raw)
    except ValueError as error:
        return Notice(SOURCE, "unreadable_event", None, f"{kind[:20]!r} cannot be read as JSON: {error}")
    eui = eui_or_none(inside(fields, "deviceInfo", "devEui"))
    at = _time_of(fields, now)
    match kind:
        case "join" if eui is not None:
            return Joined(SOURCE, eui, printable(fields.get("devAddr")), at)
        case "ack":
            state = DownlinkState.ACKNOWLEDGED if fields_say(fields, "acknowledged") else DownlinkState.NOT_ACKNOWLEDGED
            return DownlinkReport(SOURCE, eui, printable(inside(fields, "queueItemId")), state, at)
        case "txack":
            return DownlinkReport(SOURCE, eui, printable(inside(fields, "queueItemId")), DownlinkState.SENT, at)
        case _ if kind in EVENTS:
            said = (printable(inside(fields, part)) for part in ("level", "code", "description"))
            return Notice(SOURCE, kind, eui, " ".join(part for part in said if part))
        case _:
            return Notice(SOURCE, "unknown_event", eui, repr(kind[:20]))


def uplink_from_json(raw: bytes, now: datetime) -> Uplink:
    """The uplink in `raw`. What cannot be read becomes an uplink with a fault and the raw bytes as payload."""
    try:
        fields = read_json(raw)
        text = raw.decode()
    except ValueError as error:
        return unreadable(SOURCE, raw, None, now, Reason.MALFORMED, f"The message cannot be read as JSON: {error}")
    eui = eui_or_none(inside(fields, "deviceInfo", "devEui"))
    if eui is None:
        return unreadable(SOURCE, raw, None, now, Reason.MALFORMED, "deviceInfo.devEui is missing or is no EUI.")
    payload = base64_of(fields.get("data", ""))
    if payload is None or len(payload) > PAYLOAD_MAX:
        return unreadable(SOURCE, raw, eui, now, Reason.MALFORMED, "data is no base64.")
    session = printable(fields.get("devAddr"))
    return Uplink(
        source=SOURCE,
        device_eui=eui,
        payload=payload,
        received_at=_time_of(fields, now),
        f_port=unsigned(fields.get("fPort", 0), 8),
        envelope=text,
        session=session,
        f_cnt=unsigned(fields.get("fCnt", 0), 32),
    )


def application_of(envelope: str) -> str | None:
    """The application that an uplink belongs to, which downlinks are addressed to."""
    try:
        name = printable(inside(read_json(envelope.encode()), "deviceInfo", "applicationId"))
    except ValueError:
        return None
    return name if name and set(name).isdisjoint("/+#") else None


def command_json(eui: str, frame: DownlinkFrame) -> bytes:
    """The command that queues `frame`; its id comes back with the events about it."""
    command = {
        "devEui": eui,
        "id": frame.id,
        "confirmed": False,
        "fPort": frame.f_port,
        "data": base64.b64encode(frame.payload).decode(),
    }
    return json.dumps(command, separators=(",", ":")).encode()


def fields_say(fields: Any, name: str) -> bool:
    """Whether `name` is true; an omitted one is not."""
    return inside(fields, name) is True


def _time_of(fields: Any, now: datetime) -> datetime:
    """When the network server heard it: its own clock where given, else that of a gateway, if it can be right."""
    heard = inside(fields, "rxInfo")
    own = [instant_of(inside(each, "nsTime")) for each in heard] if isinstance(heard, list) else []
    known = own if any(own) else [instant_of(inside(fields, "time"))]
    return min((at for at in known if at is not None and now - WAIT_MAX <= at <= now), default=now)
