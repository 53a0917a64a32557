"""The runbooks tell of what exists: every command parses, every service, alarm, metric and log event is really there."""

import importlib
import re
import shlex
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from community.store.unit_of_work import Store
from tests.architecture.repository import PRODUCT, ROOT, python_files
from tests.support.process_pages import pages

RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
ALARMS = {
    rule["alert"]: rule["annotations"]["runbook_url"]
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "alarms.yml").read_text())["groups"]
    for rule in group["rules"]
}
_PARSER = {
    "ingest": "parser", "api": "parser", "community.store": "parser", "tools.deployment": "parser", "standalone": "parser",
    "settlement": "_parser", "signer": "_parser", "indexer": "_parser", "gateway_agent": "parser",
}  # fmt: skip
_ENGINE = {"up", "ps", "logs", "exec", "run", "restart", "stop"}
_OTHER_PROGRAMS = {"openssl", "timedatectl", "df", "deploy/backup", "deploy/restore"}
_VALUED = {"-v", "--since"}


def commands_of(file: Path) -> list[str]:
    """Every line of a shell block, and every inline command that begins like one."""
    text = file.read_text()
    found = [line for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()]
    inline = re.findall(r"`((?:docker compose|python -m|deploy/backup|deploy/restore)[^`]+)`", text)
    return [each.strip() for each in (*found, *inline) if each.strip()]


ALL_COMMANDS = [(file.name, command) for file in RUNBOOKS for command in commands_of(file)]


def parser_of(module: str) -> ArgumentParser:
    """The command line of a module."""
    place = {"gateway_agent": "gateway_agent.cli"}.get(module, f"{module}.__main__")
    if module == "tools.deployment":
        place = module
    found: Any = getattr(importlib.import_module(place), _PARSER[module])()
    return found  # type: ignore[no-any-return]


def check_python(words: list[str]) -> None:
    """`python -m MODULE …` names a module whose parser takes the rest."""
    module, arguments = words[0], words[1:]
    assert module in _PARSER, f"{module} has no command line here"
    if ">" in arguments:
        arguments = arguments[: arguments.index(">")]
    parser_of(module).parse_args(arguments)


def check_compose(words: list[str]) -> None:
    """`docker compose ACTION …` names services that exist; what it starts in them parses too."""
    action, rest = words[0], words[1:]
    assert action in _ENGINE, action
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in _VALUED else rest[1:]
    if action in {"exec", "run"}:
        service, started = rest[0], rest[1:]
        assert service in SERVICES or service == "SERVICE", service
        if action == "run" and started:
            check_python(started)  # the image's entry point is python -m
        elif started[:2] == ["python", "-m"]:
            check_python(started[2:])
        return
    assert {each for each in rest if not each.startswith("-")} <= {*SERVICES, "SERVICE"}, rest


@pytest.mark.parametrize(("file", "command"), ALL_COMMANDS, ids=[f"{f}: {c[:60]}" for f, c in ALL_COMMANDS])
def test_a_command_of_a_runbook_can_be_typed(file: str, command: str) -> None:
    words = shlex.split(command)
    if words[:2] == ["docker", "compose"]:
        check_compose(words[2:])
    elif words[:2] == ["python", "-m"]:
        check_python(words[2:])
    else:
        assert words[0] in _OTHER_PROGRAMS, words[0]
        assert not words[0].startswith("deploy/") or (ROOT / words[0]).is_file()


def test_a_command_that_does_not_exist_is_noticed() -> None:
    for wrong in ("docker compose exec ingest python -m ingest gasp", "docker compose restart mosquito"):
        with pytest.raises((SystemExit, AssertionError)):
            test_a_command_of_a_runbook_can_be_typed("", wrong)


def test_every_alarm_has_a_runbook_and_every_runbook_is_in_the_list() -> None:
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    for file in RUNBOOKS:
        assert file.name == "README.md" or f"({file.name})" in index
        for name in re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]+)`", file.read_text()):
            assert ALARMS[name] == f"docs/runbooks/{file.name}", name


async def test_every_metric_and_log_event_that_a_runbook_names_exists(sqlite_store: Store, tmp_path: Path) -> None:
    figures = "\n".join((await pages(sqlite_store, tmp_path, "http://127.0.0.1:9")).values())
    source = "\n".join((ROOT / file).read_text() for file in python_files(*PRODUCT))
    for file in RUNBOOKS:
        for name in re.findall(r"`([a-z]+_[a-z_]+)`", file.read_text()):
            assert name in figures or f'"{name}"' in source or f"{name}:" in source, f"{file.name}: {name}"
