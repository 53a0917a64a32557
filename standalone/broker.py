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
            await broker.shutdown()


if __name__ == "__main__":
    configure_logging("broker", level="WARNING")
    sys.exit(run_until_stopped(lambda: EmbeddedBroker(int(sys.argv[1]))))
