"""The embedded broker ends although one of its readers lost its cancellation, and leaves no connection open."""

import asyncio

import pytest

from community.clients.mqtt import MqttConnection
from tests.support.brokers import start_amqtt


async def test_a_reader_that_does_not_end_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_amqtt() as broker:
        connection = MqttConnection(broker.address, "stuck")
        await connection.start()
        assert broker._broker is not None
        ((_session, handler),) = broker._broker._sessions.values()
        real = handler._reader_task
        assert real is not None
        lost: list[str] = []

        class LosesOneCancellation:
            """As the task of Python 3.11 does when a packet comes in the same turn."""

            def done(self) -> bool:
                return real.done()

            def cancel(self) -> bool:
                if not lost:
                    lost.append("cancellation")
                    return True
                return real.cancel()

            def __await__(self):  # type: ignore[no-untyped-def]
                return real.__await__()

        monkeypatch.setattr("tests.support.brokers.SHUT_DOWN_LIMIT_S", 0.2)
        handler._reader_task = LosesOneCancellation()  # type: ignore[assignment]
        async with asyncio.timeout(20):
            await broker.stop()
        assert lost and real.done()
        await connection.stop()
