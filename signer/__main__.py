"""The signer's command line: `python -m signer init|restore|address|mnemonic|xpub|registry|audit|run`."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from community.errors import CommunityError, FatalError
from community.identity.coin_addresses import AccountRole, CoinChain
from community.runtime.lifecycle import EXIT_FAILED, EXIT_OK, run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.settings import process_environment
from signer import app, keys
from signer.journal import Journal
from signer.registry import load_registry, pin_registry
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

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str, *, opens: bool) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=run)
        command.add_argument("--folder", type=Path, required=True, help="the signer's folder")
        if opens:
            command.add_argument("--passphrase-file", type=Path, required=True, help="file with the passphrase")
        return command

    add("init", _init, "Create the seed and the settler's key; prints the settler's address.", opens=True)
    restore = add("restore", _init, "As init, with the seed from a paper backup.", opens=True)
    restore.add_argument("--mnemonic-file", type=Path, required=True, help="file with the 24 words")
    add(
        "mnemonic",
        _mnemonic,
        "Print the 24 words for the paper backup. Anyone who reads them has the keys.",
        opens=True,
    )
    add("address", _address, "Print the settler's address.", opens=False)
    xpub = add("xpub", _xpub, "Print the account key from which the backend derives addresses.", opens=True)
    xpub.add_argument("--chain", type=CoinChain, choices=list(CoinChain), default=CoinChain.EVM)
    xpub.add_argument("--role", type=AccountRole, choices=list(AccountRole), default=AccountRole.MEMBER)
    xpub.add_argument("--all", action="store_true", help="the accounts of every role on every chain, as a list")
    registry = add("registry", _registry, "Show or pin what the signer believes.", opens=False)
    registry.add_argument("action", choices=("show", "pin"))
    registry.add_argument("--file", type=Path, help="the registry to pin (JSON)")
    add("audit", _audit, "Check the audit's chain of hashes and print its entries.", opens=False)
    run = commands.add_parser("run", help="Answer signature requests (settings from SIGNER_… variables).")
    run.set_defaults(command=_run)
    return parser


def _passphrase(options: argparse.Namespace) -> str:
    return _content(options.passphrase_file)


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise FatalError(f"{path} cannot be read: {error.strerror}") from error


def _init(options: argparse.Namespace) -> int:
    words = getattr(options, "mnemonic_file", None)
    mnemonic = None if words is None else _content(words)
    print(keys.create_keys(options.folder, _passphrase(options), mnemonic=mnemonic))
    return EXIT_OK


def _mnemonic(options: argparse.Namespace) -> int:
    print(keys.backup_mnemonic(options.folder, _passphrase(options)))
    return EXIT_OK


def _address(options: argparse.Namespace) -> int:
    print(keys.settler_address(options.folder))
    return EXIT_OK


def _xpub(options: argparse.Namespace) -> int:
    wanted = [(chain, role) for chain in CoinChain for role in AccountRole]
    if not options.all:
        wanted = [(options.chain, options.role)]
    fields = [
        {"chain": account.chain, "role": account.role, "path": account.path, "xpub": account.xpub}
        for account in keys.account_xpubs(options.folder, _passphrase(options), wanted)
    ]
    print(json.dumps(fields if options.all else fields[0], indent=2))
    return EXIT_OK


def _registry(options: argparse.Namespace) -> int:
    if options.action == "pin":
        if options.file is None:
            raise FatalError("Say which registry to pin: --file x.json")
        registry = pin_registry(options.folder, _content(options.file))
    else:
        registry = load_registry(options.folder)
    print(f"chain {registry.chain_id}, issuer {registry.issuer}, requesters {', '.join(registry.requesters)}")
    for source in registry.sources.values():
        tables = ", ".join("0x" + table.hash().hex() for table in source.share_tables)
        print(f"source {source.source_ref}: device {source.device_eui}, {source.nameplate_w} W, share tables {tables}")
    return EXIT_OK


def _audit(options: argparse.Namespace) -> int:
    journal = Journal(options.folder)
    try:
        for seq, at, content in journal.audit_entries():
            print(json.dumps({"seq": seq, "at": at, **content}))
    finally:
        journal.close()
    return EXIT_OK


def _run(_options: argparse.Namespace) -> int:
    settings = read_settings(process_environment())
    configure_logging("signer")
    return run_until_stopped(lambda: app.build(settings))


if __name__ == "__main__":
    sys.exit(main())
