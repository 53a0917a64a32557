"""A part of a unit of work that may fail alone: what it wrote is undone, the rest commits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError

from community.errors import CommunityError
from community.store.unit_of_work import Work, meaning_of


class RowRefused(CommunityError):
    """The database refused a row of this part: a value that it cannot hold, or a rule of the books broken."""


@asynccontextmanager
async def savepoint(work: Work) -> AsyncIterator[None]:
    """Undo what the block wrote if it raises.

    Raises RowRefused where the schema refused a row, and StoreUnavailable where the database itself failed: then the
    whole unit of work is lost and must be tried again.
    """
    try:
        async with work.session.begin_nested():
            yield
    except DBAPIError as error:
        meaning = meaning_of(error)
        if meaning is not None:
            raise meaning from error
        raise RowRefused(f"The database refused a row: {error.orig}") from error
