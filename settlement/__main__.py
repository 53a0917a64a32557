"""The settlement process's command line: `python -m settlement run|status|resume|keygen`."""

import argparse
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from community.errors import CommunityError
from community.runtime.lifecycle import EXIT_FAILED, EXIT_OK, run_command, run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.settings import process_environment
from community.runtime.system_clock import SystemClock
from community.store.unit_of_work import Store
from settlement import app
from settlement.report import resume, status_lines
from settlement.requester_key import create_requester_key
from settlement.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except CommunityError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m settlement", description="Mints what was verified, once.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="Settle until stopped (settings from SETTLEMENT_… variables).")
    run.set_defaults(command=_run)
    status = commands.add_parser("status", help="What stands where, and what waits for a person.")
    status.set_defaults(command=_status)
    again = commands.add_parser("resume", help="Let a stopped issuance try again, once its reason is gone.")
    again.add_argument("issuance", help="its id, from status")
    again.set_defaults(command=_resume)
    keygen = commands.add_parser("keygen", help="Create the key that signs requests; prints its public key.")
    keygen.add_argument("--out", type=Path, required=True, help="the key file to create")
    keygen.set_defaults(command=_keygen)
    return parser


def _run(_options: argparse.Namespace) -> int:
    settings = read_settings(process_environment())
    configure_logging("settlement")
    return run_until_stopped(lambda: app.build(settings))


def _status(_options: argparse.Namespace) -> int:
    settings = read_settings(process_environment())

    async def work(store: Store) -> None:
        print("\n".join(await status_lines(store, settings.terms, SystemClock())))

    return _with_store(settings.database_url, work)


def _resume(options: argparse.Namespace) -> int:
    settings = read_settings(process_environment())
    return _with_store(settings.database_url, lambda store: resume(store, options.issuance, SystemClock()))


def _keygen(options: argparse.Namespace) -> int:
    print(create_requester_key(options.out))
    return EXIT_OK


def _with_store(url: str, work: Callable[[Store], Awaitable[None]]) -> int:
    async def opened() -> None:
        store = Store.open(url)
        try:
            await work(store)
        finally:
            await store.close()

    return run_command(opened)


if __name__ == "__main__":
    sys.exit(main())
