"""A part of a unit of work that may fail alone: what it wrote is undone, the rest commits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from community.errors import CommunityError
from community.store.unit_of_work import StoreUnavailable, Work


class RowRefused(CommunityError):
    """The schema refused a row of this part: a value out of range, or a rule of the books broken."""


@asynccontextmanager
async def savepoint(work: Work) -> AsyncIterator[None]:
    """Undo what the block wrote if it raises.

    Raises RowRefused where the schema refused a row, and StoreUnavailable where the database itself failed: then the
    whole unit of work is lost and must be tried again.
    """
    try:
        async with work.session.begin_nested():
            yield
    except (IntegrityError, DataError, ProgrammingError) as error:
        raise RowRefused(f"The database refused a row: {error.orig}") from error
    except DBAPIError as error:
        raise StoreUnavailable(f"The database failed in the middle of a unit of work: {error.orig}") from error
