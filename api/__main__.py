"""Command line of the API: `run`, `schema`, `key create`."""

import argparse
import sys

from api.app import build
from api.auth import Role
from api.schema import schema_text
from api.settings import ApiSettings, read_settings
from community.runtime.lifecycle import run_command, run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.system_clock import SystemClock
from community.store import api_keys
from community.store.unit_of_work import Store


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m api", description="The GraphQL API and its web page.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="serve until SIGINT or SIGTERM; settings are variables API_*")
    commands.add_parser("schema", help="print the GraphQL schema")
    key = commands.add_parser("key", help="API keys").add_subparsers(dest="key_command", required=True)
    create = key.add_parser("create", help="make an API key and print it, this once")
    create.add_argument("--role", required=True, choices=[role.value for role in Role])
    create.add_argument("--label", required=True, help="what the key is for")
    create.add_argument("--identity", help="id of the member or device it stands for")
    return parser.parse_args(arguments)


async def _create_key(settings: ApiSettings, chosen: argparse.Namespace) -> None:
    store = Store.open(settings.database_url)
    try:
        async with store.begin() as work:
            made = await api_keys.create(
                work, role=chosen.role, label=chosen.label, identity_id=chosen.identity, now=SystemClock().now()
            )
    finally:
        await store.close()
    print(made.text)


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    chosen = _arguments(arguments)
    configure_logging("api")
    match chosen.command:
        case "schema":
            sys.stdout.write(schema_text())
            return 0
        case "key":
            return run_command(lambda: _create_key(read_settings(), chosen))
        case _:
            return run_until_stopped(lambda: build(read_settings()))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
