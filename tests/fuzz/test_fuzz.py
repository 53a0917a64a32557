"""A short fuzz run of every reader of outside bytes, what was found before, and the proof that the engine finds faults."""

import platform
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.engine import available_engine
from tests.fuzz.runs import FOUND, Run, fuzz
from tests.fuzz.target import MODULES, PLANTED, Target, TooSlow, held_bytes, target_named

SECONDS, RUNS, SEED = 1, 3_000, 20_261_117
"""Of one run here; `python -m tests.fuzz` runs as long as one likes, and never the same."""
ASKS = "test_only_documented_errors_come_out"
KEPT = sorted(FOUND.glob("*/*.bin"))


@pytest.fixture(scope="module")
def short_runs(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[Run]]]:
    """The runs of all selected targets, two at a time: a child waits for its imports and its last second anyway."""
    wanted = [
        item.callspec.params["name"]
        for item in request.session.items
        if hasattr(item, "callspec") and ASKS in item.name
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {name: pool.submit(fuzz, name, seconds=SECONDS, runs=RUNS, seed=SEED) for name in wanted}


@pytest.mark.parametrize("name", MODULES)
def test_only_documented_errors_come_out(name: str, short_runs: Mapping[str, Future[Run]]) -> None:
    run = short_runs[name].result()
    assert run.passed, (
        f"{run.said(60)}\nThe input, in hexadecimal digits: {run.finding.hex() if run.finding else 'none'}\n"
        f"Keep it as tests/fuzz/found/{name}/<name>.bin and mend what it shows."
    )


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_was_found_stays_mended(path: Path) -> None:
    target_named(path.parent.name).run(path.read_bytes())


def test_something_was_found_before() -> None:
    assert KEPT
    assert {path.parent.name for path in KEPT} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_the_seeds_fit_and_are_readable(name: str) -> None:
    target = target_named(name)
    fitting = [seed for seed in target.seeds() if len(seed) <= target.size_max]
    assert len(fitting) >= 2
    target.run(b"")


@pytest.mark.parametrize("engine", sorted({available_engine(), "hypothesis"}))
def test_a_planted_fault_is_found(engine: str) -> None:
    run = fuzz(PLANTED, seconds=20, seed=1, engine=engine)
    assert not run.passed
    assert run.finding is not None
    assert run.finding.startswith(b"BUG")
    assert "the planted fault" in run.log


def test_coverage_guides_on_the_machines_that_atheris_is_made_for() -> None:
    expected = "atheris" if (sys.platform, platform.machine()) == ("linux", "x86_64") else "hypothesis"
    assert available_engine() == expected


def test_a_slow_input_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.target.CPU_S_MAX", 0.0)
    with pytest.raises(TooSlow):
        Target(lambda data: None, lambda: iter(())).run(b"x")


def test_what_a_reader_holds_is_counted() -> None:
    from gateway_agent.protocols.dsmr_p1 import P1Stream

    stream = P1Stream()
    stream.feed(b"/ABC5" + b"x" * 50)
    assert held_bytes(stream) >= 55


def test_an_unknown_target_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "there is no target nonsense" in capsys.readouterr().err
