"""An append-only list in the journal, each entry hashed with the one before: an edit or a hole shows."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from community.errors import FatalError


class Audit:
    """The audit of one journal."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add(self, now: datetime, content: dict[str, Any]) -> None:
        """Append one entry, inside the journal's transaction."""
        seq, previous = self.head()
        at, text = now.isoformat(), json.dumps(content, sort_keys=True, separators=(",", ":"))
        self._database.execute(
            "INSERT INTO audit VALUES (?, ?, ?, ?)", (seq + 1, at, text, _chained(previous, at, text))
        )

    def head(self) -> tuple[int, str]:
        """Number and hash of the newest entry; (0, "") while there is none."""
        row = self._database.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        return (0, "") if row is None else (int(row[0]), str(row[1]))

    def entries(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """(seq, instant, content) of every entry, oldest first. Raises FatalError where the chain of hashes breaks."""
        previous, expected = "", 1
        for seq, at, text, found in self._database.execute("SELECT seq, at, content, hash FROM audit ORDER BY seq"):
            previous = _chained(previous, at, text)
            if seq != expected or found != previous:
                raise FatalError(
                    f"The signer's audit was changed at entry {expected}: its hash does not match. Sign nothing more, keep "
                    "the folder as it is, and compare it with the backup."
                )
            expected += 1
            yield seq, at, json.loads(text)


def _chained(previous: str, at: str, text: str) -> str:
    return hashlib.sha256(f"{previous}\n{at}\n{text}".encode()).hexdigest()
