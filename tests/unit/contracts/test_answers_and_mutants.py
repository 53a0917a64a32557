"""The lists beside the contracts are about these sources: every mutant can be made, every answer is about a function."""

import importlib.util
import re
import sys
import tomllib
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

CONTRACTS = Path(__file__).parents[3] / "contracts"


@pytest.fixture(scope="module")
def mutate() -> ModuleType:
    """The command contracts/tools/mutate as a module."""
    loader = SourceFileLoader("contracts_tools_mutate", str(CONTRACTS / "tools" / "mutate"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.modules[loader.name] = module
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    return module


def test_every_mutant_can_be_made(mutate: ModuleType) -> None:
    mutants = mutate.listed()
    assert len(mutants) >= 20
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    for mutant in mutants:
        source = (CONTRACTS / "src" / mutant.file).read_text(encoding="utf-8")
        assert mutant.of(source) != source
        assert (CONTRACTS / "test" / f"{mutant.tests}.t.sol").exists()
    assert {mutant.file for mutant in mutants} == {path.name for path in (CONTRACTS / "src").glob("*.sol")}


def test_a_mutant_whose_text_is_gone_or_twice_is_refused(mutate: ModuleType) -> None:
    mutant = replace(mutate.listed()[0], search="no such text")
    with pytest.raises(ValueError, match="stands 0 times"):
        mutant.of("source")
    with pytest.raises(ValueError, match="stands 2 times"):
        replace(mutant, search="s").of("ss")


def test_every_answer_to_slither_is_about_a_function_of_ours() -> None:
    table = tomllib.loads((CONTRACTS / "slither.toml").read_text(encoding="utf-8"))
    answered = [(one["detector"], one["where"]) for one in table["answer"]]
    assert len(set(answered)) == len(answered)
    for one in table["answer"]:
        contract, function = one["where"].split(".")
        source = (CONTRACTS / "src" / f"{contract}.sol").read_text(encoding="utf-8")
        assert re.search(rf"function {function}\(", source), f"{one['where']} is not there; run contracts/tools/slither"
        assert len(one["why"]) > 40
