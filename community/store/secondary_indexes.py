"""The secondary indexes of the transfers: left out during a first load, because building them once is thrice as fast."""

from collections.abc import Iterable

from sqlalchemy import Index, inspect, select, text
from sqlalchemy.schema import CreateIndex, DropIndex
from sqlmodel import col

from community.store.tables.chain import TransferRow
from community.store.unit_of_work import Work


async def drop_for_first_load(work: Work) -> bool:
    """Drop them if no transfer is indexed yet; says whether it did."""
    if (await work.session.execute(select(col(TransferRow.chain_id)).limit(1))).first() is not None:
        return False
    missing = await _missing(work)
    for index in _indexes():
        if index not in missing:
            await work.session.execute(DropIndex(index))
    return True


async def create_missing(work: Work) -> list[str]:
    """Build those that are not there; their names. Readers go on meanwhile, other writers wait."""
    missing = sorted(await _missing(work), key=lambda index: str(index.name))
    if missing and not work.is_sqlite:
        await work.session.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
    for index in missing:
        await work.session.execute(CreateIndex(index))
    return [str(index.name) for index in missing]


async def _missing(work: Work) -> set[Index]:
    connection = await work.session.connection()
    present = await connection.run_sync(
        lambda sync: {found["name"] for found in inspect(sync).get_indexes(TransferRow.__tablename__)}
    )
    return {index for index in _indexes() if index.name not in present}


def _indexes() -> Iterable[Index]:
    table = TransferRow.__table__  # type: ignore[attr-defined]
    return {index for index in table.indexes if not index.unique}
