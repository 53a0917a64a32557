"""Reading the golden files under tests/golden."""

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1] / "golden"


def golden_cases(family: str, name: str) -> list[dict[str, Any]]:
    """The cases of tests/golden/`family`/`name`."""
    cases = json.loads((GOLDEN / family / name).read_text())["cases"]
    assert cases, f"{family}/{name} has no case"
    return list(cases)
