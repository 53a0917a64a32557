"""The signer's command line: `python -m signer init|restore|check|address|xpub|operator-key|registry|audit|backup|unpack|run`."""

import argparse
import sys
from collections.abc import Callable

from community.errors import CommunityError
from community.runtime.lifecycle import EXIT_FAILED, run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.settings import process_environment
from signer import app, cli_back_up, cli_keys, cli_registry
from signer.settings import read_settings


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
    parser = argparse.ArgumentParser(prog="python -m signer", description="Holds the keys and signs settlements.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=run)
        return command

    cli_keys.add_commands(add)
    cli_registry.add_commands(add)
    cli_back_up.add_commands(add)
    add("run", _run, "Answer signature requests (settings from SIGNER_… variables).")
    return parser


def _run(_options: argparse.Namespace) -> int:
    settings = read_settings(process_environment())
    configure_logging("signer")
    return run_until_stopped(lambda: app.build(settings))


if __name__ == "__main__":
    sys.exit(main())
