"""Admitted register readings with what proves each, found by their neighbours in time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from community.ids import named_id
from community.metering.intervals import RegisterPoint
from community.store.tables.measuring import MeasurementRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent


@dataclass(frozen=True, slots=True)
class Measurement:
    """An admitted reading. `leaf_path` is the inclusion path, 32 bytes a hash, concatenated; legacy has no leaf."""

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
        """One register has one measurement at an instant: these name it."""
        return named_id("meas", self.register_id, self.at.isoformat())

    @property
    def point(self) -> RegisterPoint:
        return RegisterPoint(self.id, self.at, self.register_wh)


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


async def measurements_of(work: Work, register_id: str, limit: int = 1000) -> list[RegisterPoint]:
    """The first `limit` readings of a register, oldest first."""
    columns = (col(MeasurementRow.id), col(MeasurementRow.at), col(MeasurementRow.register_wh))
    rows = await work.session.execute(
        select(*columns).where(col(MeasurementRow.register_id) == register_id).order_by(columns[1]).limit(limit)
    )
    return [RegisterPoint(row.id, row.at, row.register_wh) for row in rows]
