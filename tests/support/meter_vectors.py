"""The golden meter files, by family."""

import json
from pathlib import Path
from typing import Any

_METERS = Path(__file__).parents[1] / "golden" / "meters"


def meter_vectors(family: str) -> list[dict[str, Any]]:
    """Every file of tests/golden/meters/`family`."""
    files = sorted((_METERS / family).glob("*.json"))
    assert files, f"tests/golden/meters/{family} is empty"
    return [json.loads(path.read_text("utf-8")) for path in files]


def vector_named(family: str, name: str) -> dict[str, Any]:
    """The file `name`.json of the family."""
    content: dict[str, Any] = json.loads((_METERS / family / f"{name}.json").read_text("utf-8"))
    return content
