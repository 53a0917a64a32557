"""Options that several commands of the signer share."""

import argparse
from pathlib import Path

from community.errors import FatalError
from signer.passphrase import passphrase_from


def add_folder(command: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Where the signer's files are."""
    command.add_argument("--folder", type=Path, required=required, help="the signer's folder")


def add_passphrase(command: argparse.ArgumentParser) -> None:
    """Where the passphrase comes from: never the command line, which every process can read."""
    command.add_argument("--passphrase-file", type=Path, help="file with the passphrase")
    command.add_argument("--passphrase-fd", type=int, help="open descriptor from which the passphrase is read")


def passphrase_of(options: argparse.Namespace) -> str:
    """The passphrase. Raises FatalError."""
    return passphrase_from(options.passphrase_file, options.passphrase_fd)


def content_of(path: Path) -> str:
    """The text of a file. Raises FatalError."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
