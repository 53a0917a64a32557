"""Fixtures that any test may ask for: real stores on both databases."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from community.store.unit_of_work import Store
from tests.support.stores import BACKENDS, new_postgres_url, new_sqlite_url, opened
from tests.support.tokens import SoftToken, soft_token, softhsm_module
from tools.private_postgres import PrivatePostgres, private_postgres

USUAL_LIMIT_S = 120.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the long tests too: full sizes, many seeds")
    parser.addoption(
        "--demo", metavar="ADDRESS", help="look at the demo that runs in .demo at this address, and start none"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out, and count them as deselected, unless they are asked for.

    The files of tests that ask for more time than others come first: at the end no worker waits for one of them.
    """
    slow = {item.path for item in items if _time_limit_s(item) > USUAL_LIMIT_S}
    items.sort(key=lambda item: item.path not in slow)
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if not item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)


def _time_limit_s(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark is not None and mark.args and not item.get_closest_marker("long") else 0.0


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PrivatePostgres]:
    """One private PostgreSQL server a session, started when the first test asks for it."""
    with private_postgres() as server:
        yield server


@pytest.fixture(params=BACKENDS)
async def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh database at the newest revision: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        return await new_sqlite_url(tmp_path)
    return await new_postgres_url(request.getfixturevalue("postgres_server"))


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """A fresh store: once on SQLite, once on PostgreSQL."""
    async with opened(store_url) as open_store:
        yield open_store


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[Store]:
    """A fresh store on SQLite only, for tests whose subject is not the database."""
    async with opened(await new_sqlite_url(tmp_path)) as open_store:
        yield open_store


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    """A software token for the session: the module reads its configuration once in a process."""
    if softhsm_module() is None:
        pytest.fail("SoftHSM2 is not installed: run `make test`, or install the package softhsm2")
    with soft_token(tmp_path_factory.mktemp("softhsm")) as ready:
        yield ready
