"""The signer behind real brokers: it answers, refuses in a sentence, and goes on after anything it is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from community.chain.signature_requests import (
    FRESH_S,
    RefusedReply,
    SignedReply,
    parse_reply,
    reply_topic,
    request_topic,
    sign_request,
)
from community.chain.signed_transactions import read_signed
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.runtime.system_clock import SystemClock
from settlement.signature_broker import BrokeredSigner, SignerSilent
from signer.mqtt_door import MqttDoor
from tests.support.brokers import start_amqtt, start_mosquitto
from tests.support.sending_device import NOON, StandingClock
from tests.support.signing_plant import SigningPlant

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=["amqtt", "mosquitto"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MqttAddress]:
    folder = tmp_path / "broker"
    folder.mkdir()
    async with start_mosquitto(folder) if request.param == "mosquitto" else start_amqtt() as broker:
        yield broker.address


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[SigningPlant]:
    folder = tmp_path / "signer"
    folder.mkdir()
    plant = SigningPlant(folder)
    yield plant
    plant.journal.close()


class Rooms:
    """A door and requesters on one broker, all stopped at the end."""

    def __init__(self, address: MqttAddress, plant: SigningPlant, stack: AsyncExitStack) -> None:
        self.address, self.plant, self.stack = address, plant, stack

    async def open_door(self) -> None:
        stop = asyncio.Event()
        door = MqttDoor(self.address, "signer", self.plant.signer, StandingClock(NOON.replace(hour=20)))
        task = asyncio.create_task(door.run(stop))

        async def close() -> None:
            stop.set()
            await task

        self.stack.push_async_callback(close)

    async def requester(self, key: Ed25519PrivateKey | None = None, timeout_s: float = 10) -> BrokeredSigner:
        asker = BrokeredSigner(self.address, "signer", "settlement", key or self.plant.requester, timeout_s)
        await asker.start()
        self.stack.push_async_callback(asker.stop)
        return asker


@pytest.fixture
async def rooms(address: MqttAddress, plant: SigningPlant) -> AsyncIterator[Rooms]:
    async with AsyncExitStack() as stack:
        yield Rooms(address, plant, stack)


async def test_a_signature_a_refusal_and_a_signature_again(rooms: Rooms) -> None:
    await rooms.open_door()
    asker = await rooms.requester()
    plant = rooms.plant
    good = plant.request(500, after=1)
    signed = await asker.ask(good)
    assert isinstance(signed, SignedReply) and read_signed(signed.raw).sender == plant.signer.address
    refused = await asker.ask(plant.request(900, from_wh=500, after=2, nonce=1, config=plant.config((1, 1, 998))))
    assert isinstance(refused, RefusedReply) and "is not pinned" in refused.reason
    assert await asker.ask(good) == signed
    second_intent = await asker.ask(plant.request(901, from_wh=500, after=2, nonce=0))
    assert isinstance(second_intent, RefusedReply) and "Nonce 0 is bound" in second_intent.reason
    assert isinstance(await asker.ask(plant.request(902, from_wh=500, after=2, nonce=1)), SignedReply)


async def test_strangers_and_nonsense_do_not_stop_it(rooms: Rooms) -> None:
    await rooms.open_door()
    asker = await rooms.requester()
    nonsense = MqttConnection(rooms.address, "stranger")
    await nonsense.start()
    for message in (b"", b"{}", b"\xff" * 1000, b"[" * 5000):
        await nonsense.publish(request_topic("signer"), message)
    await nonsense.stop()
    good = rooms.plant.request(500, after=1)
    stranger = BrokeredSigner(rooms.address, "signer", "other", Ed25519PrivateKey.generate(), 10)
    await stranger.start()
    refused = await stranger.ask(replace(good, requester="other"))
    await stranger.stop()
    assert isinstance(refused, RefusedReply) and "not signed by a requester" in refused.reason
    assert isinstance(await asker.ask(good), SignedReply)


async def test_a_request_that_was_kept_and_sent_later_is_not_answered(rooms: Rooms) -> None:
    await rooms.open_door()
    asker = await rooms.requester()
    good = rooms.plant.request(500, after=1)
    heard: list[Message] = []

    async def hear(message: Message) -> None:
        heard.append(message)

    keeper = MqttConnection(rooms.address, "keeper", subscriptions={reply_topic("settlement"): hear})
    await keeper.start()
    old = sign_request(good, rooms.plant.requester, int(SystemClock().now().timestamp()) - FRESH_S - 5)
    await keeper.publish(request_topic("signer"), old)
    other = replace(good, id="fresh")
    assert isinstance(await asker.ask(other), SignedReply)
    async with asyncio.timeout(10):
        while not heard:
            await asyncio.sleep(0.01)
    await keeper.stop()
    assert {parse_reply(message.payload).id for message in heard} == {"fresh"}


async def test_many_at_once_are_each_answered(rooms: Rooms) -> None:
    await rooms.open_door()
    asker = await rooms.requester()
    good = rooms.plant.request(500, after=1)
    attempts = [replace(good, id=f"attempt-{n}", max_fee=good.max_fee + n) for n in range(6)]
    replies = await asyncio.gather(*(asker.ask(one) for one in attempts))
    assert [reply.id for reply in replies] == [one.id for one in attempts]
    assert len({reply.tx_hash for reply in replies if isinstance(reply, SignedReply)}) == 6


async def test_nobody_listening_is_said(rooms: Rooms) -> None:
    asker = await rooms.requester(timeout_s=1)
    with pytest.raises(SignerSilent, match="Is it running"):
        await asker.ask(rooms.plant.request(500, after=1))
