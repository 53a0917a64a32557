"""Messages that are not taken in are handed on again on the same connection, and acknowledged once they are."""

import asyncio
from collections.abc import Sequence

import pytest

from community.clients.mqtt_acknowledgements import Gathering, Message


class Handler:
    """Fails as often as it is told, then refuses the messages named, then takes everything."""

    def __init__(self, failures: int = 0, refused: Sequence[set[bytes]] = ()) -> None:
        self.failures = failures
        self.refused = list(refused)
        self.seen: list[list[bytes]] = []

    async def __call__(self, messages: Sequence[Message]) -> Sequence[bool]:
        self.seen.append([message.payload for message in messages])
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        refused = self.refused.pop(0) if self.refused else set()
        return [message.payload not in refused for message in messages]


def publish(mid: int, payload: bytes) -> bytes:
    return b"\x00\x01t" + mid.to_bytes(2) + b"\x00" + payload


async def until_acknowledged(handler: Handler, mids: set[int]) -> list[int]:
    acknowledged: list[int] = []
    done = asyncio.Event()

    def write(packets: bytes) -> None:
        acknowledged.extend(int.from_bytes(packets[at + 2 : at + 4]) for at in range(0, len(packets), 4))
        if set(acknowledged) == mids:
            done.set()

    gathering = Gathering(handler, write, 5, retry_delays_s=(0.0,))
    for mid in sorted(mids):
        gathering.take(0x32, publish(mid, b"m%d" % mid))
    async with asyncio.timeout(20):
        await done.wait()
    gathering.stop()
    return acknowledged


@pytest.mark.filterwarnings("error")
async def test_a_group_that_fails_is_handed_on_again() -> None:
    handler = Handler(failures=3)
    assert await until_acknowledged(handler, {1, 2}) == [1, 2]
    assert handler.seen == [[b"m1", b"m2"]] * 4


async def test_only_what_was_not_taken_is_handed_on_again() -> None:
    handler = Handler(refused=[{b"m2"}, {b"m2"}])
    assert await until_acknowledged(handler, {1, 2, 3}) == [1, 3, 2]
    assert handler.seen == [[b"m1", b"m2", b"m3"], [b"m2"], [b"m2"]]


async def test_the_end_of_the_connection_ends_it() -> None:
    handler = Handler(failures=10**9)
    written: list[bytes] = []
    gathering = Gathering(handler, written.append, 5, retry_delays_s=(0.0,))
    gathering.take(0x32, publish(1, b"m1"))
    async with asyncio.timeout(20):
        while len(handler.seen) < 3:
            await asyncio.sleep(0)
    gathering.stop()
    await asyncio.sleep(0)
    seen = len(handler.seen)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(handler.seen) == seen
    assert written == []
