"""The command line: `python -m gateway_agent run|read|check|key|spool --config agent.toml`.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 configuration, 4 key, 5 meter or broker does not answer.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from community.errors import CommunityError, RetryableError
from community.runtime.lifecycle import EXIT_FAILED, EXIT_OK, run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.system_clock import SystemClock
from gateway_agent import commands
from gateway_agent.app import build
from gateway_agent.secure_element.signer import SignerUnavailable, SignerUnusable
from gateway_agent.settings import AgentSettings, SettingsError, load_settings

EXIT_CONFIGURATION = 3
EXIT_KEY = 4
EXIT_NO_ANSWER = 5


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway_agent", description="Reads a meter, signs, keeps, sends.")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("run", help="read the meter on every quarter-hour and send, until stopped")
    actions.add_parser("read", help="read the meter once and show what it says")
    actions.add_parser("check", help="check the configuration and the key")
    key = actions.add_parser("key", help="the device's signing key").add_subparsers(dest="detail", required=True)
    key.add_parser("init", help="make the key in its place")
    key.add_parser("show", help="show the public key for the registry")
    spool = actions.add_parser("spool", help="what is kept on disk").add_subparsers(dest="detail", required=True)
    spool.add_parser("status", help="show counts and counters")
    for each in (*actions.choices.values(), *key.choices.values(), *spool.choices.values()):
        each.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="the TOML file, agent.toml by default")
    return parser


def _run_command(options: argparse.Namespace, settings: AgentSettings) -> None:
    match options.action, getattr(options, "detail", None):
        case "read", _:
            asyncio.run(commands.read_once(settings, print))
        case "check", _:
            commands.check_configuration(settings, print)
        case "key", "init":
            commands.create_key(settings, print)
        case "key", "show":
            commands.show_key(settings, print)
        case "spool", "status":
            commands.show_spool(settings, print)
        case action:
            raise AssertionError(f"the parser let {action} through")


def _guarded(work: Callable[[], int]) -> int:
    try:
        return work()
    except CommunityError as error:
        print(f"error: {error}", file=sys.stderr)
        match error:
            case SettingsError():
                return EXIT_CONFIGURATION
            case SignerUnusable() | SignerUnavailable():
                return EXIT_KEY
            case RetryableError():
                return EXIT_NO_ANSWER
            case _:
                return EXIT_FAILED


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    configure_logging("gateway_agent", level="INFO" if options.action == "run" else "WARNING")

    def work() -> int:
        settings = load_settings(getattr(options, "config", Path("agent.toml")))
        if options.action == "run":
            return run_until_stopped(lambda: build(settings, SystemClock()))
        _run_command(options, settings)
        return EXIT_OK

    return _guarded(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
