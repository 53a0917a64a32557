"""What a file of this repository may look like. Each rule is a function over one file, and is shown a bad one."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.repository import PROCESSES, PRODUCT, ROOT, python_files, tracked_files

FILE_LINES = 400
FUNCTION_LINES = 70
DRAWERS = frozenset(
    {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "misc", "stuff", "lib"}
)

_LATER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|\b[Ff]or now\b")
# Put together from halves, so that this file names none of them either.
_HOST_HALVES = (("registry.npm", "js"), ("npm", "js.org"), ("py", "pi.org"), ("python", "hosted"), ("deb.", "debian"))
_REGISTRY_HOSTS = re.compile(
    "|".join(re.escape(first + second) for first, second in _HOST_HALVES) + r"|artifactory|https?://\S*/simple/",
    re.IGNORECASE,
)
_MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:root|work|home/\w+|Users)/|\.pyenv\b|\bshared/(?:design|vectors)")
_SKIPS = re.compile(r"pytest\.(?:skip|importorskip)\b|mark\.(?:skip|skipif|xfail)\b|unittest\.skip")
_SQL = re.compile(
    r"^\s*(?:SELECT\s.+\sFROM\s|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(?:TABLE|INDEX|TRIGGER|UNIQUE)\b)",
    re.DOTALL,
)
# A process's private file speaks SQL to itself; the check from outside asks the database in its own words.
_SQL_HOMES = ("community/store/", "gateway_agent/spool", "signer/journal", "standalone/")
_TEXT = frozenset(
    {
        ".py",
        ".md",
        ".toml",
        ".txt",
        ".json",
        ".yml",
        ".yaml",
        ".sol",
        ".conf",
        ".sh",
        ".html",
        ".js",
        ".ts",
        ".tsx",
        ".css",
        ".graphql",
        ".cfg",
        "",
    }
)
# The licence, locks and data received from others are not our words; this file names what it forbids.
_THIS = "tests/architecture/test_tidy.py"
_NOT_OUR_WORDS = (
    _THIS,
    "LICENSE",
    "package-lock.json",
    "frontend/package-lock.json",
    "frontend/src/graphql/",
    "requirements/",
    "tests/golden/",
    "contracts/artifacts/",
)

Rule = Callable[[Path, str], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Outline:
    """What the rules ask of a Python file: several do, and parsing takes the most time."""

    is_silent: bool
    functions: tuple[tuple[str, int], ...]
    classes: tuple[str, ...]
    strings: tuple[tuple[int, str], ...]


@cache
def outline(text: str) -> Outline:
    """Whether it lacks a docstring; functions with their lengths; classes; strings with their lines."""
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    defined = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return Outline(
        bool(tree.body) and ast.get_docstring(tree) is None,
        tuple((node.name, (node.end_lineno or node.lineno) - node.lineno + 1) for node in defined),
        tuple(node.name for node in nodes if isinstance(node, ast.ClassDef)),
        tuple(
            (each.lineno, each.value)
            for each in nodes
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ),
    )


def no_drawer(path: Path, _text: str) -> Iterator[str]:
    """A module is named by its idea."""
    for part in (*path.parts[:-1], path.stem):
        if part.lower() in DRAWERS:
            yield f"{part} is a drawer, not a name"


def short_file(path: Path, text: str) -> Iterator[str]:
    """A file is one idea."""
    lines = text.count("\n")
    if lines > FILE_LINES:
        yield f"{lines} lines; at most {FILE_LINES}"


def short_functions(path: Path, text: str) -> Iterator[str]:
    """A function fits on a screen or two."""
    for name, length in outline(text).functions:
        if length > FUNCTION_LINES:
            yield f"{name} has {length} lines; at most {FUNCTION_LINES}"


def module_docstring(path: Path, text: str) -> Iterator[str]:
    """A module says what it is; an empty package marker needs no words."""
    if outline(text).is_silent:
        yield "no docstring"


def nothing_postponed(path: Path, text: str) -> Iterator[str]:
    """What is missing is an issue, not a comment."""
    for found in _LATER.finditer(text):
        yield f"{found[0]!r} in line {text.count(chr(10), 0, found.start()) + 1}"


def no_registry_hosts(path: Path, text: str) -> Iterator[str]:
    """Where packages come from is a setting of the machine."""
    for found in _REGISTRY_HOSTS.finditer(text):
        yield f"{found[0]!r} in line {text.count(chr(10), 0, found.start()) + 1}"


def no_machine_paths(path: Path, text: str) -> Iterator[str]:
    """A path of somebody's machine means nothing on another."""
    for found in _MACHINE_PATHS.finditer(text):
        yield f"{found[0]!r} in line {text.count(chr(10), 0, found.start()) + 1}"


def sql_only_in_the_store(path: Path, text: str) -> Iterator[str]:
    """A statement in a string is SQL wherever it stands."""
    if path.as_posix().startswith(_SQL_HOMES):
        return
    for line, string in outline(text).strings:
        if _SQL.match(string):
            yield f"SQL in line {line}"


def no_forbidden_name(path: Path, text: str) -> Iterator[str]:
    """No Abstract, Impl, Service, Manager or I prefix: the name of a thing is the thing."""
    for name in outline(text).classes:
        if re.match(r"(?:Abstract|I[A-Z][a-z]|Base[A-Z])|\w*(?:Impl|Service|Manager|Helper)$", name):
            yield f"class {name}"


def no_skipping(_path: Path, text: str) -> Iterator[str]:
    """A missing server fails a test with what to install; a skip would hide it."""
    for found in _SKIPS.finditer(text):
        yield f"{found[0]!r} in line {text.count(chr(10), 0, found.start()) + 1}"


def no_reading_outside_the_repository(path: Path, text: str) -> Iterator[str]:
    """Tests carry their data with them."""
    for line, string in outline(text).strings:
        if re.match(r"(?:\.\./)+shared", string):
            yield f"{string!r} in line {line}"


def _python(*packages: str) -> list[Path]:
    return list(python_files(*packages))


def _code() -> list[Path]:
    """Python and what people wrote of the web application."""
    scripts = [path for path in _words() if path.suffix in (".ts", ".tsx")]
    assert scripts, "the web application is not looked at"
    return _python() + scripts


def _words() -> list[Path]:
    return [path for path in tracked_files() if path.suffix in _TEXT and not path.as_posix().startswith(_NOT_OUR_WORDS)]


def _every_text() -> list[Path]:
    return [
        path
        for path in tracked_files()
        if path.suffix in _TEXT and path.parts[:2] != ("tests", "golden") and path.as_posix() != _THIS
    ]


RULES: list[tuple[Rule, Callable[[], list[Path]], str, str]] = [
    # rule, files it holds for, path and text of a file that breaks it
    (no_drawer, _python, "api/utils.py", ""),
    (no_drawer, _python, "community/common/money.py", ""),
    (short_file, _code, "api/long.py", "x = 1\n" * 401),
    (short_functions, _python, "api/long.py", "def long():\n" + "    x = 1\n" * 71),
    (module_docstring, _python, "api/silent.py", "x = 1\n"),
    (nothing_postponed, _words, "api/later.py", "# TODO write this\n"),
    (nothing_postponed, _words, "api/later.py", "rate = 3  # good enough for now\n"),
    (
        no_registry_hosts,
        _every_text,
        "requirements/run.txt",
        f"--index-url https://{''.join(_HOST_HALVES[2])}/simple\n",
    ),
    (no_registry_hosts, _every_text, "package-lock.json", f"https://{''.join(_HOST_HALVES[0])}.org/x"),
    (no_machine_paths, _words, "docs/x.md", "cd /root/project"),
    (no_machine_paths, _words, "docs/x.md", "see shared/design"),
    (sql_only_in_the_store, lambda: _python(*PRODUCT), "api/x.py", 'q = "SELECT a FROM b"\n'),
    (sql_only_in_the_store, lambda: _python(*PRODUCT), "api/x.py", 'q = "INSERT OR IGNORE INTO b VALUES (1)"\n'),
    (no_forbidden_name, lambda: _python(*PRODUCT), "api/x.py", "class TokenService:\n    pass\n"),
    (no_forbidden_name, lambda: _python(*PRODUCT), "api/x.py", "class AbstractToken:\n    pass\n"),
    (
        no_skipping,
        lambda: [path for path in _python("tests") if str(path) != _THIS],
        "tests/x.py",
        "pytest.skip('no broker')",
    ),
    (
        no_skipping,
        lambda: [path for path in _python("tests") if str(path) != _THIS],
        "tests/x.py",
        "@pytest.mark.skipif(x)",
    ),
    (no_reading_outside_the_repository, _python, "tests/x.py", 'p = "../shared/vectors"\n'),
]


@pytest.mark.parametrize(
    "rule", sorted({rule for rule, *_ in RULES}, key=lambda rule: rule.__name__), ids=lambda r: r.__name__
)
def test_every_file_keeps(rule: Rule) -> None:
    files = next(files for candidate, files, *_ in RULES if candidate is rule)()
    assert files, "the rule looks at nothing"
    problems = [
        f"{path}: {problem}"
        for path in files
        for problem in rule(path, (ROOT / path).read_text(encoding="utf-8", errors="replace"))
    ]
    assert problems == [], f"{rule.__doc__}\n" + "\n".join(problems)


@pytest.mark.parametrize(("rule", "_files", "path", "text"), RULES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_bad_file_is_caught(rule: Rule, _files: object, path: str, text: str) -> None:
    assert list(rule(Path(path), text))


def test_a_good_file_is_left_alone() -> None:
    good = '"""The grid of quarter-hours."""\n\nSELECTED = "select a member from the list"\n'
    assert [problem for rule, *_ in RULES for problem in rule(Path("community/clock.py"), good)] == []


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_has_its_three_doors(process: str) -> None:
    present = {path.name for path in python_files(process) if len(path.parts) == 2}
    assert {"__init__.py", "__main__.py", "app.py", "settings.py"} <= present


@pytest.mark.parametrize("path", [path.as_posix() for path in tracked_files() if path.name == "package-lock.json"])
def test_the_npm_locks_name_no_download_address(path: str) -> None:
    """Every entry has its hash, but for platforms whose packages the lock's writer could not reach."""
    lock = json.loads((ROOT / path).read_text())
    assert lock["packages"], "an empty lock locks nothing"
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    unhashed = {name: entry for name, entry in lock["packages"].items() if name and "integrity" not in entry}
    assert [name for name, entry in unhashed.items() if not (entry.get("optional") and entry.get("os"))] == []
    assert [name for name in unhashed if name.endswith("-linux-amd64")] == []


@pytest.mark.parametrize("name", ["run.txt", "all.txt"])
def test_the_python_locks_have_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    locked = [entry for entry in entries if entry.strip()]
    assert len(locked) > 30
    assert [entry.splitlines()[0] for entry in locked if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_our_tests_package_wins_over_the_one_that_gmqtt_installs() -> None:
    """gmqtt 0.8 installs a top-level package named tests; ours must be the one that is imported."""
    import gmqtt

    import tests

    foreign = Path(gmqtt.__file__).parents[1] / "tests" / "__init__.py"
    assert foreign.is_file(), "gmqtt no longer installs it: this test and the settings for it can go"
    assert Path(tests.__file__ or "").parent == ROOT / "tests"
