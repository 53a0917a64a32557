"""The secondary indexes of the transfers: left out during a first load, because building them once is thrice as fast."""

import asyncio
from collections.abc import Iterable

from sqlalchemy import Index, inspect, select, text
from sqlalchemy.schema import CreateIndex, DropIndex
from sqlmodel import col

from community.store.tables.chain import TransferRow
from community.store.unit_of_work import Store, Work


async def drop_for_first_load(work: Work) -> bool:
    """Drop them if no transfer is indexed yet; says whether it did."""
    if (await work.session.execute(select(col(TransferRow.chain_id)).limit(1))).first() is not None:
        return False
    missing = await _missing(work)
    for index in _indexes():
        if index not in missing:
            await work.session.execute(DropIndex(index))
    return True


async def create_missing(store: Store) -> list[str]:
    """Build those that are not there; their names. Readers go on meanwhile, other writers wait.

    Each is a unit of work. PostgreSQL builds them side by side: sorting one is work for one processor.
    """
    async with store.read() as work:
        missing = sorted(await _missing(work), key=lambda index: str(index.name))
    if store.dialect == "sqlite":
        for index in missing:
            await _create(store, index)
    else:
        for outcome in await asyncio.gather(*(_create(store, index) for index in missing), return_exceptions=True):
            if outcome is not None:
                raise outcome
    return [str(index.name) for index in missing]


async def _create(store: Store, index: Index) -> None:
    async with store.begin() as work:
        if not work.is_sqlite:
            await work.session.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
            await work.session.execute(text("SET LOCAL max_parallel_maintenance_workers = 0"))
        await work.session.execute(CreateIndex(index, if_not_exists=True))


async def _missing(work: Work) -> set[Index]:
    connection = await work.session.connection()
    present = await connection.run_sync(
        lambda sync: {found["name"] for found in inspect(sync).get_indexes(TransferRow.__tablename__)}
    )
    return {index for index in _indexes() if index.name not in present}


def _indexes() -> Iterable[Index]:
    table = TransferRow.__table__  # type: ignore[attr-defined]
    return {index for index in table.indexes if not index.unique}
