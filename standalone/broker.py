"""The embedded MQTT broker as a process: `python -m standalone.broker PORT`.

amqtt speaks MQTT 3.1.1 and keeps nothing over a restart. That is enough here because no delivery rests on the broker:
a device keeps its statements until ingest acknowledges them, and settlement asks the signer again.
"""

import asyncio
import sys

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig

from community.runtime.lifecycle import run_until_stopped
from community.runtime.logs import configure_logging


async def shut_down(broker: Broker, limit_s: float = 5.0) -> None:
    """Stop `broker`, and again for each session that does not end within `limit_s` seconds. Raises TimeoutError.

    amqtt 0.12 reads with `asyncio.wait_for`, which on Python 3.11 loses a cancellation that comes together with a packet;
    its shutdown then waits for that reader for ever. The next attempt leaves this session out; its connection is ended here.
    """
    connections = [(handler, handler.writer) for _session, handler in broker._sessions.values() if handler is not None]
    while True:
        try:
            async with asyncio.timeout(limit_s):
                await broker.shutdown()
        except TimeoutError:
            if broker.transitions.state != "started":
                raise  # every session is gone, and something else holds it up
            continue
        break
    for handler, writer in connections:
        if handler._reader_task is not None and not handler._reader_task.done():
            handler._reader_task.cancel()
            await asyncio.gather(handler._reader_task, return_exceptions=True)
        if writer is not None:
            writer._writer.transport.abort()
    await asyncio.sleep(0)  # what was ended is closed in the loop's next turn


class EmbeddedBroker:
    """One amqtt broker on the loopback interface. A user name is required, so that sessions belong to somebody."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set."""
        config = BrokerConfig.from_dict(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self._port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": False}},
            }
        )
        broker = Broker(config)
        await broker.start()
        try:
            await stop.wait()
        finally:
            await shut_down(broker)


if __name__ == "__main__":
    configure_logging("broker", level="WARNING")
    sys.exit(run_until_stopped(lambda: EmbeddedBroker(int(sys.argv[1]))))
