"""The golden telegrams as dictionaries, and what comes of a stream."""

import json
from pathlib import Path
from typing import Any

from community.metering.dlms.telegram import PushTelegram, TextTelegram, decode_received
from community.metering.dlms.transports import Transport
from community.metering.dlms.unreadable import UnreadableTelegram
from tests.unit.community.metering.dlms.wire import received

GOLDEN = Path(__file__).parents[4] / "golden" / "meters" / "dlms_push"
ZONE = "Europe/Vienna"
TELEGRAMS = sorted(path.stem for path in GOLDEN.glob("constructed-wn-*-?.json"))
OTHERS = sorted(path.stem for path in GOLDEN.glob("*.json") if not path.stem.startswith("constructed-"))
"""Recorded from meters of other operators."""


def telegram(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    loaded["frame"] = bytes.fromhex(loaded["stream_hex"])
    loaded["key"] = bytes.fromhex(loaded["key_hex"]) if loaded["key_hex"] else None
    loaded["auth_key"] = bytes.fromhex(loaded["auth_key_hex"]) if loaded["auth_key_hex"] else None
    return loaded


def readings(
    transport: str,
    stream: bytes,
    key: bytes | None,
    auth_key: bytes | None = None,
    size: int = 1 << 20,
    quiet: bool = False,
) -> list[PushTelegram | TextTelegram]:
    """The readable telegrams in `stream`, fed in pieces of `size`."""
    found = []
    for each in received(Transport(transport), stream, size, quiet):
        try:
            found.append(decode_received(each, key, ZONE, auth_key))
        except UnreadableTelegram:
            continue
    return found
