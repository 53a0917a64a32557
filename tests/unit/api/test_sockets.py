"""Sockets: a stuck one keeps only the newest of each stream, and nothing of one is left when it closes."""

import asyncio
import json
from typing import Any, cast

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from api.frames import frame_of
from api.live import Event
from api.plans.streaming import Rendered
from api.sockets import Serving, Socket, _Stream
from community.store.plans.marks import EVENT


class Network:
    """What a socket sends to; `room` says whether anything goes through."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.sent: list[Any] = []

    async def send(self, message: Any) -> None:
        await self.room.wait()
        self.sent.append(message)


def serving() -> Serving:
    nobody = cast("Any", None)
    return Serving(nobody, nobody, nobody, nobody, nobody, set())


def event(number: int) -> Event:
    return Event(number, Rendered(f'{{"balances":{{"cursor":"{EVENT}","n":{number}}}}}'.encode()))


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_a_stuck_socket_is_sent_the_newest_of_each_stream_once_it_can_take_it() -> None:
    network = Network()
    socket = Socket(serving(), network.send)
    streams = [_Stream(socket, f'"{name}"', "key_1") for name in ("a", "b")]
    for number in range(1, 6):
        for stream in streams:
            stream.offer(event(number))
        await asyncio.sleep(0)
    network.room.set()
    await until(lambda: len(network.sent) >= 3)
    frames = [json.loads(message["text"]) for message in network.sent]
    # the very first frame was on its way before the network got stuck
    assert [(each["id"], each["payload"]["data"]["balances"]["n"]) for each in frames] == [("a", 1), ("b", 5), ("a", 5)]
    assert frames[1]["payload"]["data"]["balances"]["cursor"] == "5"
    assert socket.conflated == 7


async def test_a_frame_is_written_at_once_unless_something_waits_before_it() -> None:
    network, written, takes = Network(), list[bytes](), True

    def write(frame: bytes) -> bool:
        if takes:
            written.append(frame)
        return takes

    socket = Socket(serving(), network.send, write)
    stream = _Stream(socket, '"a"', "key_1")
    stream.offer(event(1))
    assert written == [event(1).value.frame(1, '"a"').octets]
    takes = False
    stream.offer(event(2))
    takes = True
    stream.offer(event(3))  # the second waits still: what comes later must not come before it
    assert len(written) == 1 and not network.sent
    network.room.set()
    await until(lambda: socket._writing is None)
    assert [json.loads(each["text"])["payload"]["data"]["balances"]["n"] for each in network.sent] == [3]
    stream.offer(event(4))
    assert len(written) == 2


async def test_a_closed_socket_writes_no_frame() -> None:
    network, written = Network(), list[bytes]()
    network.room.set()
    socket = Socket(serving(), network.send, lambda frame: not written.append(frame))
    await socket.close(4403, "Forbidden")
    _Stream(socket, '"a"', "key_1").offer(event(1))
    assert written == []


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_is_what_a_client_reads_as_the_text(size: int) -> None:
    client = ClientProtocol(parse_uri("ws://localhost"), max_size=None, state=State.OPEN)
    text = "é" * (size // 2) + "a" * (size % 2)
    frame = frame_of(text)
    client.receive_data(frame.octets + frame_of("next").octets)
    first, second = client.events_received()
    assert isinstance(first, Frame) and isinstance(second, Frame)
    assert (first.opcode, first.fin, bytes(first.data).decode()) == (Opcode.TEXT, True, text)
    assert bytes(second.data) == b"next"


async def test_offering_to_a_stuck_socket_holds_up_nobody() -> None:
    stuck, quick = Network(), Network()
    quick.room.set()
    readers = [_Stream(Socket(serving(), network.send), '"1"', "key_1") for network in (stuck, quick)]
    for number in range(1, 4):
        for reader in readers:
            reader.offer(event(number))
        await until(lambda expected=number: len(quick.sent) == expected)
    assert stuck.sent == []


async def test_a_closed_socket_leaves_no_timer_and_no_task() -> None:
    network = Network()
    network.room.set()
    socket = Socket(serving(), network.send)
    heard = asyncio.Queue[Any]()
    serving_it = asyncio.create_task(socket.serve(heard.get))
    await until(lambda: network.sent)
    init = socket._init
    socket._expiry = expiry = asyncio.get_running_loop().call_later(3600, print)
    assert init is not None and not init.cancelled()
    heard.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await serving_it
    assert init.cancelled() and expiry.cancelled() and socket._writing is None
    assert asyncio.all_tasks() == {asyncio.current_task()}
