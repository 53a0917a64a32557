"""The part of the command line about the registry (drafting, approving, pinning) and the audit."""

import argparse
import json
from pathlib import Path

from community.errors import FatalError
from community.runtime.lifecycle import EXIT_OK
from community.runtime.system_clock import SystemClock
from signer.cli_keys import Add
from signer.cli_options import add_folder, add_passphrase, content_of, passphrase_of
from signer.journal import Journal
from signer.journal_signed import signed_lines
from signer.operators import load_operator_key
from signer.pinning import approve, check_chain, parse_approval, pin, registry_digest
from signer.registry import Registry


def add_commands(add: Add) -> None:
    """`registry show | draft | approve | pin`, `audit` and `signed`."""
    registry = add("registry", _registry, "Show, draft, approve or pin what the signer believes.")
    registry.add_argument("action", choices=("show", "draft", "approve", "pin"))
    add_folder(registry, required=False)
    registry.add_argument("--file", type=Path, help="the registry to approve or to pin (JSON)")
    registry.add_argument("--operator", help="approve: your name in the registry")
    registry.add_argument("--key", type=Path, help="approve: your key file, from `signer operator-key`")
    registry.add_argument("--approval", type=Path, action="append", default=[], help="pin: an approval; give two")
    add_passphrase(registry)
    audit = add("audit", _audit, "Check the audit's chain of hashes and print its entries.")
    add_folder(audit)
    signed = add("signed", _signed, "List every signed transaction, for `python -m settlement recover`.")
    add_folder(signed)
    audit.add_argument("--head", action="store_true", help="print only the number and hash of the newest entry")


def _registry(options: argparse.Namespace) -> int:
    if options.action == "approve":
        return _approve(options)
    if options.folder is None:
        raise FatalError("Say which signer: --folder.")
    if options.action == "pin" and options.file is None:
        raise FatalError("Say which registry to pin: --file x.json, with --approval twice.")
    journal = Journal(options.folder)
    try:
        if options.action == "pin":
            approvals = [parse_approval(content_of(path)) for path in options.approval]
            _print(pin(journal, content_of(options.file), approvals, SystemClock().now()))
        elif options.action == "show":
            _print(check_chain(journal))
        else:
            print(_draft(journal))
    finally:
        journal.close()
    return EXIT_OK


def _approve(options: argparse.Namespace) -> int:
    if options.file is None or options.operator is None or options.key is None:
        raise FatalError("To approve a registry give --file x.json, --operator YOUR-NAME and --key YOUR-KEY.pem.")
    text = content_of(options.file)
    print(approve(text, options.operator, load_operator_key(options.key, passphrase_of(options))).text())
    return EXIT_OK


def _draft(journal: Journal) -> str:
    """The registry that counts, as the beginning of the next one."""
    check_chain(journal)
    newest = journal.newest_pinned()
    assert newest is not None
    revision, text = newest
    content = json.loads(text) | {"revision": revision + 1, "previous": registry_digest(text)}
    return json.dumps(content, indent=2)


def _print(registry: Registry) -> None:
    print(f"revision {registry.revision}, operators {', '.join(sorted(registry.operators))}")
    print(
        f"chain {registry.chain_id}, issuer {registry.issuer}, role {registry.role.value}, "
        f"requesters {', '.join(registry.requesters)}"
    )
    for source in registry.sources.values():
        tables = ", ".join("0x" + table.hash().hex() for table in source.share_tables)
        print(f"source {source.source_ref}: device {source.device_eui}, {source.nameplate_w} W, share tables {tables}")


def _signed(options: argparse.Namespace) -> int:
    for line in signed_lines(options.folder):
        print(line)
    return EXIT_OK


def _audit(options: argparse.Namespace) -> int:
    journal = Journal(options.folder)
    try:
        for seq, at, content in journal.audit_entries():
            if not options.head:
                print(json.dumps({"seq": seq, "at": at, **content}))
        if options.head:
            seq, digest = journal.audit_head()
            print(f"{seq} {digest}")
    finally:
        journal.close()
    return EXIT_OK
