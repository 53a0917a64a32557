"""Sealing every secret anew under the current column key, row by row, while everything else goes on.

Each row is one small change that can be repeated: a process that is killed leaves some rows under the old key and some
under the new one, both keys open them, and the next run takes those that are left.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import col

from community.store.sealed_columns import ColumnKeys, device_purpose, key_id_of, meter_key_purpose, meter_purpose
from community.store.tables.identity import DeviceRow
from community.store.tables.metering import MeterKeyChangeRow, MeterRow
from community.store.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of secrets: its rows, what names each, and from that the purpose that binds a ciphertext to its row."""

    name: str
    table: Any
    key: Any
    sealed: Any
    subject: Any
    purpose: Callable[[str], str]


SEALED_COLUMNS = (
    SealedColumn(
        "device secrets",
        DeviceRow,
        col(DeviceRow.identity_id),
        col(DeviceRow.secret_sealed),
        col(DeviceRow.eui),
        device_purpose,
    ),
    SealedColumn(
        "meter keys", MeterRow, col(MeterRow.id), col(MeterRow.meter_key_sealed), col(MeterRow.serial), meter_purpose
    ),
    SealedColumn(
        "later meter keys",
        MeterKeyChangeRow,
        col(MeterKeyChangeRow.id),
        col(MeterKeyChangeRow.key_sealed),
        col(MeterKeyChangeRow.id),
        meter_key_purpose,
    ),
)


@dataclass(frozen=True, slots=True)
class SealedUnder:
    """How many secrets of one kind are sealed with one key; `key_id` None: from before keys had ids."""

    column: str
    key_id: str | None
    count: int


async def sealed_under(work: Work) -> list[SealedUnder]:
    """Which keys the secrets in the books are sealed with."""
    found: list[SealedUnder] = []
    for column in SEALED_COLUMNS:
        rows = await work.session.execute(select(column.sealed).where(column.sealed.is_not(None)))
        counts = Counter(key_id_of(sealed) for sealed in rows.scalars())
        found += [SealedUnder(column.name, key_id, count) for key_id, count in sorted(counts.items(), key=str)]
    return found


async def reseal_some(work: Work, keys: ColumnKeys, column: SealedColumn, limit: int) -> int:
    """Seal up to `limit` secrets anew that are not under the current key. Returns how many; 0 when all are.

    Raises FatalError for a secret that none of the keys opens.
    """
    head = keys.current.head
    others = (
        select(column.key, column.subject, column.sealed)
        .where(column.sealed.is_not(None), func.substr(column.sealed, 1, len(head)) != head)
        .order_by(column.key)
        .limit(limit)
        .with_for_update(key_share=True)
    )
    rows = list(await work.session.execute(others))
    for key, subject, sealed in rows:
        purpose = column.purpose(subject)
        again = keys.seal(keys.unseal(sealed, purpose), purpose)
        await work.session.execute(
            update(column.table).where(column.key == key, column.sealed == sealed).values({column.sealed: again})
        )
    return len(rows)
