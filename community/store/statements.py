"""Signed evidence, verbatim, and how far a device's statements are stored without a hole."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import aliased
from sqlmodel import col

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
            "recorded_at": now,
        },
    )


async def contiguous_counter(work: Work, device_id: str, keyno: int, known: int | None = None) -> int | None:
    """The highest counter up to which every statement of this key is stored; None while the first one is missing.

    Counters of a key begin at 0 or 1. A later beginning is no beginning: what lies before is still on its way, and
    acknowledging past it would let the device forget it. `known` is an earlier answer, from which to go on.
    """
    mine = (col(StatementRow.device_id) == device_id, col(StatementRow.keyno) == keyno)
    ctr = col(StatementRow.ctr)
    start = known
    if start is None:
        lowest = await work.session.execute(select(ctr).where(*mine).order_by(ctr).limit(1))
        start = lowest.scalar_one_or_none()
        if start is None or start > FIRST_COUNTER_MAX:
            return None
    later = aliased(StatementRow)
    follows = (col(later.device_id) == device_id, col(later.keyno) == keyno, col(later.ctr) == ctr + 1)
    last = await work.session.execute(
        select(ctr).where(*mine, ctr >= start, ~select(col(later.ctr)).where(*follows).exists()).order_by(ctr).limit(1)
    )
    return last.scalar_one_or_none()
