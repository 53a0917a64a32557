"""The command line: `python -m standalone demo|check|doctor`."""

import argparse
import sys
from pathlib import Path

from community.errors import CommunityError, FatalError
from community.runtime.lifecycle import run_command
from community.runtime.logs import configure_logging
from community.runtime.settings import process_environment
from community.runtime.system_clock import SystemClock
from community.runtime.terminal import standard_output
from standalone.check import SETTLEMENTS_FINAL, run_check, tell_steps
from standalone.demo import DEFAULT_PORT, run_demo
from standalone.doctor.examination import examine, is_well, tell

ROOT = Path(__file__).resolve().parent.parent


class Unwell(CommunityError):
    """The doctor found something that must be put right: the command ends with exit code 1."""


async def _examine(*, as_json: bool) -> None:
    findings = await examine(process_environment(), SystemClock().now())
    tell(findings, standard_output(as_json=as_json))
    if not is_well(findings):
        raise Unwell("something must be put right")


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked."""
    root = argparse.ArgumentParser(prog="python -m standalone", description=__doc__)
    commands = root.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="run everything, for a person to look at")
    demo.add_argument("--reset", action="store_true", help="begin anew")
    demo.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"of the page, {DEFAULT_PORT} by default")
    demo.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where everything is kept")
    check = commands.add_parser("check", help="run everything, disturb it, and audit it from outside; exit 0 or 1")
    check.add_argument("--folder", type=Path, help="an empty folder to keep; a temporary one by default")
    check.add_argument(
        "--settlements", type=int, default=SETTLEMENTS_FINAL, help=f"how many at least, {SETTLEMENTS_FINAL} by default"
    )
    doctor = commands.add_parser(
        "doctor", help="look at everything that the environment names; exit 0 if nothing is wrong"
    )
    doctor.add_argument("--json", action="store_true", help="for machines")
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = parser().parse_args(arguments)
    if options.command == "doctor":
        configure_logging("doctor", level="CRITICAL")
        return run_command(lambda: _examine(as_json=options.json))

    async def command() -> None:
        if options.command == "demo":
            await run_demo(ROOT, options.folder.resolve(), options.port, reset=options.reset)
        elif not await run_check(ROOT, options.folder, tell_steps(), options.settlements):
            raise FatalError("the check found the problems listed above")

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
