"""The command line of ingest: `python -m ingest run`."""

import argparse
import sys

from community.runtime.lifecycle import run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.system_clock import SystemClock
from ingest.app import build
from ingest.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ingest", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="take frames in until stopped; settings come from the environment (INGEST_*)")
    parser.parse_args(arguments)
    configure_logging("ingest")
    return run_until_stopped(lambda: build(read_settings(), SystemClock()))


if __name__ == "__main__":
    sys.exit(main())
