"""What `ingest rebuild` asks of the books: the registry to copy, the frames to derive from, and what was derived."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, inspect, select
from sqlmodel import SQLModel, col

from community.store.frames import Frame
from community.store.statements import path_of
from community.store.tables.identity import DeviceKeyRow, DeviceRow, IdentityRow
from community.store.tables.measuring import FrameRow, IntervalRow, MeasurementRow, StatementRow
from community.store.tables.metering import (
    InstallationRegisterRow,
    InstallationRow,
    MeteringPointRow,
    MeterRow,
    RegisterRow,
)
from community.store.unit_of_work import Work

PAGE = 500
_REGISTRY: tuple[type[SQLModel], ...] = (
    IdentityRow,
    MeteringPointRow,
    MeterRow,
    RegisterRow,
    DeviceRow,
    DeviceKeyRow,
    InstallationRow,
    InstallationRegisterRow,
)
_LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class DerivedRow:
    """A row of the second or third layer: what it is of, and everything that follows from its frames, by column."""

    key: tuple[str, str, datetime]
    """measurement or interval_energy; the register or the metering point; the instant."""
    content: dict[str, Any]


async def copy_registry(source: Work, target: Work) -> None:
    """Copy what judging needs into empty books, as it stands now.

    Whether a device was in service and its key valid was decided when its evidence was taken in, with the registry of
    that day; in the copy every device is in service and every key valid, so that only evidence and readings count.
    """
    for row in _REGISTRY:
        table: Any = inspect(row).local_table
        found = await source.session.execute(select(table))
        values = [dict(one._mapping) for one in found]
        if row is DeviceRow:
            values = [{**one, "state": "active", "profile": None} for one in values]
        if row is DeviceKeyRow:
            open_ended = {name: None for name in ("valid_to", "revoked_from") if name in table.columns}
            values = [{**one, **open_ended, "valid_from": _LONG_AGO} for one in values]
        if values:
            await target.session.execute(insert(table), values)


async def count_evidence(work: Work) -> int:
    """How many frames `frames_of_evidence` gives."""
    found = select(func.count()).select_from(FrameRow).where(_bears_evidence())
    return (await work.session.execute(found)).scalar_one()


async def frames_of_evidence(work: Work) -> AsyncIterator[Sequence[Frame]]:
    """The frames that evidence was taken from, and all LoRaWAN frames, in the order in which they came; by pages."""
    frame = FrameRow
    statement: Any = select(frame).where(_bears_evidence()).order_by(col(frame.received_at), col(frame.digest))
    after: FrameRow | None = None
    while True:
        page = statement
        if after is not None:
            same = (col(frame.received_at) == after.received_at) & (col(frame.digest) > after.digest)
            page = statement.where((col(frame.received_at) > after.received_at) | same)
        rows = list((await work.session.execute(page.limit(PAGE))).scalars())
        if not rows:
            return
        yield [
            Frame(row.digest, row.source, row.device_eui, row.payload, row.envelope, row.received_at) for row in rows
        ]
        after = rows[-1]
        work.session.expunge_all()


def _bears_evidence() -> Any:
    evidence = select(col(StatementRow.frame_digest))
    from_network = (col(FrameRow.source) != "device_broker") & (col(FrameRow.verdict) != "rejected")
    return col(FrameRow.digest).in_(evidence) | from_network


async def derived_rows(work: Work) -> AsyncIterator[DerivedRow]:
    """Every measurement, then every first revision of an interval energy, each in the order of its key."""
    async for one in _pages(work, MeasurementRow, MeasurementRow.register_id, MeasurementRow.at):
        yield one
    async for one in _pages(work, IntervalRow, IntervalRow.metering_point_id, IntervalRow.starts_at):
        yield one


async def _pages(work: Work, row: type[Any], subject: Any, instant: Any) -> AsyncIterator[DerivedRow]:
    table: Any = inspect(row).local_table
    # both sides have to come in the order in which Python compares texts, whatever the server's language
    subject, instant = col(subject), col(instant)
    ordered = subject.collate("BINARY" if work.is_sqlite else "C")
    wanted = [column for column in table.columns if column.name not in {"recorded_at", "revision"}]
    if row is IntervalRow:
        wanted = [column for column in wanted if column.name != "id"]
    statement: Any = select(*wanted).order_by(ordered, instant)
    if row is MeasurementRow:
        statement = statement.add_columns(col(StatementRow.leaves)).join(
            StatementRow, col(StatementRow.digest) == col(MeasurementRow.statement_digest)
        )
    if row is IntervalRow:
        statement = statement.where(col(IntervalRow.revision) == 1)
    after: tuple[str, datetime] | None = None
    while True:
        page = statement
        if after is not None:
            page = statement.where((ordered > after[0]) | ((subject == after[0]) & (instant > after[1])))
        rows = list(await work.session.execute(page.limit(PAGE)))
        for one in rows:
            content = dict(one._mapping)
            if row is MeasurementRow:  # stored with the reading, or to be found by its statement's leaves: the same
                content["leaf_path"] = path_of(content["leaf_path"], content.pop("leaves"), content["leaf_index"])
            after = (content.pop(subject.key), content.pop(instant.key))
            yield DerivedRow((table.name, *after), content)
        if len(rows) < PAGE:
            return
