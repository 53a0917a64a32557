"""What a browser must fetch before a view can be drawn, compressed as nginx sends it: a second on an ordinary line."""

import gzip
import json
from functools import cache
from typing import Any

import pytest

from tests.support.running_api import WEB

KIB = 1024
FIRST = {"Member": 25, "Operator": 25, "Auditor": 25, "Public": 10}
"""KiB of each role's first view, on top of what everybody needs."""
EVERYBODY_MAX = 190
CHART, CHART_MAX = "EnergyChart", 140
"""Comes after the figures: no first view waits for it."""
LATER_MAX = 40


@cache
def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((WEB / ".vite" / "manifest.json").read_text())
    return found


@cache
def _compressed(file: str) -> int:
    return len(gzip.compress((WEB / file).read_bytes(), 6))


def chunk_of(name: str) -> str:
    """The manifest's key of the chunk with this name."""
    (key,) = (key for key, chunk in manifest().items() if chunk.get("name") == name and chunk["file"].endswith(".js"))
    return key


def needed(entry: str) -> frozenset[str]:
    """The files of scripts and styles that must be there before `entry` can run."""
    waiting, seen = [entry], set()
    files: set[str] = set()
    while waiting:
        if (name := waiting.pop()) in seen:
            continue
        seen.add(name)
        chunk = manifest()[name]
        files |= {chunk["file"], *chunk.get("css", ())}
        waiting += chunk.get("imports", ())
    return frozenset(files)


def weight(files: frozenset[str]) -> float:
    """KiB of these files, compressed."""
    return sum(map(_compressed, files)) / KIB


def test_what_everybody_needs_is_light() -> None:
    assert weight(needed("index.html")) <= EVERYBODY_MAX


@pytest.mark.parametrize("name", FIRST)
def test_a_first_view_is_light_and_does_not_wait_for_the_chart(name: str) -> None:
    there = needed("index.html")
    own = needed(chunk_of(name)) - there
    assert weight(own) <= FIRST[name]
    assert manifest()[chunk_of(CHART)]["file"] not in own


def test_what_is_opened_later_is_light() -> None:
    there = needed("index.html")
    assert weight(needed(chunk_of(CHART)) - there) <= CHART_MAX
    later = [key for key, chunk in manifest().items() if chunk.get("isDynamicEntry") and key.startswith("src/")]
    assert len(later) > 15
    weights = {key: weight(needed(key) - there) for key in later if key != chunk_of(CHART)}
    assert {key: kib for key, kib in weights.items() if kib > LATER_MAX} == {}
