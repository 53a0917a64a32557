"""Command line of the API: `run`, `schema`, `key create`, `login bind|unbind|list`."""

import argparse
import sys

import uvloop

from api import commands
from api.app import build
from api.roles import SIGNED_IN
from api.schema import schema_text
from api.settings import read_settings
from community.runtime.lifecycle import run_command, run_until_stopped
from community.runtime.logs import configure_logging


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked."""
    root = argparse.ArgumentParser(prog="python -m api", description="The GraphQL API and its web page.")
    chosen = root.add_subparsers(dest="command", required=True)
    chosen.add_parser("run", help="serve until SIGINT or SIGTERM; settings are variables API_*")
    chosen.add_parser("schema", help="print the GraphQL schema")
    key = chosen.add_parser("key", help="API keys").add_subparsers(dest="key_command", required=True)
    create = key.add_parser("create", help="make an API key and print it, this once")
    create.add_argument("--role", required=True, choices=[role.value for role in SIGNED_IN])
    create.add_argument("--label", required=True, help="what the key is for")
    owner = create.add_mutually_exclusive_group()
    owner.add_argument("--identity", help="id of the member, user or device it stands for")
    owner.add_argument(
        "--person", help="name of the operator or auditor it stands for; two people of two names can agree"
    )
    create.set_defaults(carry_out=commands.create_key)
    login = chosen.add_parser("login", help="sign-ins at an issuer, and the members they stand for")
    actions = login.add_subparsers(dest="login_command", required=True)
    bind = actions.add_parser("bind", help="bind a sign-in to a member; one that the member had is replaced")
    bind.add_argument("--member", required=True, help="id of the member")
    bind.set_defaults(carry_out=commands.bind_login)
    unbind = actions.add_parser("unbind", help="take a sign-in from its user and end its open connections")
    unbind.set_defaults(carry_out=commands.unbind_login)
    for action in (bind, unbind):
        action.add_argument("--login", required=True, help="issuer#subject, as the person was shown it")
    listing = actions.add_parser("list", help="every sign-in that is bound")
    listing.add_argument("--json", action="store_true", help="for machines")
    listing.set_defaults(carry_out=commands.list_logins)
    return root


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    chosen = parser().parse_args(arguments)
    configure_logging("api")
    match chosen.command:
        case "schema":
            sys.stdout.write(schema_text())
            return 0
        case "run":
            return run_until_stopped(lambda: build(read_settings()), uvloop.new_event_loop)
        case _:
            return run_command(lambda: chosen.carry_out(read_settings().database_url, chosen))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
