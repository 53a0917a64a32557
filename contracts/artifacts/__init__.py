"""Compiled contracts, written by tools/build and committed: running the backend needs no compiler."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract. `sources` maps each project source to its SHA-256, `sources_sha256` covers them all."""

    name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    deployed_bytecode: bytes
    immutable_offsets: tuple[int, ...]
    sources: tuple[tuple[str, str], ...]
    sources_sha256: str

    def matches(self, code: bytes) -> bool:
        """Whether code found on a chain is this contract: equal but for the 32-byte immutables set at deployment."""
        return _blank(code, self.immutable_offsets) == _blank(self.deployed_bytecode, self.immutable_offsets)


def _blank(code: bytes, offsets: tuple[int, ...]) -> bytes:
    blank = bytearray(code)
    for offset in offsets:
        blank[offset : offset + 32] = bytes(32)
    return bytes(blank)


@cache
def load(name: str) -> Artifact:
    """The artifact of `KwhToken` or `EnergyIssuer`. Raises FileNotFoundError for another name."""
    raw = json.loads((files(__package__) / f"{name}.json").read_text(encoding="utf-8"))
    places = [place for group in raw["immutableReferences"].values() for place in group]
    if any(place["length"] != 32 for place in places):
        raise ValueError(
            f"artifact {name} has an immutable that is not 32 bytes long; rebuild with contracts/tools/build"
        )
    return Artifact(
        name=raw["contractName"],
        abi=tuple(raw["abi"]),
        bytecode=bytes.fromhex(raw["bytecode"][2:]),
        deployed_bytecode=bytes.fromhex(raw["deployedBytecode"][2:]),
        immutable_offsets=tuple(sorted(place["start"] for place in places)),
        sources=tuple(raw["sources"].items()),
        sources_sha256=raw["sourcesSha256"],
    )
