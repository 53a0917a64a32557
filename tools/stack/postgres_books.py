"""The books on PostgreSQL as an auditor reads them from outside: with his own SQL, over a connection of his own."""

import asyncio
import itertools
import re
from pathlib import Path
from typing import Any

import asyncpg

from standalone.audit import Books


class PostgresBooks(Books):
    """Like `Books`, over libpq's own parameters. Not to be called on the event loop."""

    def __init__(self, url: str) -> None:
        super().__init__(Path())
        self._url = url

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of one query; `?` stands for a parameter."""
        numbers = itertools.count(1)
        numbered = re.sub(r"\?", lambda _: f"${next(numbers)}", sql)

        async def ask() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self._url)
            try:
                return [tuple(row) for row in await connection.fetch(numbered, *parameters)]
            finally:
                await connection.close()

        return asyncio.run(ask())
