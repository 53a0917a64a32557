"""The command line of ingest: `python -m ingest run`, and what an operator asks of its books."""

import argparse
import gc
import sys

from community.runtime.lifecycle import run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.system_clock import SystemClock
from ingest.app import build
from ingest.cli import perform
from ingest.commands import devices, exchanges, gaps, importing, inbox, rebuild, secrets
from ingest.settings import read_settings


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked."""
    root = argparse.ArgumentParser(
        prog="python -m ingest",
        description=__doc__,
        epilog="Exit codes: 0 done, 1 failed, 2 wrong command line, 3 something must be put right.",
    )
    commands = root.add_subparsers(dest="action", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="take frames in until stopped; settings come from the environment (INGEST_*)")
    # how the first process starts its helpers
    run.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)
    devices.add_to(commands)
    exchanges.add_to(commands)
    gaps.add_to(commands)
    importing.add_to(commands)
    inbox.add_to(commands)
    rebuild.add_to(commands)
    secrets.add_to(commands)
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    options = parser().parse_args(arguments)
    configure_logging("ingest")
    if options.action == "run":
        _collect_rarely()
        return run_until_stopped(lambda: build(read_settings(), SystemClock(), options.worker))
    return perform(options)


def _collect_rarely() -> None:
    """Let the cycle collector look seldom, and never at what is imported: a batch is ten thousand rows and no cycle.

    With its default it ran every few rows, over everything, and took half of the time that storing a day's statement takes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


if __name__ == "__main__":
    sys.exit(main())
