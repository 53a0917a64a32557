"""A bundle of what real devices, a real signer and a real chain did agrees; each kind of tampering is told by name."""

import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import pytest_asyncio

from community.evidence import records
from community.evidence.bundle_lines import read_bundle
from tests.support.evidence_world import (
    DEBT_WH,
    ENERGY_WH,
    EvidenceWorld,
    Records,
    bundle_lines,
    evidence_world,
)
from verifier.__main__ import main
from verifier.checking import check_bundle
from verifier.findings import Verdict
from verifier.node import Node

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]
_Kind = TypeVar("_Kind")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EvidenceWorld]:
    async with evidence_world(tmp_path_factory.mktemp("evidence")) as made:
        yield made


def _written(folder: Path, lines: tuple[bytes, ...]) -> Path:
    path = folder / "evidence.jsonl"
    path.write_bytes(b"".join(lines))
    return path


async def test_everything_agrees_with_the_chain_to_the_base_unit(settled: EvidenceWorld) -> None:
    report = check_bundle(settled.bundle, Node(settled.world.chain.url), issuer=settled.world.issuer)
    assert report.verdict is Verdict.AGREES, "\n".join(report.lines())
    assert report.figures["settlements"] == "3"
    assert report.figures["energy settled"] == f"{ENERGY_WH} Wh"
    assert report.figures["base units minted"] == str((ENERGY_WH - DEBT_WH) * 10**15)
    assert all(check.count for check in report.checks), [one.claim for one in report.checks if not one.count]


async def test_without_a_node_the_file_agrees_and_the_chain_was_not_looked_at(settled: EvidenceWorld) -> None:
    report = check_bundle(settled.bundle)
    assert report.verdict is Verdict.NOT_CHECKED, "\n".join(report.lines())
    assert [check.claim for check in report.checks if check.unchecked] == ["the chain agrees"]


async def test_the_command_says_in_words_and_in_its_exit_code(
    settled: EvidenceWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, node = str(_written(tmp_path, settled.lines)), settled.world.chain.url
    assert main(["check", file, "--rpc", node, "--issuer", settled.world.issuer]) == 0
    said = capsys.readouterr().out
    assert said.endswith("Everything agrees.\n") and "DIFFERS" not in said
    assert "every statement is signed by its device's key (4)" in said
    assert main(["check", file]) == 2
    assert main(["check", file, "--json", "--issuer", "0x" + "1" * 40]) == 1
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["verdict"] == "differs"
    assert main(["check", str(tmp_path / "nothing")]) == 3
    assert main(["check", file, "--rpc", "http://127.0.0.1:9"]) == 2
    assert capsys.readouterr().out.count("The node does not answer eth_chainId") == 5


async def test_the_same_books_give_the_same_bytes(settled: EvidenceWorld) -> None:
    assert tuple(await bundle_lines(settled.world)) == settled.lines


async def test_the_neighbour_in_the_same_transaction_is_proven_by_itself(settled: EvidenceWorld) -> None:
    bundle = read_bundle(await bundle_lines(settled.world, "barn"))
    report = check_bundle(bundle, Node(settled.world.chain.url))
    assert report.verdict is Verdict.AGREES, "\n".join(report.lines())
    assert report.figures["base units minted"] == str(300 * 10**15)


def _places(found: Records, kind: type[_Kind]) -> list[int]:
    return [at for at, record in enumerate(found) if isinstance(record, kind)]


def _change(kind: type[Any], which: int, **values: Any) -> Callable[[Records], None]:
    def apply(found: Records) -> None:
        at = _places(found, kind)[which]
        found[at] = msgspec.structs.replace(found[at], **values)

    return apply


def _inside(part: str, which: int, change: Callable[[Any], dict[str, Any]]) -> Callable[[Records], None]:
    """Change fields of a settlement's decision, sent transaction or event."""

    def apply(found: Records) -> None:
        at = _places(found, records.Settlement)[which]
        inner = getattr(found[at], part)
        found[at] = msgspec.structs.replace(found[at], **{part: msgspec.structs.replace(inner, **change(inner))})

    return apply


def _without(kind: type[Any], which: int) -> Callable[[Records], None]:
    def apply(found: Records) -> None:
        del found[_places(found, kind)[which]]

    return apply


def _flipped(text: str, at: int) -> str:
    at %= len(text)
    return text[:at] + f"{int(text[at], 16) ^ 1:x}" + text[at + 1 :]


def _flip(kind: type[Any], which: int, name: str, at: int) -> Callable[[Records], None]:
    def apply(found: Records) -> None:
        place = _places(found, kind)[which]
        found[place] = msgspec.structs.replace(found[place], **{name: _flipped(getattr(found[place], name), at)})

    return apply


def _weights(found: Records) -> None:
    at = _places(found, records.ShareTable)[0]
    first, second, *rest = found[at].holdings
    changed = (
        msgspec.structs.replace(first, shares=first.shares + 1),
        msgspec.structs.replace(second, shares=second.shares - 1),
        *rest,
    )
    found[at] = msgspec.structs.replace(found[at], holdings=changed)


def _richer(mints: tuple[records.Mint, ...]) -> tuple[records.Mint, ...]:
    first = mints[0]
    return (msgspec.structs.replace(first, amount=str(int(first.amount) + 1)), *mints[1:])


@dataclasses.dataclass(frozen=True, slots=True)
class Tampering:
    """What somebody did to the records, and words that the report must then hold."""

    name: str
    change: Callable[[Records], None]
    words: str


TAMPERINGS = [
    Tampering("a byte of a signature", _flip(records.Statement, 1, "signed", -3), "the signature is not by this key"),
    Tampering("another device's key", _flip(records.DeviceKey, 0, "public_key", -1), "not a point of P-256"),
    Tampering("a key that is not there", _without(records.DeviceKey, 0), "which is not in the bundle"),
    Tampering(
        "a key valid later", _change(records.DeviceKey, 0, valid_from="2026-03-02T13:00:00Z"), "was not valid then"
    ),
    Tampering(
        "a key revoked from before",
        _change(records.DeviceKey, 0, revoked_from="2026-03-02T12:30:00Z"),
        "the key that signed its reading was revoked",
    ),
    Tampering("a register", _change(records.Reading, 2, register_wh=1_001_235), "the register that is signed is"),
    Tampering("a reading's time", _change(records.Reading, 2, at="2026-03-02T12:45:01Z"), "what is signed was read at"),
    Tampering("a leaf", _flip(records.Reading, 2, "leaf", -1), "its leaf is not in the signed tree"),
    Tampering("a reading left out", _without(records.Reading, 2), "its reading is not proven"),
    Tampering("a statement left out", _without(records.Statement, 1), "no statement that verifies holds it"),
    Tampering("a share table's weights", _weights, "the issuer committed to"),
    Tampering("the issuer's commitment", _flip(records.Configured, 0, "config_hash", 9), "the issuer committed to"),
    Tampering("more energy decided", _inside("decision", 1, lambda _: {"to_wh": 1_002_001}), "its id should be"),
    Tampering("an issuance's id", _inside("decision", 0, lambda one: {"id": _flipped(one.id, 9)}), "its id should be"),
    Tampering(
        "a holder's part in the books",
        _inside("decision", 0, lambda one: {"parts": tuple(reversed(one.parts))}),
        "the books have other parts than the shares give",
    ),
    Tampering(
        "one wei more to one holder",
        _inside("settled", 0, lambda one: {"mints": _richer(one.mints)}),
        "the mints are not the split",
    ),
    Tampering("a mint left out", _inside("settled", 0, lambda one: {"mints": one.mints[1:]}), "are not the split"),
    Tampering(
        "more minted than produced", _inside("settled", 0, lambda _: {"minted_wh": 1235}), "1235 Wh minted of 1234 Wh"
    ),
    Tampering("a debt hidden", _without(records.Debt, 0), "Wh were not minted, but corrections say 0 Wh"),
    Tampering("a settlement hidden", _without(records.Settlement, 1), "settlement 1 is followed by 3"),
    Tampering(
        "a settlement that nobody decided",
        _change(records.Settlement, 0, decision=None),
        "stands on the chain, and nobody decided it here",
    ),
    Tampering(
        "another evidence on chain",
        _inside("settled", 0, lambda one: {"evidence": _flipped(one.evidence, 9)}),
        "the chain names another evidence",
    ),
    Tampering(
        "another call", _inside("sent", 0, lambda one: {"calldata": _flipped(one.calldata, -1)}), "another transaction"
    ),
    Tampering(
        "another transaction's bytes",
        _inside("sent", 0, lambda one: {"raw": _flipped(one.raw, -1)}),
        "another transaction",
    ),
]


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda one: one.name)
async def test_tampering_is_told_by_name(settled: EvidenceWorld, tampering: Tampering) -> None:
    report = check_bundle(settled.tampered(tampering.change))
    assert report.verdict is Verdict.DIFFERS
    problems = [problem for check in report.checks for problem in check.problems]
    assert any(tampering.words in problem for problem in problems), "\n".join(report.lines())


LIES_ABOUT_THE_CHAIN = [
    Tampering(
        "a consistent block", _inside("settled", 0, lambda one: {"block_number": one.block_number - 1}), "the node has"
    ),
    Tampering("a settlement hidden at the end", _without(records.Settlement, -1), "the bundle has not"),
    Tampering("another chain", _change(records.Head, 0, chain_id=137), "the node follows chain"),
    Tampering("a finalised block of another fork", _flip(records.Head, 0, "finalised_hash", 9), "at the node"),
    Tampering("another token", _change(records.Head, 0, token="0x" + "1" * 40), "mints another token"),
    Tampering("a configuration hidden", _without(records.Configured, 0), "the chain has other configurations"),
    Tampering("a debt made up", _change(records.Debt, 0, energy_wh=DEBT_WH + 1), "the chain has other debts"),
    Tampering(
        "a mint at another place",
        _inside("settled", 0, lambda one: {"mints": tuple(_moved(mint) for mint in one.mints)}),
        "the node has 3 mints",
    ),
]


def _moved(mint: records.Mint) -> records.Mint:
    return msgspec.structs.replace(mint, log_index=mint.log_index + 40)


@pytest.mark.parametrize("lie", LIES_ABOUT_THE_CHAIN, ids=lambda one: one.name)
async def test_a_node_shows_what_the_file_alone_hides(settled: EvidenceWorld, lie: Tampering) -> None:
    report = check_bundle(settled.tampered(lie.change), Node(settled.world.chain.url))
    assert report.verdict is Verdict.DIFFERS
    problems = [problem for check in report.checks for problem in check.problems]
    assert any(lie.words in problem for problem in problems), "\n".join(report.lines())
