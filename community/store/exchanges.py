"""Meter exchanges: the registers that somebody read off as the old meter was taken out and the new one put in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased
from sqlmodel import col

from community.metering.exchange import MeterExchange, plan_exchange
from community.metering.intervals import RegisterPoint
from community.store.gaps import close_gap, open_gap
from community.store.intervals import add_interval
from community.store.measurements import neighbours_of
from community.store.tables.metering import InstallationRegisterRow, InstallationRow, RegisterRow
from community.store.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class RegisterExchange:
    """An exchange of one register at a metering point: between which installations and registers, and with what values."""

    metering_point_id: str
    obis: str
    old_installation_id: str
    new_installation_id: str
    old_register_id: str
    new_register_id: str
    exchange: MeterExchange
    protocol_digest: str
    """SHA-256 of the signed protocol or photograph, hex."""


async def exchanges_at(work: Work, metering_point_id: str, obis: str | None = None) -> list[RegisterExchange]:
    """The exchanges at a metering point whose registers are written down on both sides, oldest first."""
    return await _found(work, col(InstallationRow.metering_point_id) == metering_point_id, obis)


async def exchange_into(work: Work, installation_id: str, obis: str) -> RegisterExchange | None:
    """The exchange by which the meter of this installation came."""
    return next(iter(await _found(work, col(InstallationRow.id) == installation_id, obis)), None)


async def exchange_out_of(work: Work, installation_id: str, obis: str) -> RegisterExchange | None:
    """The exchange by which the meter of this installation went."""
    final = col(InstallationRegisterRow.installation_id) == installation_id
    return next(iter(await _found(work, final, obis)), None)


async def points_around(work: Work, found: RegisterExchange) -> tuple[RegisterPoint | None, RegisterPoint | None]:
    """The last accepted reading of the old register and the first of the new one."""
    old = await neighbours_of(work, found.old_register_id, found.exchange.at)
    new = await neighbours_of(work, found.new_register_id, found.exchange.at)
    return old.before, new.same or new.after


async def book_exchange(
    work: Work,
    found: RegisterExchange,
    now: datetime,
    newcomer: RegisterPoint | None = None,
    next_to_it: RegisterPoint | None = None,
) -> None:
    """Enter the interval or the gap that the exchange lies in, once there are readings on both sides.

    `newcomer` is a reading that just came, `next_to_it` the one that until then was on its side of the exchange. Unless
    the newcomer is next to the exchange now, nothing changes. What was entered with the other reading was a gap, since
    between neighbouring quarter-hours no reading comes: it is closed.
    """
    before, after = await points_around(work, found)
    if before is None or after is None or (newcomer is not None and newcomer not in (before, after)):
        return
    if next_to_it is not None:
        begin, end = (next_to_it.at, after.at) if newcomer == before else (before.at, next_to_it.at)
        await close_gap(work, found.metering_point_id, begin, end, now)
    plan = plan_exchange(before, found.exchange, after)
    if plan.interval is not None:
        await add_interval(work, found.metering_point_id, plan.interval, now)
    if plan.gap is not None:
        await open_gap(work, found.metering_point_id, plan.gap, now)


async def _found(work: Work, here: Any, obis: str | None) -> list[RegisterExchange]:
    final = InstallationRegisterRow
    initial: Any = aliased(InstallationRegisterRow)
    old: Any = aliased(InstallationRow)
    new = InstallationRow
    old_register: Any = aliased(RegisterRow)
    new_register = RegisterRow
    statement = (
        select(final, initial, old, new, old_register, new_register)
        .join(old, old.id == col(final.installation_id))
        .join(
            new,
            (col(new.metering_point_id) == old.metering_point_id) & (col(new.valid_from) == old.valid_to),
        )
        .join(
            initial,
            (initial.installation_id == col(new.id))
            & (initial.obis == col(final.obis))
            & (initial.moment == "initial"),
        )
        .join(old_register, (old_register.meter_id == old.meter_id) & (old_register.obis == col(final.obis)))
        .join(new_register, (col(new_register.meter_id) == new.meter_id) & (col(new_register.obis) == col(final.obis)))
        .where(col(final.moment) == "final", here)
        .order_by(old.valid_to, col(final.obis))
    )
    if obis is not None:
        statement = statement.where(col(final.obis) == obis)
    return [
        RegisterExchange(
            metering_point_id=went.metering_point_id,
            obis=ended.obis,
            old_installation_id=went.id,
            new_installation_id=came.id,
            old_register_id=from_register.id,
            new_register_id=to_register.id,
            exchange=MeterExchange(
                went.valid_to,
                ended.register_wh,
                began.register_wh,
                from_register.modulus_wh,
                went.factor,
                came.factor,
            ),
            protocol_digest=ended.protocol_digest,
        )
        for ended, began, went, came, from_register, to_register in await work.session.execute(statement)
    ]
