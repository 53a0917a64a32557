"""The database's command line: `python -m community.store migrate --url URL`."""

import argparse
import sys

from community.runtime.lifecycle import run_command
from community.runtime.settings import process_environment
from community.store.schema import migrate, require_current_schema


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m community.store", description=__doc__)
    given = process_environment().get("STORE_DATABASE_URL")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("migrate", "bring the schema to the newest revision"), ("check", "say whether it is")):
        sub = commands.add_parser(name, help=text)
        sub.add_argument("--url", default=given, help="sqlite:///path or postgresql://… (or STORE_DATABASE_URL)")
    options = parser.parse_args(arguments)
    if not options.url:
        parser.error("say which database: --url sqlite:///path or postgresql://user@host/name")

    async def work() -> None:
        if options.command == "migrate":
            print(f"schema is at revision {await migrate(options.url)}")
        else:
            await require_current_schema(options.url)
            print("schema is current")

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
