"""``python -m bench [NAME]``: run the benches, print a table, write bench/results/latest.json; exit 1 below a gate."""

import argparse
import sys
from pathlib import Path

import bench
from bench.measuring import Figure
from bench.running import UnknownBench, choose, discover, table, write_results

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
    figures: list[Figure] = []
    for each in chosen:
        print(f"measuring {each.NAME} ...", flush=True)
        figures.extend(each.run())
    print(f"\n{table(figures)}")
    write_results(figures, RESULTS)
    below = [figure.name for figure in figures if not figure.ok]
    if below:
        print(f"\nbelow the gate: {', '.join(below)}", file=sys.stderr)
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
