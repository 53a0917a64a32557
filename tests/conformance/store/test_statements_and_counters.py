"""Statements without a hole, message counters, frames and measurements, on SQLite and PostgreSQL."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from community.ids import digest_of
from community.store import frames, measurements, statements
from community.store.frames import Frame
from community.store.measurements import Measurement
from community.store.savepoints import RowRefused, savepoint
from community.store.statements import StoredStatement
from community.store.unit_of_work import Store, Work
from tests.support.sending_device import EXPORT, NOON, SendingDevice, register

FRAME = Frame("f" * 64, "device_broker", None, b"bytes", None, NOON)


def statement(ctr: int, content: bytes | None = None) -> StoredStatement:
    signed = content or b"statement %d" % ctr
    return StoredStatement(
        digest_of(signed), "dev-plant", "key-plant", 0, ctr, "ecw1", signed, NOON, 1, 1, FRAME.digest
    )


async def prepared(store: Store, *counters: int) -> None:
    await register(store, SendingDevice())
    async with store.begin() as work:
        await frames.keep_frame(work, FRAME, "admitted")
        for ctr in counters:
            assert await statements.add_statement(work, statement(ctr), NOON)


@pytest.mark.parametrize(
    ("counters", "known", "answer"),
    [
        ((), None, None),
        ((0,), None, 0),
        ((1, 2, 3), None, 3),
        ((0, 1, 2, 4, 5), None, 2),
        ((5, 4, 2, 1, 0), None, 2),
        ((0, 1, 2, 3), 2, 3),
        ((0, 1, 2, 4), 2, 2),
        ((5, 6), None, None),  # the first ones are still on their way: nothing may be forgotten
    ],
)
async def test_acknowledged_is_what_is_stored_without_a_hole(
    store: Store, counters: tuple[int, ...], known: int | None, answer: int | None
) -> None:
    await prepared(store, *counters)
    async with store.read() as work:
        assert await statements.contiguous_counter(work, "dev-plant", 0, known) == answer
        assert await statements.contiguous_counter(work, "dev-plant", 1) is None  # counters belong to a key


async def test_statements_with_one_counter_are_both_kept(store: Store) -> None:
    await prepared(store, 0)
    async with store.begin() as work:
        assert not await statements.add_statement(work, statement(0), NOON)
        assert await statements.add_statement(work, statement(0, b"another"), NOON + timedelta(seconds=1))
    async with store.read() as work:
        found = await statements.statements_with_counter(work, "dev-plant", 0, 0)
        assert [one.signed for one in found] == [b"statement 0", b"another"]
        assert await statements.contiguous_counter(work, "dev-plant", 0) == 0


async def test_down_counters_are_never_given_out_twice(store: Store) -> None:
    await prepared(store)
    given: list[int] = []
    for _start in range(3):  # three processes after each other, each dying with most of its block unused
        async with store.begin() as work:
            given += await frames.reserve_down_counters(work, "dev-plant", 0, 64)
    async with store.begin() as work:
        assert await frames.reserve_down_counters(work, "dev-plant", 1, 4) == range(4)  # another key generation
    assert given == list(range(192))
    async with store.read() as work:  # and they do not mix with what comes from the device
        assert await frames.newest_counter(work, "dev-plant", 0) is None


async def test_the_replay_window_forgets_what_it_refuses_anyway(store: Store) -> None:
    await prepared(store)
    async with store.begin() as work:
        for counter in (1, 2, 2000):
            assert await frames.mark_seen(work, "dev-plant", 0, counter)
        assert not await frames.mark_seen(work, "dev-plant", 0, 2)
        await frames.forget_old_counters(work, "dev-plant", 0, 2000)
        assert not await frames.message_seen(work, "dev-plant", 0, 2)
        assert await frames.message_seen(work, "dev-plant", 0, 2000)
        assert await frames.newest_counter(work, "dev-plant", 0) == 2000


async def measure(work: Work, quarter: int, register_wh: int) -> bool:
    at = NOON + quarter * timedelta(minutes=15)
    value = Measurement(
        f"meter-plant-{EXPORT}", "inst-plant", "dev-plant", at, register_wh, 0, 1, "DEVICE",
        statement(0).digest, 0, b"leaf", b"",
    )  # fmt: skip
    return await measurements.add_measurement(work, value, NOON)


async def test_a_measurement_stands_once_and_has_neighbours(store: Store) -> None:
    await prepared(store, 0)
    async with store.begin() as work:
        assert await measure(work, 0, 10) and await measure(work, 4, 40) and await measure(work, 2, 20)
        assert not await measure(work, 2, 21)  # the first one stays
    async with store.read() as work:
        known = await measurements.neighbours_of(work, f"meter-plant-{EXPORT}", NOON + timedelta(minutes=30))
        assert known.before is not None and known.same is not None and known.after is not None
        assert (known.before.register_wh, known.same.register_wh, known.after.register_wh) == (10, 20, 40)
        nobody = await measurements.neighbours_of(work, "no-register", NOON)
        assert (nobody.before, nobody.same, nobody.after) == (None, None, None)


@pytest.mark.parametrize("table", ["frame", "statement", "measurement"])
@pytest.mark.parametrize("change", ["DELETE", "UPDATE"])
async def test_what_is_recorded_cannot_be_changed(store: Store, table: str, change: str) -> None:
    await prepared(store, 0)
    async with store.begin() as work:
        await measure(work, 0, 10)
    column = {"frame": "digest", "statement": "frame_digest", "measurement": "statement_digest"}[table]
    sql = f"DELETE FROM {table}" if change == "DELETE" else f"UPDATE {table} SET {column} = 'x'"
    with pytest.raises(IntegrityError):
        async with store.begin() as work:
            await work.session.execute(text(sql))


async def failing_part(work: Work) -> None:
    async with savepoint(work):
        await frames.mark_seen(work, "dev-plant", 0, 2)
        await frames.mark_seen(work, "nobody", 0, 3)  # no such device: the foreign key refuses it


async def test_a_part_that_fails_is_undone_alone(store: Store) -> None:
    await prepared(store)
    async with store.begin() as work:
        await frames.mark_seen(work, "dev-plant", 0, 1)
        with pytest.raises(RowRefused, match="refused a row"):
            await failing_part(work)
        await frames.mark_seen(work, "dev-plant", 0, 4)
    async with store.read() as work:
        seen = [await frames.message_seen(work, "dev-plant", 0, counter) for counter in (1, 2, 4)]
    assert seen == [True, False, True]
