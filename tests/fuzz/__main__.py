"""`python -m tests.fuzz [TARGET ...] --seconds N`: long runs. What is found is kept and from then on replayed by the tests."""

import argparse
import hashlib
import sys

from tests.fuzz.engine import ENGINES, available_engine
from tests.fuzz.runs import FOUND, Run, fuzz
from tests.fuzz.target import MODULES

_LINES_OF_A_FINDING = 40


def keep(run: Run) -> str:
    """Keep the finding of `run` among the inputs that the tests replay; the file's name."""
    assert run.finding is not None
    path = FOUND / run.target / f"{hashlib.sha256(run.finding).hexdigest()[:16]}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(run.finding)
    return str(path.relative_to(FOUND.parents[2]))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"all, or some of {', '.join(MODULES)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--engine", choices=ENGINES, default=available_engine())
    options = parser.parse_args(arguments)
    unknown = set(options.target) - set(MODULES)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}; choose from {', '.join(MODULES)}")
    failed = 0
    print(f"{'target':<20}{'executions':>12}{'per second':>12}{'branches':>10}  ({options.engine})")
    for name in options.target or MODULES:
        run = fuzz(name, seconds=options.seconds, engine=options.engine)
        rate = round(run.executions / run.seconds)
        print(
            f"{name:<20}{run.executions:>12,}{rate:>12,}{run.covered:>10,}  {'clean' if run.passed else 'FOUND'}",
            flush=True,
        )
        if not run.passed:
            failed += 1
            where = f"kept as {keep(run)}" if run.finding is not None else f"it ended with {run.exit_code}"
            print(f"{run.said(_LINES_OF_A_FINDING)}\n{where}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
