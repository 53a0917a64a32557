"""The database's command line: `python -m community.store migrate --url URL`."""

import argparse
import sys
from pathlib import Path

from community.runtime.lifecycle import run_command
from community.runtime.settings import process_environment
from community.store.back_up import back_up
from community.store.schema import migrate, require_current_schema


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked."""
    root = argparse.ArgumentParser(prog="python -m community.store", description=__doc__)
    given = process_environment().get("STORE_DATABASE_URL")
    commands = root.add_subparsers(dest="command", required=True)
    for name, text in (
        ("migrate", "bring the schema to the newest revision; several at once wait for each other"),
        ("check", "say whether it is"),
        ("backup", "copy a SQLite database while it is in use (PostgreSQL: pg_dump)"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--url", default=given, help="sqlite:///path or postgresql://… (or STORE_DATABASE_URL)")
        if name == "backup":
            command.add_argument("--to", type=Path, required=True, help="the file to make; it must not exist")
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    options = parser().parse_args(arguments)
    if not options.url:
        parser().error("say which database: --url sqlite:///path or postgresql://user@host/name")

    async def work() -> None:
        if options.command == "migrate":
            print(f"schema is at revision {await migrate(options.url)}")
        elif options.command == "backup":
            await back_up(options.url, options.to)
            print(f"{options.to} is a whole copy of the books")
        else:
            await require_current_schema(options.url)
            print("schema is current")

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
