"""Writers of one SQLite file go one after the other, over processes too, and one that died holds nobody up."""

import asyncio
import sys
from pathlib import Path

import pytest

from community.store.turns import turn_at
from community.store.unit_of_work import StoreUnavailable

LATE = StoreUnavailable("late")
HOLDER = """import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
print(1, flush=True)
sys.stdin.read()"""


async def test_one_after_the_other(tmp_path: Path) -> None:
    inside, order = 0, []

    async def write(number: int) -> None:
        nonlocal inside
        async with turn_at(f"{tmp_path}/books.db", 30, LATE):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1
            order.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(write(number))
    assert sorted(order) == list(range(20))


async def test_a_turn_ends_with_its_process(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    turn = f"{tmp_path}/books.db-turn"
    holder = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", HOLDER, turn, stdin=pipe, stdout=pipe)
    assert holder.stdout is not None
    await holder.stdout.readline()
    with pytest.raises(StoreUnavailable):
        async with turn_at(f"{tmp_path}/books.db", 0.01, LATE):
            pass
    holder.kill()
    async with turn_at(f"{tmp_path}/books.db", 30, LATE):
        await holder.wait()


@pytest.mark.parametrize("database", [None, "", ":memory:", "/no/such/folder/books.db"])
async def test_where_there_is_no_file_there_is_no_queue(database: str | None) -> None:
    async with turn_at(database, 0, LATE), turn_at(database, 0, LATE):
        pass
