"""Signed evidence, verbatim, and how far a device's statements are stored without a hole."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from sqlalchemy import func, select
from sqlmodel import col

from community.attestation.merkle import HASH_SIZE, joined_paths
from community.store.bulk import insert_rows, instant_of, rows_for
from community.store.tables.measuring import StatementRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent

FIRST_COUNTER_MAX = 1


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A statement with its bytes. `digest` is the SHA-256 of `signed`, in hex; `format` is ecw1 or legacy."""

    digest: str
    device_id: str
    device_key_id: str
    keyno: int
    ctr: int
    format: str
    signed: bytes
    first_at: datetime
    span: int
    reading_count: int
    frame_digest: str
    leaves: bytes | None = None
    """The hashes of its leaves, 32 bytes each; legacy has none."""
    codec: str | None = None
    """What read it, with its version; None of a statement from before this was kept."""
    plaintext_digest: str | None = None
    """SHA-256 of what was inside the ciphering of a meter's telegram, in hex; ECW1's leaves say as much of its content."""


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """As much of a stored statement as judging another one with its counter needs."""

    digest: str
    signed: bytes
    first_at: datetime


@dataclass(frozen=True, slots=True)
class StatementSpan:
    """Which quarter-hours the statement with a counter covers."""

    ctr: int
    first_at: datetime
    span: int


async def statements_with_counter(work: Work, device_id: str, keyno: int, ctr: int) -> list[StoredStatement]:
    """All statements of a device with one counter: more than one prove equivocation."""
    rows = await work.session.execute(
        select(StatementRow)
        .where(
            col(StatementRow.device_id) == device_id,
            col(StatementRow.keyno) == keyno,
            col(StatementRow.ctr) == ctr,
        )
        .order_by(col(StatementRow.recorded_at), col(StatementRow.digest))
        .limit(100)
    )
    return [
        StoredStatement(
            row.digest,
            row.device_id,
            row.device_key_id,
            row.keyno,
            row.ctr,
            row.format,
            row.signed,
            row.first_at,
            row.span,
            row.reading_count,
            row.frame_digest,
        )
        for row in rows.scalars()
    ]


async def statements_with_counters(
    work: Work, keys: Sequence[tuple[str, int, int]]
) -> dict[tuple[str, int, int], list[KeptStatement]]:
    """What is stored with each (device id, key number, counter), oldest first."""
    answer = (
        "SELECT s.device_id, s.keyno, s.ctr, s.digest, s.signed, s.first_at FROM asked JOIN statement s"
        " ON s.device_id = asked.d AND s.keyno = asked.k AND s.ctr = asked.c ORDER BY s.recorded_at, s.digest"
    )
    asked = "SELECT DISTINCT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?)"
    found = await rows_for(
        work,
        f"WITH asked(d, k, c) AS ({asked}) {answer}",
        f"WITH asked AS (SELECT DISTINCT * FROM unnest($1::text[], $2::int[], $3::bigint[]) AS a(d, k, c)) {answer}",
        keys,
    )
    kept: dict[tuple[str, int, int], list[KeptStatement]] = {}
    for device_id, keyno, ctr, digest, signed, first_at in found:
        kept.setdefault((device_id, keyno, ctr), []).append(KeptStatement(digest, signed, instant_of(first_at)))
    return kept


async def add_statements(work: Work, fresh: Sequence[StoredStatement], now: datetime) -> None:
    """Keep statements whose bytes are new. Raises RowRefused."""
    columns = tuple(one.name for one in fields(StoredStatement))
    values = attrgetter(*columns)
    await insert_rows(work, StatementRow, (*columns, "recorded_at"), [(*values(one), now) for one in fresh])


async def add_statement(work: Work, statement: StoredStatement, now: datetime) -> bool:
    """Keep a statement. Says whether its bytes are new."""
    return await insert_if_absent(
        work,
        StatementRow,
        {
            "digest": statement.digest,
            "device_id": statement.device_id,
            "device_key_id": statement.device_key_id,
            "keyno": statement.keyno,
            "ctr": statement.ctr,
            "format": statement.format,
            "signed": statement.signed,
            "first_at": statement.first_at,
            "span": statement.span,
            "reading_count": statement.reading_count,
            "frame_digest": statement.frame_digest,
            "leaves": statement.leaves,
            "codec": statement.codec,
            "plaintext_digest": statement.plaintext_digest,
            "recorded_at": now,
        },
    )


async def has_leaves(work: Work, digest: str) -> bool:
    """Whether the paths of a statement's readings follow from what is stored with it; not so of those from before."""
    found = select(col(StatementRow.digest)).where(
        col(StatementRow.digest) == digest, col(StatementRow.leaves).is_not(None)
    )
    return (await work.session.execute(found)).first() is not None


def path_of(leaf_path: bytes | None, leaves: bytes | None, leaf_index: int) -> bytes:
    """The inclusion path of a stored reading: its own, or what its statement's leaves give. Empty where neither is."""
    if leaf_path is not None or leaves is None:
        return leaf_path or b""
    paths = _paths(leaves)
    return paths[leaf_index] if 0 <= leaf_index < len(paths) else b""  # an index that was edited proves nothing


@lru_cache(maxsize=4)
def _paths(leaves: bytes) -> list[bytes]:
    """Of every leaf. Readings come statement by statement, so a few are enough to keep."""
    return joined_paths([leaves[at : at + HASH_SIZE] for at in range(0, len(leaves), HASH_SIZE)])


async def statements_above(work: Work, device_id: str, keyno: int, ctr: int, limit: int = 1000) -> list[StatementSpan]:
    """Counter, first instant and slots of the statements of a key with a counter of at least `ctr`, ascending."""
    row = StatementRow
    rows = await work.session.execute(
        select(col(row.ctr), col(row.first_at), col(row.span))
        .where(col(row.device_id) == device_id, col(row.keyno) == keyno, col(row.ctr) >= ctr)
        .order_by(col(row.ctr))
        .limit(limit)
    )
    return [StatementSpan(*each) for each in rows]


async def contiguous_counter(work: Work, device_id: str, keyno: int, known: int | None = None) -> int | None:
    """As `contiguous_counters`, of one key; None while its first statement is missing."""
    return (await contiguous_counters(work, [(device_id, keyno, known)])).get((device_id, keyno))


async def contiguous_counters(work: Work, keys: Sequence[tuple[str, int, int | None]]) -> dict[tuple[str, int], int]:
    """By (device id, key number): the highest counter up to which every statement of this key is stored.

    A key is left out while its first statement is missing. Counters of a key begin at 0 or 1, or where its rotation says.
    A later beginning is no beginning: what lies before is still on its way, and acknowledging past it would let the device
    forget it. The third part of each key is an earlier answer, from which to go on, or None.
    """
    mine = "s.device_id = asked.d AND s.keyno = asked.k"
    begun = f"""begun AS (SELECT d, k, coalesce(asked.known,
        (SELECT min(s.ctr) FROM statement s WHERE {mine} AND s.ctr <= coalesce((SELECT first_ctr FROM device_key
        WHERE device_id = asked.d AND keyno = asked.k), {FIRST_COUNTER_MAX}))) AS first FROM asked)"""
    answer = f"""SELECT d, k, (SELECT s.ctr FROM statement s WHERE {mine.replace("asked", "begun")} AND s.ctr >= begun.first
        AND NOT EXISTS (SELECT 1 FROM statement n WHERE n.device_id = s.device_id AND n.keyno = s.keyno AND n.ctr = s.ctr + 1)
        ORDER BY s.ctr LIMIT 1) FROM begun"""
    asked = (
        "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?)"
    )
    found = await rows_for(
        work,
        f"WITH asked(d, k, known) AS ({asked}), {begun} {answer}",
        f"WITH asked AS (SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[]) AS a(d, k, known)), {begun} {answer}",
        keys,
    )
    return {(device_id, keyno): last for device_id, keyno, last in found if last is not None}


async def newest_counters(work: Work, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """By (device id, key number): the highest counter that is stored, whatever is missing below it."""
    answer = (
        "SELECT d, k, (SELECT max(s.ctr) FROM statement s WHERE s.device_id = asked.d AND s.keyno = asked.k) FROM asked"
    )
    asked = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)"
    found = await rows_for(
        work,
        f"WITH asked(d, k) AS ({asked}) {answer}",
        f"WITH asked AS (SELECT * FROM unnest($1::text[], $2::int[]) AS a(d, k)) {answer}",
        keys,
    )
    return {(device_id, keyno): newest for device_id, keyno, newest in found if newest is not None}


async def count_statements(work: Work) -> int:
    """How many statements are stored."""
    return (await work.session.execute(select(func.count()).select_from(StatementRow))).scalar_one()
