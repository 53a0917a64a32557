"""The golden telegrams as dictionaries."""

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[4] / "golden" / "meters" / "dlms_push"
ZONE = "Europe/Vienna"
TELEGRAMS = sorted(path.stem for path in GOLDEN.glob("constructed-wn-*-?.json"))
FOREIGN = sorted(path.stem for path in GOLDEN.glob("dlmsparser-hdlc_*.json"))


def telegram(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    loaded["frame"] = bytes.fromhex(loaded["stream_hex"])
    loaded["key"] = bytes.fromhex(loaded["key_hex"] or "00" * 16)
    return loaded
