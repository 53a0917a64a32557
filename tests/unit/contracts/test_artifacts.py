"""The committed artifacts belong to the sources beside them: provable without a compiler."""

import hashlib
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from contracts import abi
from contracts.reverts import SENTENCES

ROOT = Path(__file__).parents[3]
NAMES = ("KwhToken", "EnergyIssuer", "EnergyShares")


def signature(entry: dict[str, object]) -> str:
    def of(field: dict[str, object]) -> str:
        kind = str(field["type"])
        if not kind.startswith("tuple"):
            return kind
        return "(" + ",".join(of(one) for one in field["components"]) + ")" + kind[5:]  # type: ignore[attr-defined]

    return f"{entry['name']}({','.join(of(one) for one in entry['inputs'])})"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_artifact_is_of_these_sources(name: str) -> None:
    artifact = abi.load(name)
    assert artifact.name == name
    assert f"contracts/src/{name}.sol" in dict(artifact.sources)
    lines = ""
    for path, expected in artifact.sources:
        found = hashlib.sha256((ROOT / path).read_bytes()).hexdigest()
        assert found == expected, f"{path} changed after compilation: run contracts/tools/build and commit the result"
        lines += f"{found}  {path}\n"
    assert artifact.sources_sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_every_source_is_in_an_artifact() -> None:
    covered = {path for name in NAMES for path, _ in abi.load(name).sources}
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "contracts" / "src").rglob("*.sol")} == covered


def test_code_matches_but_for_the_immutables() -> None:
    artifact = abi.load("EnergyIssuer")
    code = bytearray(artifact.deployed_bytecode)
    offset = artifact.immutable_offsets[0]
    code[offset + 31] = 7
    assert artifact.matches(bytes(code))
    code[offset - 1] ^= 1
    assert not artifact.matches(bytes(code))
    assert not artifact.matches(b"")


@pytest.mark.parametrize("name", NAMES)
def test_every_error_of_the_contracts_has_a_sentence(name: str) -> None:
    errors = {signature(entry) for entry in abi.load(name).abi if entry["type"] == "error"}
    assert errors
    assert errors - SENTENCES.keys() == set()


def test_no_sentence_without_an_error() -> None:
    errors = {signature(entry) for name in NAMES for entry in abi.load(name).abi if entry["type"] == "error"}
    assert SENTENCES.keys() - errors == {"Error(string)", "Panic(uint256)"}


def test_selectors_and_topics_are_the_artifacts() -> None:
    """The signatures written out in Python exist in the compiled contracts."""
    entries = [entry for name in NAMES for entry in abi.load(name).abi]
    selectors = {keccak(text=signature(entry))[:4] for entry in entries if entry["type"] == "function"}
    topics = {"0x" + keccak(text=signature(entry)).hex() for entry in entries if entry["type"] == "event"}
    assert {abi.SELECTOR_SETTLE, abi.SELECTOR_SETTLE_MANY, abi.SELECTOR_SETTLE_ATTESTED} <= selectors
    calls = (
        abi.encode_pause(),
        abi.encode_unpause(),
        abi.encode_token(),
        abi.encode_total_supply(),
        abi.encode_source(bytes(32)),
        abi.encode_config_hash(bytes(32)),
        abi.encode_balance_of("0x" + "11" * 20),
        abi.encode_transfer("0x" + "11" * 20, 1),
        abi.encode_burn(1),
        abi.encode_correct(bytes(32), 1, bytes(32)),
        abi.encode_set_active(bytes(32), True),
        abi.encode_grant_role(bytes(32), "0x" + "11" * 20),
        abi.encode_has_role(bytes(32), "0x" + "11" * 20),
    )
    assert {call[:4] for call in calls} <= selectors
    assert {
        abi.TOPIC_TRANSFER,
        abi.TOPIC_RETIRED,
        abi.TOPIC_SETTLED,
        abi.TOPIC_SOURCE_CONFIGURED,
        abi.TOPIC_CORRECTED,
        abi.TOPIC_SOURCE_ACTIVE,
    } <= topics
