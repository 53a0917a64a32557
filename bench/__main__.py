"""``python -m bench [NAME]``: run the benches, print a table, write bench/results/latest.json; exit 1 below a gate."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import bench
from bench.measuring import Figure
from bench.running import Bench, UnknownBench, choose, discover, table, write_results

RESULTS = Path(__file__).resolve().parent / "results" / "latest.json"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="?", default="", metavar="NAME", help="run this bench only")
    only = parser.parse_args(arguments).only.removeprefix("ONLY=")
    try:
        chosen = choose(discover(bench), only)
    except UnknownBench as error:
        print(error, file=sys.stderr)
        return 2
    figures, failed = measured(chosen)
    if figures:
        print(f"\n{table(figures)}")
        write_results(figures, RESULTS)
    below = [figure.name for figure in figures if not figure.ok]
    if below:
        print(f"\nbelow the gate: {', '.join(below)}", file=sys.stderr)
    if failed:
        print(f"\nnot measured, for the reasons above: {', '.join(failed)}", file=sys.stderr)
    return 1 if below or failed else 0


def measured(benches: Sequence[Bench]) -> tuple[list[Figure], list[str]]:
    """The figures of the benches, and the names of those that failed: one that fails takes no figure of another away."""
    figures: list[Figure] = []
    failed: list[str] = []
    for each in benches:
        print(f"measuring {each.NAME} ...", flush=True)
        try:
            figures.extend(each.run())
        except Exception:  # noqa: BLE001 - whatever it is, the others are measured
            traceback.print_exc()
            failed.append(each.NAME)
    return figures, failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
