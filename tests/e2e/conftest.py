"""Books with a plausible community, and the web application built for the tests that look at it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from community.store.unit_of_work import Store
from tests.support.running_api import GRAPHIQL, WEB
from tests.support.seeded_chain import Seeded
from tests.support.seeded_community import seed
from tests.support.stores import new_sqlite_url, opened

NOW = datetime(2026, 6, 15, 14, tzinfo=UTC)


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """The tests look at the application as it is built: `make test` does it."""
    for folder in (WEB, GRAPHIQL):
        assert (folder / "index.html").is_file(), f"{folder.name} is not built: python -m tools.prepare test"


@pytest.fixture
async def url(tmp_path: object) -> str:
    return await new_sqlite_url(tmp_path)  # type: ignore[arg-type]


@pytest.fixture
async def books(url: str) -> AsyncIterator[Store]:
    async with opened(url) as store:
        yield store


@pytest.fixture
async def seeded(books: Store) -> Seeded:
    return await seed(books, NOW, days=1)
