"""Finding the benches, running them, and saying what they measured."""

import importlib
import json
import pkgutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from bench.measuring import Figure

FRAMEWORK = frozenset(
    {
        "__main__",
        "ledger_of_size",
        "local_ledger",
        "measuring",
        "raw_rows",
        "repricing",
        "running",
        "programs",
        "sending_devices",
    }
)


class Bench(Protocol):
    """A module of this package with a name and a function that measures."""

    NAME: str

    def run(self) -> list[Figure]:
        """Measure once; ratios and gates are in the figures."""
        ...


class UnknownBench(Exception):
    """There is no bench of that name. The text lists those there are."""


def discover(package: ModuleType) -> dict[str, Bench]:
    """Every bench of the package by its name; what is a package is parts of one. Raises ValueError when two have the same."""
    found: dict[str, Bench] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.name in FRAMEWORK or module.ispkg:
            continue
        bench = cast("Bench", importlib.import_module(f"{package.__name__}.{module.name}"))
        if bench.NAME in found:
            raise ValueError(f"two benches are called {bench.NAME}")
        found[bench.NAME] = bench
    return found


def choose(benches: dict[str, Bench], only: str | None) -> list[Bench]:
    """The bench called ``only``, or all of them. Raises UnknownBench."""
    if not only:
        return list(benches.values())
    if only not in benches:
        raise UnknownBench(f"There is no bench called {only}. There are: {', '.join(sorted(benches))}.")
    return [benches[only]]


def write_results(figures: Iterable[Figure], path: Path) -> None:
    """The figures as a JSON list, replacing what stood there at once."""
    rows = [
        {
            "name": figure.name,
            "value": figure.value,
            "unit": figure.unit,
            "baseline": figure.baseline,
            "baseline_value": figure.baseline_value,
            "ratio": figure.ratio,
            "gate": figure.gate,
            "ok": figure.ok,
        }
        for figure in figures
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(rows, indent=2) + "\n")
    partial.replace(path)


def table(figures: Sequence[Figure]) -> str:
    """The figures for a person, one a line."""
    head = ("name", "value", "unit", "baseline", "baseline value", "ratio", "gate", "ok")
    rows = [head] + [
        (
            figure.name,
            _number(figure.value),
            figure.unit,
            figure.baseline,
            _number(figure.baseline_value),
            f"{figure.ratio:.1f}",
            f">= {figure.gate:.3g}",
            "yes" if figure.ok else "NO",
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    numbers = {1, 4, 5, 6}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _number(value: float) -> str:
    """Small numbers with a decimal: of 21.3 the last digit counts, of 14,000 it does not."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
