"""The command line: `python -m standalone demo|check`."""

import argparse
import sys
from pathlib import Path

from community.errors import FatalError
from community.runtime.lifecycle import run_command
from standalone.check import run_check
from standalone.demo import DEFAULT_PORT, run_demo

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m standalone", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="run everything, for a person to look at")
    demo.add_argument("--reset", action="store_true", help="begin anew")
    demo.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"of the page, {DEFAULT_PORT} by default")
    demo.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where everything is kept")
    check = commands.add_parser("check", help="run everything, disturb it, and audit it from outside; exit 0 or 1")
    check.add_argument("--folder", type=Path, help="an empty folder to keep; a temporary one by default")
    options = parser.parse_args(arguments)

    async def command() -> None:
        if options.command == "demo":
            await run_demo(ROOT, options.folder.resolve(), options.port, reset=options.reset)
        elif not await run_check(ROOT, options.folder, lambda text: print(f"  {text}", file=sys.stderr, flush=True)):
            raise FatalError("the check found the problems listed above")

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
