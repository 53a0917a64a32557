"""The installer's manual is true: commands, exit codes, settings and topics are those of the program."""

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from community.runtime.lifecycle import EXIT_FAILED, EXIT_OK
from gateway_agent import cli

MANUAL = (Path(__file__).parents[3] / "docs" / "gateway-agent.md").read_text("utf-8")
UNIT = Path(__file__).parents[3] / "deploy" / "systemd" / "gateway-agent@.service"


def commands(parser: argparse.ArgumentParser, prefix: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield f"{prefix}{name}", child
                yield from commands(child, f"{prefix}{name} ")


def test_every_command_is_explained_and_every_explained_one_exists() -> None:
    known = dict(commands(cli.parser()))
    for name in known:
        if name not in ("key", "spool", "profiles", "scan", "run"):
            assert re.search(rf"[`(\s]{name}[`\s]", MANUAL), name
    for name in re.findall(r"`?gateway-agent ([a-z]+(?: (?:modbus|mbus|list|init))?)", MANUAL):
        assert name in known or name.split()[0] in known, name
    assert "-m gateway_agent run" in UNIT.read_text()


def test_options_in_the_manual_exist() -> None:
    options = {
        text for _, parser in commands(cli.parser()) for action in parser._actions for text in action.option_strings
    }
    of_others = {"--require-hashes", "--no-deps", "--system", "--groups", "--now"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", MANUAL)) - of_others <= options


def test_exit_codes() -> None:
    told = {int(code): text for code, text in re.findall(r"^\| (\d) \| (.+) \|$", MANUAL, re.MULTILINE)}
    assert set(told) == {
        EXIT_OK, EXIT_FAILED, 2, cli.EXIT_CONFIGURATION, cli.EXIT_KEY, cli.EXIT_NO_ANSWER, cli.EXIT_FOUND_WRONG,
    }  # fmt: skip
    assert set(map(int, re.findall(r"\b\d\b", cli.__doc__ or ""))) == set(told)


def test_every_topic_of_diagnose_is_in_the_table() -> None:
    sources = Path(cli.__file__).parent
    code = "".join(
        path.read_text() for path in (*sources.glob("diagnosis*.py"), sources / "commands" / "diagnosing.py")
    )
    topics = set(re.findall(r'Finding\(\s*"([a-z]+)"', code))
    rows = " ".join(re.findall(r"^\| ([a-z, ]+) \|", MANUAL, re.MULTILINE)).replace(",", "").split()
    assert topics - {"status"} <= set(rows), topics - set(rows)


def test_what_is_shown_as_toml_is() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL)
    assert blocks and all(tomllib.loads(block) for block in blocks)
