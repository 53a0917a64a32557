"""The part of the command line about back-ups: an archive to standard output, and back from standard input."""

import argparse
import sys

from community.runtime.lifecycle import EXIT_OK
from signer.back_up import archive, unpack
from signer.cli_keys import Add
from signer.cli_options import add_folder


def add_commands(add: Add) -> None:
    """`backup` and `unpack`."""
    add_folder(
        add("backup", _backup, "Write sealed keys and journal as a tar archive to standard output, while it runs.")
    )
    add_folder(add("unpack", _unpack, "Put an archive from standard input back into an empty folder, and verify it."))


def _backup(options: argparse.Namespace) -> int:
    if sys.stdout.isatty():
        print("This writes an archive: send it into a file, … > signer.tar", file=sys.stderr)
        return 2
    head = archive(options.folder, sys.stdout.buffer)
    print(f"newest audit entry: {head}", file=sys.stderr)
    return EXIT_OK


def _unpack(options: argparse.Namespace) -> int:
    head = unpack(sys.stdin.buffer, options.folder)
    print(f"newest audit entry: {head}; compare it with your note of `audit --head` before you start the signer")
    return EXIT_OK
