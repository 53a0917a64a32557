"""The signer's folder as one archive, taken while it runs: sealed keys, and the journal at one instant.

The journal is what makes a signature happen once, so its copy is made by SQLite itself and its chain of hashes is verified
before the archive counts.
"""

import io
import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from community.errors import FatalError
from signer.journal import JOURNAL_FILE, Journal
from signer.pinning import check_chain

NEVER = frozenset({f"{JOURNAL_FILE}-wal", f"{JOURNAL_FILE}-shm"})


def archive(folder: Path, out: BinaryIO) -> str:
    """Write the archive (tar) to `out`; returns number and hash of its newest audit entry. Raises FatalError."""
    if not (folder / JOURNAL_FILE).is_file():
        raise FatalError(f"{folder} is no signer's folder: it has no {JOURNAL_FILE}.")
    with tempfile.TemporaryDirectory(prefix="signer-backup-") as place:
        copy = Path(place) / JOURNAL_FILE
        source = sqlite3.connect(f"file:{folder / JOURNAL_FILE}?mode=ro", uri=True, timeout=30)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        head = _verified(Path(place))
        with tarfile.open(fileobj=out, mode="w|") as tar:
            _add(tar, JOURNAL_FILE, copy.read_bytes())
            for file in sorted(folder.iterdir()):
                if file.is_file() and file.name != JOURNAL_FILE and file.name not in NEVER:
                    _add(tar, file.name, file.read_bytes())
    return head


def unpack(given: BinaryIO, folder: Path) -> str:
    """Put an archive back into `folder`, which must be empty; returns number and hash of its newest audit entry."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise FatalError(f"{folder} is not empty: a signer that is there is never overwritten. Move it away first.")
    try:
        with tarfile.open(fileobj=given, mode="r|") as tar:
            for member in tar:
                read = tar.extractfile(member)
                if read is None or Path(member.name).name != member.name:
                    raise FatalError(f"The archive holds {member.name!r}, which no back-up of a signer has.")
                descriptor = os.open(folder / member.name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(read.read())
    except tarfile.TarError as error:
        raise FatalError(f"This is no archive of `python -m signer backup`: {error}") from error
    if not (folder / JOURNAL_FILE).is_file():
        raise FatalError(f"The archive has no {JOURNAL_FILE}: it is not whole.")
    return _verified(folder)


def _verified(folder: Path) -> str:
    """Raise where the registry's chain or the audit's does not hold; number and hash of the newest entry."""
    journal = Journal(folder)
    try:
        if journal.newest_pinned() is not None:
            check_chain(journal)
        for _ in journal.audit_entries():
            pass
        seq, digest = journal.audit_head()
    finally:
        journal.close()
    return f"{seq} {digest}"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    tar.addfile(entry, io.BytesIO(content))
