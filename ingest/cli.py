"""The command line of ingest: what can be asked, and what each answer's exit code is.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 something was found that a person must put right.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from community.errors import CommunityError
from community.runtime.lifecycle import EXIT_FAILED, EXIT_OK
from community.runtime.terminal import Terminal, standard_output

EXIT_FOUND_WRONG = 3

Options = argparse.Namespace
Command = Callable[[Options, Terminal], Awaitable[int | None]]
"""A command: does its work, shows its answer, and returns an exit code other than 0 if there is one."""


def add_command(actions: Any, name: str, text: str, command: Command) -> argparse.ArgumentParser:
    """A command with `--json`, under `actions` of a parser."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=command)
    return parser


def add_group(commands: Any, name: str, text: str) -> Any:
    """A group of commands, such as `secrets`."""
    return commands.add_parser(name, help=text, description=text).add_subparsers(required=True, metavar="COMMAND")


def perform(options: Options) -> int:
    """Carry out the command that was parsed. Returns the exit code; every expected error is one sentence."""
    out = standard_output(as_json=options.json)
    command: Command = options.command

    async def work() -> int:
        return await command(options, out) or EXIT_OK

    try:
        return asyncio.run(work())
    except CommunityError as error:
        if options.json:
            out.document({"error": type(error).__name__, "text": str(error)})
        else:
            sys.stderr.write(f"error: {error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_OK
