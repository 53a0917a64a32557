"""Every transaction the signer ever signed, as JSON lines: what a backend that was restored from a backup needs."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from community.errors import FatalError
from signer.journal import JOURNAL_FILE


def signed_lines(folder: Path) -> Iterator[str]:
    """One line for each signed attempt, by account, nonce and fees. Signed transactions are no secret: the chain has them.

    Reads the journal beside a running signer and changes nothing. Raises FatalError.
    """
    path = folder / JOURNAL_FILE
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise FatalError(f"The journal {path} cannot be opened: {error}") from error
    try:
        rows = database.execute(
            "SELECT account, nonce, raw, tx_hash FROM signed_attempt ORDER BY account, nonce, tx_hash"
        )
        for account, nonce, raw, tx_hash in rows:
            yield json.dumps({"account": account, "nonce": nonce, "tx_hash": tx_hash, "raw": bytes(raw).hex()})
    except sqlite3.Error as error:
        raise FatalError(f"The journal {path} cannot be read: {error}") from error
    finally:
        database.close()
