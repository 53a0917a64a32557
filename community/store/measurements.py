"""Admitted register readings with what proves each, found by their neighbours in time."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from community.clock import slot_at
from community.metering.intervals import RegisterPoint
from community.store.bulk import insert_rows, instant_for, instant_of, rows_for
from community.store.tables.measuring import MeasurementRow
from community.store.tables.metering import InstallationRow, RegisterRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent

REGISTER_MAX_WH = 2**63 - 1
"""The highest register value that a column holds."""
DERIVATION = 1
"""The version of how readings and interval energies follow from frames, kept with each of them. It rises whenever the same
frames would give other rows; then `python -m ingest rebuild` tells the ones from the others."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """An admitted reading. Legacy has no leaf.

    `leaf_path` is the inclusion path, 32 bytes a hash, concatenated; None where the statement keeps its leaves.
    """

    register_id: str
    installation_id: str
    device_id: str
    at: datetime
    register_wh: int
    off_s: int
    status: int
    evidence_mode: str
    statement_digest: str
    leaf_index: int
    leaf_input: bytes | None
    leaf_path: bytes | None

    @property
    def id(self) -> str:
        slot = slot_at(self.at)
        return measurement_id(self.register_id, slot, self.register_wh, self.off_s, self.status, self.evidence_mode)

    @property
    def point(self) -> RegisterPoint:
        return RegisterPoint(self.id, self.at, self.register_wh)


def measurement_id(register_id: str, slot: int, register_wh: int, off_s: int, status: int, mode: str) -> str:
    """The hash of what was read: whatever refers to a measurement refers to its content.

    It does not depend on which of two statements over the same reading came first. In front stands the time, so that
    the rows of one day lie together in the index.
    """
    content = f"{DERIVATION}\x1f{register_id}\x1f{slot}\x1f{register_wh}\x1f{off_s}\x1f{status}\x1f{mode}"
    return f"meas_{slot:08x}{hashlib.sha256(content.encode()).hexdigest()[:40]}"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The accepted readings of a register around an instant; `same` is the one at it."""

    before: RegisterPoint | None
    same: RegisterPoint | None
    after: RegisterPoint | None


async def neighbours_of(work: Work, register_id: str, at: datetime) -> Neighbours:
    """What is known of a register around `at`."""
    columns = (col(MeasurementRow.id), col(MeasurementRow.at), col(MeasurementRow.register_wh))
    mine = select(*columns).where(col(MeasurementRow.register_id) == register_id)
    instant = columns[1]
    upto = await work.session.execute(mine.where(instant <= at).order_by(instant.desc()).limit(2))
    beyond = await work.session.execute(mine.where(instant > at).order_by(instant).limit(1))
    earlier = [RegisterPoint(row.id, row.at, row.register_wh) for row in upto]
    after = [RegisterPoint(row.id, row.at, row.register_wh) for row in beyond]
    same = earlier.pop(0) if earlier and earlier[0].at == at else None
    return Neighbours(earlier[0] if earlier else None, same, after[0] if after else None)


async def add_measurement(work: Work, measurement: Measurement, now: datetime) -> bool:
    """Record a measurement. Says whether it is new; one that exists is left as it is."""
    return await insert_if_absent(
        work,
        MeasurementRow,
        {
            "id": measurement.id,
            "register_id": measurement.register_id,
            "installation_id": measurement.installation_id,
            "device_id": measurement.device_id,
            "at": measurement.at,
            "register_wh": measurement.register_wh,
            "off_s": measurement.off_s,
            "status": measurement.status,
            "evidence_mode": measurement.evidence_mode,
            "statement_digest": measurement.statement_digest,
            "leaf_index": measurement.leaf_index,
            "leaf_input": measurement.leaf_input,
            "leaf_path": measurement.leaf_path,
            "recorded_at": now,
        },
    )


MEASUREMENT_COLUMNS = (
    "id",
    "register_id",
    "installation_id",
    "device_id",
    "at",
    "register_wh",
    "off_s",
    "status",
    "evidence_mode",
    "statement_digest",
    "leaf_index",
    "leaf_input",
    "recorded_at",
)


async def add_measurement_rows(work: Work, rows: Sequence[tuple[object, ...]]) -> None:
    """Record measurements that are not on the books, each as a tuple of MEASUREMENT_COLUMNS. Raises RowRefused.

    Tuples, because a day's statement has hundreds and an object for each would cost more than storing it.
    """
    await insert_rows(work, MeasurementRow, MEASUREMENT_COLUMNS, rows)


async def newest_leaf(work: Work, device_id: str) -> bytes | None:
    """The leaf input of a device's newest reading that has one."""
    newest: tuple[datetime, bytes] | None = None
    for register_id in (await work.session.execute(registers_read_by([device_id]))).scalars():
        row = MeasurementRow
        found = await work.session.execute(
            select(col(row.at), col(row.leaf_input))
            .where(
                col(row.register_id) == register_id,
                col(row.device_id) == device_id,
                col(row.leaf_input).is_not(None),
            )
            .order_by(col(row.at).desc())
            .limit(1)
        )
        for at, leaf in found:
            if leaf is not None and (newest is None or at > newest[0]):
                newest = (at, leaf)
    return None if newest is None else newest[1]


def registers_read_by(device_ids: Sequence[str]) -> Any:
    """The ids of the registers that these devices read or have read: the way to their measurements by index."""
    return (
        select(col(RegisterRow.id))
        .join(InstallationRow, col(InstallationRow.meter_id) == col(RegisterRow.meter_id))
        .where(col(InstallationRow.device_id).in_(device_ids))
        .distinct()
    )


async def points_around(work: Work, asked: Sequence[tuple[str, datetime]]) -> list[tuple[str, str, datetime, int]]:
    """(register, id, instant, Wh) of the accepted readings next before each (register, instant), and next at or after it."""
    side = (
        "SELECT m.register_id, m.id, m.at, m.register_wh FROM asked JOIN measurement m ON m.register_id = asked.r AND m.at ="
        " (SELECT {}(n.at) FROM measurement n WHERE n.register_id = asked.r AND n.at {} asked.i)"
    )
    answer = f"{side.format('max', '<')} UNION ALL {side.format('min', '>=')}"
    found = await rows_for(
        work,
        f"WITH asked(r, i) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)) {answer}",
        f"WITH asked AS (SELECT * FROM unnest($1::text[], $2::timestamptz[]) AS a(r, i)) {answer}",
        [(register_id, instant_for(work, at)) for register_id, at in asked],
    )
    return [(register, point, instant_of(at), wh) for register, point, at, wh in found]


async def measurements_of(work: Work, register_id: str, limit: int = 1000) -> list[RegisterPoint]:
    """The first `limit` readings of a register, oldest first."""
    columns = (col(MeasurementRow.id), col(MeasurementRow.at), col(MeasurementRow.register_wh))
    rows = await work.session.execute(
        select(*columns).where(col(MeasurementRow.register_id) == register_id).order_by(columns[1]).limit(limit)
    )
    return [RegisterPoint(row.id, row.at, row.register_wh) for row in rows]
