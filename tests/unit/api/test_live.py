"""The hub: one load for a group, the newest value for a stuck reader, resuming, revoked keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from api.live import CredentialEnded, Event, Hub, Watch
from community.errors import RetryableError
from community.store import outbox
from community.store.unit_of_work import Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BLOCKS = Watch(frozenset({"block"}))


@asynccontextmanager
async def following(hub: Hub) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(hub.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def change(store: Store, topic: str, subject: str = "1") -> None:
    async with store.begin() as work:
        await outbox.announce(work, topic, subject, NOW)


class Counted:
    """A state whose value is how often it was read."""

    def __init__(self) -> None:
        self.loads = 0
        self.fail_next = False

    async def __call__(self) -> int:
        if self.fail_next:
            self.fail_next = False
            raise RetryableError("the database is away")
        self.loads += 1
        return self.loads


async def next_of(stream: AsyncIterator[Event]) -> Event:
    return await asyncio.wait_for(anext(stream), 5)


async def until(condition: object) -> None:
    deadline = asyncio.get_running_loop().time() + 5
    while not condition():  # type: ignore[operator]
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.005)


async def test_first_state_comes_at_once_and_another_after_a_change(sqlite_store: Store) -> None:
    hub, state = Hub(sqlite_store, 0.01), Counted()
    async with following(hub):
        stream = hub.watch("k", BLOCKS, state, credential="key_1", after=None)
        assert (await next_of(stream)).value == 1
        await change(sqlite_store, "block")
        event = await next_of(stream)
        assert (event.value, event.cursor) == (2, 1)
        await stream.aclose()  # type: ignore[attr-defined]


async def test_a_group_loads_once_for_all_its_readers(sqlite_store: Store) -> None:
    hub, state = Hub(sqlite_store, 0.01), Counted()
    async with following(hub):
        streams = [hub.watch("k", BLOCKS, state, credential="key_1", after=None) for _ in range(5)]
        for stream in streams:
            await next_of(stream)
        before = state.loads
        await change(sqlite_store, "block")
        values = {(await next_of(stream)).value for stream in streams}
        assert values == {before + 1} and state.loads == before + 1
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]
        assert hub.reader_count == 0


async def test_a_stuck_reader_finds_only_the_newest_and_holds_nobody_up(sqlite_store: Store) -> None:
    hub, state = Hub(sqlite_store, 0.01), Counted()
    async with following(hub):
        stuck = hub.watch("k", BLOCKS, state, credential="key_1", after=None)
        quick = hub.watch("k", BLOCKS, state, credential="key_2", after=None)
        await next_of(stuck), await next_of(quick)
        for _ in range(5):
            await change(sqlite_store, "block")
            newest = await next_of(quick)
        assert (await next_of(stuck)) == newest
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stuck), 0.1)
        await quick.aclose()  # type: ignore[attr-defined]


async def test_other_topics_and_subjects_are_silent(sqlite_store: Store) -> None:
    hub, state = Hub(sqlite_store, 0.01), Counted()
    watch = Watch(frozenset({"measurement"}), "mp_1")
    async with following(hub):
        stream = hub.watch("k", watch, state, credential="key_1", after=None)
        await next_of(stream)
        await change(sqlite_store, "block")
        await change(sqlite_store, "measurement", "mp_2")
        await change(sqlite_store, "measurement", "mp_1")
        assert (await next_of(stream)).cursor == 3
        assert state.loads == 2
        await stream.aclose()  # type: ignore[attr-defined]


async def test_resuming_is_silent_unless_something_was_missed(sqlite_store: Store) -> None:
    hub, state = Hub(sqlite_store, 0.01), Counted()
    await change(sqlite_store, "block")
    async with following(hub):
        resumed = hub.watch("k", BLOCKS, state, credential="key_1", after=1)
        waiting = asyncio.create_task(anext(resumed))  # type: ignore[arg-type]
        await until(lambda: hub.reader_count == 1)
        await change(sqlite_store, "device")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.2)
        assert state.loads == 0
        await change(sqlite_store, "block")
        assert (await asyncio.wait_for(waiting, 5)).cursor >= 3
        missed = hub.watch("k", BLOCKS, state, credential="key_1", after=1)
        assert (await next_of(missed)).value == state.loads
        await resumed.aclose(), await missed.aclose()  # type: ignore[attr-defined]


async def test_a_change_before_the_follower_has_its_place_is_not_missed(sqlite_store: Store) -> None:
    hub, state = Hub(sqlite_store, 0.01), Counted()
    stream = hub.watch("k", BLOCKS, state, credential="key_1", after=None)
    first = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    await change(sqlite_store, "block")
    async with following(hub):
        assert (await asyncio.wait_for(first, 5)).cursor == 1
        await stream.aclose()  # type: ignore[attr-defined]


async def test_a_revoked_key_ends_its_streams_only(sqlite_store: Store) -> None:
    hub, state = Hub(sqlite_store, 0.01), Counted()
    async with following(hub):
        ended = hub.watch("k", BLOCKS, state, credential="key_1", after=None)
        stays = hub.watch("k", BLOCKS, state, credential="key_2", after=None)
        await next_of(ended), await next_of(stays)
        await change(sqlite_store, "credential_ended", "key_1")
        with pytest.raises(CredentialEnded):
            await next_of(ended)
        await change(sqlite_store, "block")
        assert (await next_of(stays)).value
        await stays.aclose()  # type: ignore[attr-defined]


async def test_a_credential_that_expires_ends_its_streams(sqlite_store: Store) -> None:
    hub, state = Hub(sqlite_store, 0.01), Counted()
    async with following(hub):
        stream = hub.watch("k", BLOCKS, state, credential="https://i.example#anna", after=None, ends_in_s=1)
        await next_of(stream)
        with pytest.raises(CredentialEnded):
            await next_of(stream)
        assert hub.reader_count == 0


async def test_a_change_is_not_lost_when_the_database_fails_while_it_is_loaded(sqlite_store: Store) -> None:
    hub, state = Hub(sqlite_store, 0.01), Counted()
    async with following(hub):
        stream = hub.watch("k", BLOCKS, state, credential="key_1", after=None)
        await next_of(stream)
        state.fail_next = True
        await change(sqlite_store, "block")
        assert (await next_of(stream)).value == 2
        assert not state.fail_next
        await stream.aclose()  # type: ignore[attr-defined]
