"""Up to where a source that is asked again and again was read, by its own clock: a process that starts goes on from there."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from community.store.tables.repairing import PollPositionRow
from community.store.unit_of_work import Store
from community.store.upserts import upsert


class PollPosition:
    """The position of one source, by its name."""

    def __init__(self, store: Store, source: str) -> None:
        self._store = store
        self._source = source

    async def load(self) -> datetime | None:
        """Up to when everything was read; None where nothing ever was. Raises StoreUnavailable."""
        row = PollPositionRow
        async with self._store.read() as work:
            found = await work.session.execute(select(col(row.asked_to)).where(col(row.source) == self._source))
            return found.scalar_one_or_none()

    async def save(self, read_to: datetime) -> None:
        """All that the source received until then has been taken in. Raises StoreUnavailable."""
        async with self._store.begin() as work:
            await upsert(work, PollPositionRow, {"source": self._source, "asked_to": read_to}, ["source"])
