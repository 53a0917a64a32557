"""The import rules are kept, and each one bites: a rule that nobody saw fail is a hope."""

import configparser
import shutil
from pathlib import Path

import pytest

from tests.architecture.import_linting import CONFIGURATION, Violation, broken_contracts
from tests.architecture.repository import PRODUCT, ROOT, python_files

PACKAGES = (*PRODUCT, "bench", "tools")

VIOLATIONS = [
    Violation("processes", "api/injected.py", "import ingest"),
    Violation("processes", "ingest/injected.py", "from settlement import injected"),
    Violation("processes", "gateway_agent/injected.py", "import signer"),
    Violation("processes", "indexer/injected.py", "import standalone"),
    Violation("processes", "community/ids.py", "import signer"),
    Violation("processes", "contracts/abi.py", "import community.units"),
    Violation("processes", "standalone/injected.py", "import tests.support"),
    Violation("core-layers", "community/errors.py", "import community.units"),
    Violation("core-layers", "community/json_input.py", "import community.chain"),
    Violation("core-layers", "community/metering/injected.py", "import community.minting"),
    Violation("core-layers", "community/tokens/injected.py", "import community.attestation"),
    Violation("core-layers", "community/reconciliation/injected.py", "import community.evidence"),
    Violation("core-layers", "community/identity/injected.py", "import community.store"),
    Violation("core-layers", "community/clients/injected.py", "import community.runtime"),
    Violation("core-layers", "community/stray.py", "ROUTE = 1"),
    *(
        Violation("core-is-pure", "community/metering/injected.py", f"import {module}")
        for module in (
            "asyncio",
            "socket",
            "os",
            "time",
            "random",
            "logging",
            "sqlite3",
            "sqlmodel",
            "web3",
            "starlette",
        )
    ),
    Violation("core-is-pure", "community/json_input.py", "import os"),
    Violation("core-is-pure", "contracts/injected.py", "import httpx"),
    Violation("sql", "ingest/injected.py", "from sqlalchemy import text"),
    Violation("sql", "api/injected.py", "import sqlmodel"),
    Violation("sql", "community/runtime/injected.py", "import asyncpg"),
    Violation("private-files", "indexer/injected.py", "import sqlite3"),
    Violation("tables-are-private", "settlement/injected.py", "from community.store.tables import injected"),
    Violation("protocol-clients", "ingest/injected.py", "import gmqtt"),
    Violation("protocol-clients", "settlement/injected.py", "from web3 import Web3"),
    Violation("graphql", "ingest/injected.py", "import strawberry"),
    Violation("graphql", "community/runtime/injected.py", "import authlib"),
    Violation("http-serving", "settlement/injected.py", "import starlette"),
    Violation("http-serving", "ingest/injected.py", "import starlette"),
    Violation("modbus", "ingest/injected.py", "import pymodbus"),
    Violation("modbus", "standalone/injected.py", "import pymodbus"),
    Violation("serial-line", "ingest/injected.py", "import serial"),
    Violation("embedded-broker", "ingest/injected.py", "import amqtt"),
    Violation("hd-wallet", "api/injected.py", "import hdwallet"),
    Violation("hd-wallet", "signer/injected.py", "from hdwallet import HDWallet"),
    Violation("transaction-keys", "settlement/injected.py", "import eth_account"),
    Violation("signer-reach", "signer/injected.py", "import community.store"),
    Violation("signer-reach", "signer/injected.py", "from community.clients import evm"),
    Violation("gateway-agent-reach", "gateway_agent/injected.py", "import community.store"),
    Violation("gateway-agent-reach", "gateway_agent/injected.py", "import community.chain"),
    Violation("verifier-reach", "verifier/injected.py", "import community.store"),
    Violation("verifier-reach", "verifier/injected.py", "from community.clients import evm"),
    Violation("composition", "settlement/injected.py", "from settlement import app"),
    Violation("composition", "ingest/injected.py", "from ingest.settings import injected"),
]


def _copy_tree(target: Path) -> Path:
    for path in python_files(*PACKAGES, "tests"):
        if path.parts[0] == "tests" and path.parts[1] not in {"__init__.py", "support"}:
            continue
        (target / path.parent).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target / path)
    shutil.copyfile(ROOT / CONFIGURATION, target / CONFIGURATION)
    return target


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    return broken_contracts(_copy_tree(tmp_path_factory.mktemp("tree")), VIOLATIONS)


def test_the_rules_are_kept() -> None:
    assert broken_contracts(ROOT, []) == {"": set()}


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda violation: violation.name)
def test_a_violation_is_caught(broken: dict[str, set[str]], violation: Violation) -> None:
    assert violation.rule in broken[violation.name]
    assert violation.rule not in broken[""], "the rule is broken without the violation: nothing was shown"


def test_every_rule_has_a_violation() -> None:
    configuration = configparser.ConfigParser()
    configuration.read(ROOT / CONFIGURATION)
    rules = {section.removeprefix("importlinter:contract:") for section in configuration.sections()} - {"importlinter"}
    assert {violation.rule for violation in VIOLATIONS} == rules


def test_every_package_is_under_the_rules() -> None:
    configuration = configparser.ConfigParser()
    configuration.read(ROOT / CONFIGURATION)
    named = set(configuration["importlinter"]["root_packages"].split())
    in_tree = {
        path.parts[0]
        for path in python_files()
        if len(path.parts) > 1 and (ROOT / path.parts[0] / "__init__.py").exists()
    }
    assert in_tree - {"tools"} == named
    layered = set(configuration["importlinter:contract:processes"]["layers"].replace("|", " ").split())
    assert {word for word in layered if word.isidentifier()} >= named
