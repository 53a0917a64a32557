"""The signer's memory: what it signed, under which nonce, for which energy; and an audit that cannot be edited unseen.

One SQLite file in the signer's folder. One intent per (account, nonce), one nonce per issuance, and the first bytes signed
for an attempt are returned for ever: a backend restored from an old backup gets the old answers, not new ones. The pinned
registries stand here too, so that what was believed when something was signed can be told years later.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from community.chain.signature_requests import SignatureRequest
from community.errors import FatalError
from signer.journal_audit import Audit
from signer.journal_schema import create_schema

JOURNAL_FILE = "journal.db"
ATTEMPTS_MAX = 8
"""Signed attempts of one transaction; the requester asks for at most 7 (community.chain.transactions)."""
DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class SignedBytes:
    """A transaction as it was first signed."""

    raw: bytes
    tx_hash: str


@dataclass(frozen=True, slots=True)
class LastSigned:
    """The register value and instant (unix seconds) of a source up to which this signer has signed."""

    register_wh: int
    read_at: int


@dataclass(frozen=True, slots=True)
class SignedEnergy:
    """The way of one source's register that a transaction settles. `epoch` names the device key and register it is of."""

    issuance_id: str
    source_ref: str
    epoch: str
    from_wh: int
    to_wh: int
    read_at: int


class JournalConflict(Exception):
    """The nonce or the issuance is bound to something else already. The text says to what."""


class Journal:
    """The open journal. What changes it is called inside `entry()`, which commits it together."""

    def __init__(self, folder: Path) -> None:
        path = folder / JOURNAL_FILE
        try:
            self._database = sqlite3.connect(path, isolation_level=None, timeout=10)
            create_schema(self._database)
        except sqlite3.Error as error:
            raise FatalError(
                f"The journal {path} cannot be opened: {error}. Is the folder there and writable?"
            ) from error
        self._audit = Audit(self._database)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def entry(self) -> Iterator[None]:
        """One transaction: on the disk when the block ends, undone when it raises."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    # --- requests

    def earlier_refusal(self, request_id: str) -> str | None:
        """Why this very request was refused before. It stays refused: the requester may have let its nonce go."""
        row = self._one("SELECT reason FROM refusal WHERE request_id = ?", request_id)
        return None if row is None else str(row[0])

    def record_refusal(self, request_id: str, reason: str, now: datetime) -> None:
        """Refuse a request for ever."""
        self._add("refusal", request_id, reason, now.isoformat())

    def use_once(self, requester: str, number: str, now: datetime, window_s: int) -> bool:
        """Take a number that a requester may use once. False if he has used it; forgotten after twice `window_s`."""
        at = int(now.timestamp())
        self._database.execute("DELETE FROM used_number WHERE used_at < ?", (at - 2 * window_s,))
        taken = self._database.execute(
            "INSERT INTO used_number VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (requester, number, at)
        )
        return taken.rowcount == 1

    # --- what is signed

    def intent_at(self, request: SignatureRequest) -> str | None:
        """What this call, signed under this nonce, was named; None if the nonce is free. Raises JournalConflict."""
        row = self._one(
            "SELECT intent_id, receiver, data, gas FROM intent WHERE account = ? AND nonce = ?",
            request.account,
            request.nonce,
        )
        if row is not None and row[1:] != (request.to, request.data, request.gas):
            raise JournalConflict(f"Nonce {request.nonce} is bound to issuance {row[0]} already.")
        return None if row is None else str(row[0])

    def require_free(self, request: SignatureRequest, intent_id: str, reverted: frozenset[int]) -> None:
        """Raise JournalConflict unless a nonce may be given to this issuance: it has none, and the nonce is the next.

        The nonces in `reverted` are known to have done nothing on chain: their issuances may get a new one.
        """
        taken = self._one(
            "SELECT max(nonce) FROM intent "
            "WHERE account = ? AND intent_id = ? AND nonce NOT IN (SELECT value FROM json_each(?))",
            request.account,
            intent_id,
            _listed(reverted),
        )
        if taken is not None and taken[0] is not None:
            raise JournalConflict(f"Issuance {intent_id} is bound to nonce {taken[0]} already.")
        last = self._one("SELECT max(nonce) FROM intent WHERE account = ?", request.account)
        if last is not None and last[0] is not None and request.nonce > last[0] + 1:
            raise JournalConflict(
                f"Nonce {request.nonce} leaves a hole: the next one of {request.account} is {last[0] + 1}."
            )

    def signed_bytes(self, request: SignatureRequest) -> SignedBytes | None:
        """The bytes of this attempt if it was signed before. Raises JournalConflict if there are too many attempts."""
        where = (request.account, request.nonce)
        row = self._one(
            "SELECT raw, tx_hash FROM signed_attempt WHERE account = ? AND nonce = ? AND max_fee = ? AND tip = ?",
            *where,
            str(request.max_fee),
            str(request.tip),
        )
        if row is not None:
            return SignedBytes(bytes(row[0]), str(row[1]))
        count = self._one("SELECT count(*) FROM signed_attempt WHERE account = ? AND nonce = ?", *where)
        if count is not None and count[0] >= ATTEMPTS_MAX:
            raise JournalConflict(f"Nonce {request.nonce} was signed {ATTEMPTS_MAX} times with different fees.")
        return None

    def add_intent(self, request: SignatureRequest, intent_id: str, now: datetime) -> None:
        """Bind nonce and call to each other for ever."""
        call = (intent_id, request.to, request.data, request.gas)
        self._add("intent", request.account, request.nonce, *call, int(now.timestamp()))

    def add_energy(self, request: SignatureRequest, energy: SignedEnergy, reverted: frozenset[int]) -> None:
        """Bind a way of a source's register to the intent. One way is signed once, and again for each one reverted."""
        row = self._one(
            "SELECT count(*) FROM settled_energy WHERE source_ref = ? AND epoch = ? AND from_wh = ? "
            "AND nonce IN (SELECT value FROM json_each(?))",
            energy.source_ref,
            energy.epoch,
            energy.from_wh,
            _listed(reverted),
        )
        values = (energy.issuance_id, energy.source_ref, energy.epoch, energy.from_wh, energy.to_wh, energy.read_at)
        self._add("settled_energy", request.account, request.nonce, *values, 0 if row is None else int(row[0]))

    def add_debt(self, request: SignatureRequest, source_ref: str, debt_wh: int, evidence: str, now: datetime) -> None:
        """Bind a correction to the intent."""
        where = (request.account, request.nonce)
        self._add("signed_debt", *where, source_ref, evidence, debt_wh, int(now.timestamp()))

    def add_signed(self, request: SignatureRequest, signed: SignedBytes, now: datetime) -> None:
        """Keep the bytes of one attempt for ever."""
        fees = (str(request.max_fee), str(request.tip))
        at = int(now.timestamp())
        self._add("signed_attempt", request.account, request.nonce, *fees, signed.raw, signed.tx_hash, at)

    # --- what was signed so far

    def last_signed(self, source_ref: str, epoch: str, reverted: frozenset[int]) -> LastSigned | None:
        """Up to where a source's energy of one epoch was signed, the nonces in `reverted` aside."""
        row = self._one(
            "SELECT to_wh, read_at FROM settled_energy WHERE source_ref = ? AND epoch = ? "
            "AND nonce NOT IN (SELECT value FROM json_each(?)) ORDER BY to_wh DESC LIMIT 1",
            source_ref,
            epoch,
            _listed(reverted),
        )
        return None if row is None else LastSigned(int(row[0]), int(row[1]))

    def wh_in_day_before(self, source_ref: str, read_at: int, reverted: frozenset[int]) -> int:
        """Wh signed for readings of a source in the day before `read_at`."""
        return self._sum(
            "SELECT coalesce(sum(to_wh - from_wh), 0) FROM settled_energy WHERE source_ref = ? AND read_at > ? "
            "AND nonce NOT IN (SELECT value FROM json_each(?))",
            source_ref,
            read_at - DAY_S,
            _listed(reverted),
        )

    def debt_wh_since(self, source_ref: str, since: int) -> int:
        """Wh of debt signed for a source after `since` (unix seconds)."""
        return self._sum(
            "SELECT coalesce(sum(debt_wh), 0) FROM signed_debt WHERE source_ref = ? AND signed_at > ?",
            source_ref,
            since,
        )

    def fee_wei_since(self, account: str, since: int, nonce: int) -> int:
        """What the transactions signed after `since` cost at most, the one under `nonce` aside; the dearest attempt counts."""
        rows = self._database.execute(
            "SELECT nonce, gas, max_fee FROM signed_attempt JOIN intent USING (account, nonce) "
            "WHERE account = ? AND nonce != ? AND signed_attempt.signed_at > ?",
            (account, nonce, since),
        )
        dearest: dict[int, int] = {}
        for each, gas, max_fee in rows:
            dearest[each] = max(dearest.get(each, 0), gas * int(max_fee))
        return sum(dearest.values())

    # --- pinned registries

    def pinned(self) -> Sequence[tuple[int, str, str]]:
        """(revision, content, approvals) of every registry pinned, oldest first."""
        return self._database.execute(
            "SELECT revision, content, approvals FROM pinned_registry ORDER BY revision"
        ).fetchall()

    def newest_pinned(self) -> tuple[int, str] | None:
        """(revision, content) of the registry that counts."""
        row = self._one("SELECT revision, content FROM pinned_registry ORDER BY revision DESC LIMIT 1")
        return None if row is None else (int(row[0]), str(row[1]))

    def add_pinned(self, revision: int, content: str, approvals: str, now: datetime) -> None:
        """Make a registry the one that counts."""
        self._add("pinned_registry", revision, content, approvals, now.isoformat())

    # --- audit

    def audit(self, now: datetime, **content: Any) -> None:
        """Append one entry whose hash covers the one before."""
        self._audit.add(now, content)

    def audit_entries(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """(seq, instant, content) of every entry, oldest first. Raises FatalError where the chain of hashes breaks."""
        return self._audit.entries()

    def audit_head(self) -> tuple[int, str]:
        """Number and hash of the newest entry: written down elsewhere, they show later that none was cut off."""
        return self._audit.head()

    def _one(self, query: str, *values: Any) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._database.execute(query, values).fetchone()
        return row

    def _sum(self, query: str, *values: Any) -> int:
        row = self._one(query, *values)
        return 0 if row is None else int(row[0])

    def _add(self, table: str, *values: Any) -> None:
        marks = ", ".join("?" * len(values))
        conflict = " ON CONFLICT DO NOTHING" if table == "refusal" else ""
        try:
            self._database.execute(f"INSERT INTO {table} VALUES ({marks}){conflict}", values)  # noqa: S608  our own names
        except sqlite3.IntegrityError as error:
            raise JournalConflict(f"The journal holds this already under another nonce or name ({error}).") from error


def _listed(nonces: frozenset[int]) -> str:
    return json.dumps(sorted(nonces))
