"""The benches are found, measured beside their baseline, held to their gate, and written down."""

import json
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import bench
from bench import __main__ as command
from bench.measuring import Baseline, Figure, compare, rate
from bench.running import UnknownBench, choose, discover, table, write_results

FAST = Figure("decode", 3000.0, "logs/s", "another", 1000.0, 2.0)
SLOW = Figure("verify", 900.0, "statements/s", "another", 1000.0, 1.0)


def test_every_bench_is_found_by_its_name() -> None:
    found = discover(bench)
    assert {"verify_statement", "address_derivation", "decode_transfers"} <= set(found)
    assert all(callable(each.run) for each in found.values())
    assert choose(found, "decode_transfers") == [found["decode_transfers"]]
    assert choose(found, None) == list(found.values())
    with pytest.raises(UnknownBench, match=r"no bench called flying\. There are: address_derivation, "):
        choose(found, "flying")


def test_two_benches_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "twins").mkdir()
    for name in ("__init__", "one", "two"):
        (tmp_path / "twins" / f"{name}.py").write_text('NAME = "same"\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    package = ModuleType("twins")
    package.__path__ = [str(tmp_path / "twins")]
    monkeypatch.setitem(sys.modules, "twins", package)
    with pytest.raises(ValueError, match="two benches are called same"):
        discover(package)


def test_a_figure_knows_its_ratio_and_its_gate() -> None:
    assert (FAST.ratio, FAST.ok) == (3.0, True)
    assert (SLOW.ratio, SLOW.ok) == (0.9, False)
    with pytest.raises(ValueError, match="above zero"):
        Figure("none", 0.0, "logs/s", "another", 1.0, 1.0)


def test_where_less_is_better_the_ratio_turns_round() -> None:
    figure = Figure("airtime", 20.0, "s/day", "one frame each", 100.0, 4.0, less_is_better=True)
    assert (figure.ratio, figure.ok) == (5.0, True)
    assert not Figure("airtime", 30.0, "s/day", "one frame each", 100.0, 4.0, less_is_better=True).ok
    assert " 20.0 " in table([figure]) and " 5.0 " in table([figure])


def test_the_slower_way_has_the_lower_rate() -> None:
    figure = compare(
        "waiting",
        "calls/s",
        lambda: None,
        Baseline("a pause", lambda: time.sleep(0.002)),
        units=1,
        gate=2.0,
        turns=3,
        turn_s=0.01,
    )
    assert figure.ok
    assert figure.ratio > 5
    assert figure.baseline_value <= 500


def test_a_rate_counts_the_units_of_a_call() -> None:
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1
        time.sleep(0.01)

    assert 0 < rate(work, units=10, turn_s=0.03) <= 1000
    assert calls >= 1  # one call may take the whole turn on a busy machine


class Breaking:
    NAME = "breaking"

    def run(self) -> list[Figure]:
        raise RuntimeError("no server")


class Whole:
    NAME = "whole"

    def run(self) -> list[Figure]:
        return [FAST]


def test_a_bench_that_fails_takes_no_figure_of_another_away(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.measured([Breaking(), Whole()]) == ([FAST], ["breaking"])
    assert "no server" in capsys.readouterr().err


def test_the_results_are_a_list_of_figures(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    write_results([SLOW], path)
    write_results([FAST], path)
    assert json.loads(path.read_text()) == [
        {"name": "decode", "value": 3000.0, "unit": "logs/s", "baseline": "another", "baseline_value": 1000.0, "ratio": 3.0,
         "gate": 2.0, "ok": True}
    ]  # fmt: skip
    assert [each.name for each in path.parent.iterdir()] == ["latest.json"]


def test_the_table_says_which_gate_failed() -> None:
    lines = table([FAST, SLOW]).splitlines()
    assert lines[0].split() == ["name", "value", "unit", "baseline", "baseline", "value", "ratio", "gate", "ok"]
    assert lines[1].split()[-1] == "yes"
    assert lines[2].split()[-1] == "NO"


@pytest.mark.parametrize(("figures", "code"), [([FAST], 0), ([FAST, SLOW], 1)])
def test_the_command_fails_below_a_gate(
    figures: list[Figure],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured = SimpleNamespace(NAME="made_up", run=lambda: figures)
    monkeypatch.setattr(command, "discover", lambda _package: {"made_up": measured})
    monkeypatch.setattr(command, "RESULTS", tmp_path / "latest.json")
    assert command.main(["ONLY=made_up"]) == code
    assert len(json.loads((tmp_path / "latest.json").read_text())) == len(figures)
    assert ("below the gate: verify" in capsys.readouterr().err) == bool(code)
    assert command.main(["absent"]) == 2
