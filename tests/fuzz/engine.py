"""The fuzzing of one target in this process, which ends at the first finding.

`python -m tests.fuzz.engine TARGET CORPUS FINDINGS`: what is found is written to FINDINGS and ends the process with code 77,
70 or 71 (wrong, too slow, too large). The last lines of standard error are statistics.

atheris guides the inputs by the branches of our code that they reach. It is made for Linux on x86_64 only: elsewhere
Hypothesis alters the seeds blindly, which finds less.
"""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.target import PACKAGES, Target, target_named

FOUND = 77
HANGS_AFTER_S = 30
MEMORY_MAX_MB = 1024
ENGINES = ("atheris", "hypothesis")
_BATCH = 100


def available_engine() -> str:
    """The best engine of this machine."""
    return "atheris" if find_spec("atheris") else "hypothesis"


def known_inputs(target: Target, found: Path) -> list[bytes]:
    """What to begin with: the seeds, and what was found before."""
    kept = [path.read_bytes() for path in sorted(found.glob("*.bin"))]
    return [data for data in (*target.seeds(), *kept) if len(data) <= target.size_max]


def guided_by_coverage(name: str, options: argparse.Namespace) -> None:
    """Fuzz with atheris. Does not return."""
    import atheris

    with atheris.instrument_imports(include=list(PACKAGES)):
        target = target_named(name)
    target = replace(target, check=atheris.instrument_func(target.check))
    for number, data in enumerate(known_inputs(target, options.kept)):
        (options.corpus / f"known-{number}").write_bytes(data)
    flags = [
        f"-max_total_time={options.seconds}",
        f"-runs={options.runs}",
        f"-max_len={target.size_max}",
        f"-timeout={HANGS_AFTER_S}",
        f"-rss_limit_mb={MEMORY_MAX_MB}",
        f"-artifact_prefix={options.findings}/",
        "-print_final_stats=1",
        *([f"-seed={options.seed}"] if options.seed else []),
        str(options.corpus),
    ]
    atheris.Setup([sys.argv[0], *flags], target.run)
    atheris.Fuzz()


def guided_by_nothing(name: str, options: argparse.Namespace) -> int:
    """Fuzz with Hypothesis: seeds with pieces changed, put in, taken out and doubled, and any bytes."""
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st

    target = target_named(name)
    known = known_inputs(target, options.kept) or [b""]
    edits = st.lists(st.tuples(st.integers(0, target.size_max), st.integers(0, 3), st.binary(max_size=8)), max_size=6)
    altered = st.builds(_altered, st.sampled_from(known), edits, st.just(target.size_max))
    end = time.monotonic() + options.seconds
    executions = 0
    failing: list[bytes] = []

    def check(data: bytes) -> None:
        nonlocal executions
        executions += 1
        try:
            target.run(data)
        except Exception:
            failing.append(data)  # the last one is the smallest that Hypothesis finds
            raise

    batch = settings(
        max_examples=_BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    inputs = given(st.one_of(altered, st.binary(max_size=target.size_max)))
    try:
        for data in known:
            check(data)
        number = options.seed or time.time_ns()
        while time.monotonic() < end and not 0 <= options.runs <= executions:
            number += 1
            seed(number)(batch(inputs(check)))()
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        kept = options.findings / f"crash-{hashlib.sha1(failing[-1]).hexdigest()}"
        kept.write_bytes(failing[-1])
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return FOUND
    finally:
        print(f"stat::number_of_executed_units: {executions}", file=sys.stderr)
    return 0


def _altered(data: bytes, edits: Sequence[tuple[int, int, bytes]], size_max: int) -> bytes:
    for place, kind, piece in edits:
        at = place % (len(data) + 1)
        match kind:
            case 0:
                data = data[:at] + piece + data[at + len(piece) :]
            case 1:
                data = data[:at] + piece + data[at:]
            case 2:
                data = data[:at] + data[at + len(piece) :]
            case _:
                data = data[:at] + data[max(0, at - 16) :]
    return data[:size_max]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.engine", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("findings", type=Path)
    parser.add_argument("--kept", type=Path, default=Path("nothing"), help="directory of earlier findings")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=ENGINES, default=available_engine())
    options = parser.parse_args(arguments)
    engines: dict[str, Callable[[str, argparse.Namespace], int | None]] = {
        "atheris": guided_by_coverage,
        "hypothesis": guided_by_nothing,
    }
    return engines[options.engine](options.target, options) or 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
