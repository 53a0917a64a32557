"""The MQTT connection against real brokers: Mosquitto (MQTT 5) and amqtt (MQTT 3.1.1)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from community.clients.mqtt import BrokerUnavailable, Message, MqttAddress, MqttConnection
from community.errors import FatalError
from tests.support.brokers import RunningBroker, free_port, start_amqtt, start_mosquitto

pytestmark = pytest.mark.timeout(60)


only_where_messages_are_redelivered = pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
"""amqtt drops what was under way when the connection broke; over it the device's own resending is the guarantee."""


@pytest_asyncio.fixture(params=["mosquitto", "amqtt"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningBroker]:
    if request.param == "amqtt":
        async with start_amqtt() as running:
            yield running
        return
    async with start_mosquitto(tmp_path) as mosquitto:
        yield mosquitto


class Recorder:
    """A handler that notes what it saw, and can hold its return back."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.may_return = asyncio.Event()
        self.may_return.set()

    async def __call__(self, message: Message) -> None:
        self.payloads.append(message.payload)
        await self.may_return.wait()


async def until(condition: Callable[[], bool], deadline_s: float = 15) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_published_message_reaches_its_handler(broker: RunningBroker) -> None:
    seen = Recorder()
    receiver = MqttConnection(broker.address, "receiver", subscriptions={"ec/v1/+/up": seen})
    sender = MqttConnection(broker.address, "sender")
    await receiver.start()
    await sender.start()
    await sender.publish("ec/v1/aa/up", b"one", content_type="application/ecw1+cbor")
    await sender.publish("ec/v1/aa/status", b"not asked for")
    await sender.publish("ec/v1/bb/up", b"two")
    await until(lambda: len(seen.payloads) == 2)
    assert seen.payloads == [b"one", b"two"]
    assert receiver.connected and sender.connected
    await sender.stop()
    await receiver.stop()
    assert not receiver.connected


async def test_many_messages_in_flight_all_arrive_once(broker: RunningBroker) -> None:
    seen = Recorder()
    receiver = MqttConnection(broker.address, "receiver", subscriptions={"t/#": seen})
    sender = MqttConnection(broker.address, "sender")
    await receiver.start()
    await sender.start()
    # more than a default Mosquitto takes unacknowledged: the sender has to pace itself
    await asyncio.gather(*(sender.publish(f"t/{n}", b"%d" % n) for n in range(100)))
    await until(lambda: len(seen.payloads) == 100)
    assert sorted(map(int, seen.payloads)) == list(range(100))
    await sender.stop()
    await receiver.stop()


@only_where_messages_are_redelivered
async def test_no_acknowledgement_before_the_handler_returned(broker: RunningBroker) -> None:
    first, second = Recorder(), Recorder()
    first.may_return.clear()
    sender = MqttConnection(broker.address, "sender")
    await sender.start()
    receiver = MqttConnection(broker.address, "receiver", subscriptions={"t": first})
    await receiver.start()
    await sender.publish("t", b"unacknowledged")
    await until(lambda: len(first.payloads) == 1)
    await receiver.stop()  # the handler never returned: no PUBACK may have gone out
    again = MqttConnection(broker.address, "receiver", subscriptions={"t": second})
    await again.start()
    await until(lambda: second.payloads == [b"unacknowledged"])
    await again.stop()
    third = Recorder()  # now it was acknowledged: only what is new comes
    last = MqttConnection(broker.address, "receiver", subscriptions={"t": third})
    await last.start()
    await sender.publish("t", b"new")
    await until(lambda: len(third.payloads) >= 1)
    assert third.payloads == [b"new"]
    await last.stop()
    await sender.stop()


async def test_puback_waits_for_the_handler(broker: RunningBroker) -> None:
    """Seen from the wire: the link has written no PUBACK while the handler runs, and one after it."""
    seen = Recorder()
    seen.may_return.clear()
    receiver = MqttConnection(broker.address, "receiver", subscriptions={"t": seen})
    sender = MqttConnection(broker.address, "sender")
    await receiver.start()
    await sender.start()
    pubacks: list[int] = []
    link = receiver._link
    assert link is not None
    connection = link.client._connection
    send = connection.send_command_with_mid

    def note(command: int, mid: int, dup: bool, reason_code: int = 0) -> None:
        pubacks.append(mid)
        send(command, mid, dup, reason_code=reason_code)

    connection.send_command_with_mid = note
    await sender.publish("t", b"x")
    await until(lambda: seen.payloads == [b"x"])
    await asyncio.sleep(0.1)
    assert pubacks == []
    seen.may_return.set()
    await until(lambda: len(pubacks) == 1)
    await sender.stop()
    await receiver.stop()


async def test_what_came_while_it_was_away_is_delivered_later(broker: RunningBroker) -> None:
    before, after = Recorder(), Recorder()
    receiver = MqttConnection(broker.address, "receiver", subscriptions={"t": before})
    sender = MqttConnection(broker.address, "sender")
    await sender.start()
    await receiver.start()
    await receiver.stop()
    await sender.publish("t", b"one")
    await sender.publish("t", b"two")
    again = MqttConnection(broker.address, "receiver", subscriptions={"t": after})
    await again.start()
    await until(lambda: sorted(after.payloads) == [b"one", b"two"])
    assert before.payloads == []
    await again.stop()
    await sender.stop()


@only_where_messages_are_redelivered
async def test_a_handler_that_raises_leaves_its_message_unacknowledged(broker: RunningBroker) -> None:
    async def broken(_message: Message) -> None:
        raised.set()
        raise ValueError("broken handler")

    raised = asyncio.Event()
    sender = MqttConnection(broker.address, "sender")
    receiver = MqttConnection(broker.address, "receiver", subscriptions={"t": broken})
    await sender.start()
    await receiver.start()
    await sender.publish("t", b"poison")
    await asyncio.wait_for(raised.wait(), 10)
    await receiver.stop()
    seen = Recorder()
    again = MqttConnection(broker.address, "receiver", subscriptions={"t": seen})
    await again.start()
    await until(lambda: seen.payloads == [b"poison"])
    await again.stop()
    await sender.stop()


async def test_both_sides_come_back_after_the_broker_was_restarted(broker: RunningBroker) -> None:
    seen = Recorder()
    receiver = MqttConnection(broker.address, "receiver", subscriptions={"t": seen})
    sender = MqttConnection(broker.address, "sender")
    await receiver.start()
    await sender.start()
    await broker.stop()
    await until(lambda: not sender.connected and not receiver.connected)
    waiting = asyncio.create_task(sender.publish("t", b"while it was away"))
    await asyncio.sleep(0)
    await broker.start()
    await asyncio.wait_for(waiting, 20)  # acknowledged by the broker that came back
    await until(lambda: receiver.connected)
    await sender.publish("t", b"after")
    await until(lambda: b"after" in seen.payloads)
    await sender.stop()
    await receiver.stop()


async def test_publish_gives_up_after_its_deadline(broker: RunningBroker) -> None:
    sender = MqttConnection(broker.address, "sender")
    await sender.start()
    await broker.stop()
    await until(lambda: not sender.connected)
    with pytest.raises(BrokerUnavailable, match="did not take a message"):
        await sender.publish("t", b"lost", timeout_s=0.2)
    await sender.stop()


async def test_publish_does_not_outlive_a_stop(broker: RunningBroker) -> None:
    sender = MqttConnection(broker.address, "sender")
    await sender.start()
    await broker.stop()
    await until(lambda: not sender.connected)
    waiting = asyncio.create_task(sender.publish("t", b"lost"))
    await asyncio.sleep(0.05)
    await sender.stop()
    with pytest.raises(BrokerUnavailable, match="was stopped"):
        await asyncio.wait_for(waiting, 2)


async def test_the_last_will_tells_others_that_a_client_vanished(broker: RunningBroker) -> None:
    seen = Recorder()
    watcher = MqttConnection(broker.address, "watcher", subscriptions={"d/+/status": seen})
    device = MqttConnection(broker.address, "device", will=("d/x/status", b"gone", True))
    await watcher.start()
    await device.start()
    link = device._link
    assert link is not None and link.client._connection is not None
    link.client._connection._transport.abort()  # no DISCONNECT: as if the cable was pulled
    await until(lambda: seen.payloads == [b"gone"])
    await device.stop()
    await watcher.stop()


async def test_a_group_holds_only_what_was_subscribed_to(broker: RunningBroker) -> None:
    """To a session that comes back amqtt sends the retained messages of everybody's subscriptions."""
    seen: list[tuple[str, bytes]] = []

    async def note(messages: Sequence[Message]) -> Sequence[bool]:
        seen.extend((message.topic, message.payload) for message in messages)
        return [True] * len(messages)

    statuses = Recorder()
    watcher = MqttConnection(broker.address, "watcher", subscriptions={"ec/v1/+/status": statuses})
    device = MqttConnection(broker.address, "device")
    await watcher.start()
    await device.start()
    await device.publish("ec/v1/aa/status", b"online", retain=True)
    for turn in range(2):
        receiver = MqttConnection(
            broker.address, "lasting", subscriptions={"ec/v1/+/up": Recorder()}, group_handler=note
        )
        await receiver.start()
        await device.publish("ec/v1/aa/up", b"%d" % turn)
        await until(lambda: len(seen) > turn)  # noqa: B023 - asked at once
        await receiver.stop()
    assert seen == [("ec/v1/aa/up", b"0"), ("ec/v1/aa/up", b"1")]
    for one in (watcher, device):
        await one.stop()


async def test_no_broker_is_one_clear_sentence() -> None:
    nobody = MqttConnection(MqttAddress(f"mqtt://127.0.0.1:{free_port()}"), "x")
    with pytest.raises(BrokerUnavailable, match="cannot be used"):
        await nobody.start(timeout_s=0.5)
    assert not nobody.connected


@pytest.mark.parametrize("url", ["http://h:1", "mqtt://", "127.0.0.1:1883", "mqtt://user:secret@h"])
def test_an_address_that_names_no_broker_is_refused(url: str) -> None:
    with pytest.raises(FatalError, match="no broker address"):
        MqttAddress(url)
