"""Documents say what is true: links lead somewhere, decisions name the check that holds them, words are the glossary's."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.repository import PRODUCT, ROOT, python_files, tracked_files

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DOCUMENTS = [path for path in tracked_files() if path.suffix == ".md" and path.parts[:2] != ("tests", "golden")]

# Of the glossary's last column those that mean nothing else in a name.
BANNED = frozenset(
    {"sensor", "datapoint", "bucket", "customer", "payout", "stake", "packet", "hsm", "tpm", "stakes"}
)  # fmt: skip


def test_decisions_are_numbered_without_holes() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]


def missing_from(text: str) -> list[str]:
    """What a decision lacks: its parts, and the checks it names that do not exist."""
    problems = [part for part in ("**Question.**", "**Decision.**", "**Why.**", "**Enforced by**") if part not in text]
    enforced = text.partition("**Enforced by**")[2]
    paths = [name for name in re.findall(r"`([^`\s]+)`", enforced) if "/" in name or name.startswith(".")]
    if not paths:
        problems.append("no check is named")
    return problems + [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_names_the_check_that_holds_it(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(f"# {path.name[:4]} ")
    assert missing_from(text) == []


def test_a_decision_without_a_check_is_caught() -> None:
    whole = "**Question.** **Decision.** **Why.** **Enforced by** "
    assert missing_from(whole + "`tests/architecture/test_docs.py`.") == []
    assert missing_from(whole + "good will.") == ["no check is named"]
    assert missing_from(whole + "`tests/absent.py`.") == ["tests/absent.py"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    text = (ROOT / path).read_text()
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (ROOT / path.parent / target).exists()] == []


def test_paths_in_the_architecture_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = {name.rstrip("/") for name in re.findall(r"`([a-z_.]+(?:/[a-z_.]*)*)`", text)}
    packages = {name for name in named if name.split("/")[0] in {*PRODUCT, "tests", "bench", "tools", "deploy", "docs"}}
    assert packages
    assert sorted(name for name in packages if not (ROOT / name).exists()) == []


def test_the_signers_manual_names_every_command_and_setting() -> None:
    text = (ROOT / "docs" / "signer.md").read_text()
    source = "".join((ROOT / "signer" / name).read_text() for name in ("cli_keys.py", "cli_registry.py", "__main__.py"))
    commands = set(re.findall(r'add\(\s*"([a-z-]+)"', source)) | {"registry draft", "registry approve", "registry pin"}
    assert len(commands) >= 11
    assert sorted(command for command in commands if f"`{command}" not in text and f"    {command}" not in text) == []
    options = set(
        re.findall(r'add_argument\(\s*"(--[a-z0-9-]+)"', source + (ROOT / "signer" / "cli_options.py").read_text())
    )
    assert sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text)) - options - {"--help"}) == []
    settings = set(re.findall(r"SIGNER_[A-Z_]+", text))
    example = (ROOT / ".env.example").read_text()
    assert settings and sorted(name for name in settings if f"{name}=" not in example) == []


def names_in(text: str) -> set[str]:
    """Words of every class, function, argument and variable that a module defines."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return {word.lower() for name in names for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


@pytest.mark.parametrize("package", PRODUCT)
def test_names_use_the_glossarys_words(package: str) -> None:
    files = python_files(package)
    assert files
    assert {str(path): found for path in files if (found := names_in((ROOT / path).read_text()) & BANNED)} == {}


def test_a_banned_word_is_caught() -> None:
    assert names_in("class SensorReading:\n    def to_bucket(self, packet): self_stake = 1") & BANNED == {
        "sensor",
        "bucket",
        "packet",
        "stake",
    }
    assert "| sensor, channel |" in (ROOT / "docs" / "glossary.md").read_text()
