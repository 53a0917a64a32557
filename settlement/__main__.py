"""The settlement process's command line: `python -m settlement run|status|preview|correct|recover|…`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from community.errors import CommunityError
from community.runtime.lifecycle import EXIT_FAILED, EXIT_OK, run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.settings import process_environment
from settlement import app, cli
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

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=run)
        return command

    add("run", _run, "Settle until stopped (settings from SETTLEMENT_… variables).")
    cli.add_commands(add, _places)
    keygen = add("keygen", _keygen, "Create the key that signs requests; prints its public key.")
    keygen.add_argument("--out", type=Path, required=True, help="the key file to create")
    return parser


def _places() -> cli.Places:
    settings = read_settings(process_environment())
    return cli.Places(settings.database_url, settings.node_url, settings.terms)


def _run(_options: argparse.Namespace) -> int:
    settings = read_settings(process_environment())
    configure_logging("settlement")
    return run_until_stopped(lambda: app.build(settings))


def _keygen(options: argparse.Namespace) -> int:
    print(create_requester_key(options.out))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
