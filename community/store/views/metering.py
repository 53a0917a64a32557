"""Metering points, the meters installed at them, and their registers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from community.store.tables.identity import EnergyConsumptionUnitRow, EnergySourceRow
from community.store.tables.metering import InstallationRow, MeteringPointRow, MeterRow, RegisterRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.store.views.scope import Scope

ROWS_MAX = 1000


@dataclass(frozen=True, slots=True)
class MeteringPointView:
    """A place in the grid and the identity whose energy is counted there."""

    id: str
    code: str
    name: str
    direction: str
    settled_obis: str
    identity_id: str | None


@dataclass(frozen=True, slots=True)
class RegisterView:
    id: str
    meter_id: str
    obis: str
    modulus_wh: int | None


@dataclass(frozen=True, slots=True)
class InstallationView:
    id: str
    metering_point_id: str
    meter_id: str
    meter_serial: str
    meter_maker: str
    meter_model: str
    device_id: str
    valid_from: datetime
    valid_to: datetime | None
    factor: int
    max_power_w: int


def _statement() -> Any:
    point = col(MeteringPointRow.id)
    return (
        select_rows(
            MeteringPointRow,
            col(EnergySourceRow.identity_id).label("source"),
            col(EnergyConsumptionUnitRow.identity_id).label("unit"),
            point.label("key"),
        )
        .outerjoin(EnergySourceRow, col(EnergySourceRow.metering_point_id) == point)
        .outerjoin(EnergyConsumptionUnitRow, col(EnergyConsumptionUnitRow.metering_point_id) == point)
    )


def _view(row: Any) -> MeteringPointView:
    point = row[0]
    return MeteringPointView(
        point.id, point.code, point.name, point.direction, point.settled_obis, row.source or row.unit
    )


async def by_ids(work: Work, scope: Scope, ids: Sequence[str]) -> dict[str, MeteringPointView]:
    """The metering points among `ids` that the asker may see."""
    point = col(MeteringPointRow.id)
    rows = await work.session.execute(_statement().where(point.in_(ids), scope.metering_points(point)))
    return {row[0].id: _view(row) for row in rows}


async def page(work: Work, scope: Scope, first: int, after: str | None) -> Page[MeteringPointView]:
    """Metering points by id."""
    point = col(MeteringPointRow.id)
    statement = _statement().where(scope.metering_points(point))
    return await fetch_page(work, statement, Keyset((point,), (str,), falling=False), _view, first, after)


async def _installations(work: Work, scope: Scope, column: Any, ids: Sequence[str]) -> list[InstallationView]:
    row = InstallationRow
    statement = (
        select(row, MeterRow)
        .join(MeterRow, col(MeterRow.id) == col(row.meter_id))
        .where(column.in_(ids), scope.metering_points(col(row.metering_point_id)))
        .order_by(col(row.valid_from).desc(), col(row.id))
        .limit(ROWS_MAX)
    )
    return [
        InstallationView(
            each.id,
            each.metering_point_id,
            each.meter_id,
            meter.serial,
            meter.maker,
            meter.model,
            each.device_id,
            each.valid_from,
            each.valid_to,
            each.factor,
            each.max_power_w,
        )
        for each, meter in await work.session.execute(statement)
    ]


async def installations_at(work: Work, scope: Scope, point_ids: Sequence[str]) -> dict[str, list[InstallationView]]:
    """Installations by metering point, newest first."""
    found: dict[str, list[InstallationView]] = {}
    for view in await _installations(work, scope, col(InstallationRow.metering_point_id), point_ids):
        found.setdefault(view.metering_point_id, []).append(view)
    return found


async def installations_of(work: Work, scope: Scope, device_ids: Sequence[str]) -> dict[str, list[InstallationView]]:
    """Installations by device, newest first."""
    found: dict[str, list[InstallationView]] = {}
    for view in await _installations(work, scope, col(InstallationRow.device_id), device_ids):
        found.setdefault(view.device_id, []).append(view)
    return found


async def registers_of(work: Work, meter_ids: Sequence[str]) -> dict[str, list[RegisterView]]:
    """Registers by meter."""
    row = RegisterRow
    statement = select(row).where(col(row.meter_id).in_(meter_ids)).order_by(col(row.obis)).limit(ROWS_MAX)
    found: dict[str, list[RegisterView]] = {}
    for each in (await work.session.execute(statement)).scalars():
        found.setdefault(each.meter_id, []).append(RegisterView(each.id, each.meter_id, each.obis, each.modulus_wh))
    return found


async def registers_by_ids(work: Work, ids: Sequence[str]) -> dict[str, RegisterView]:
    """Registers by their own id."""
    statement = select(RegisterRow).where(col(RegisterRow.id).in_(ids))
    rows = (await work.session.execute(statement)).scalars()
    return {row.id: RegisterView(row.id, row.meter_id, row.obis, row.modulus_wh) for row in rows}
