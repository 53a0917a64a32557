"""MQTT 3.1.1 and 5 over gmqtt: acknowledge after the handler, publish until acknowledged, reconnect for ever.

One gmqtt client serves exactly one network connection. gmqtt's own reconnect keeps one client over many, and a handler
that outlives its connection would then send its PUBACK into the next one, where the packet id may name another message.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal
from urllib.parse import urlsplit

import gmqtt
import structlog

from community.clients.mqtt_acknowledgements import Gathering, GroupHandler, Message, PubackLedger
from community.clients.mqtt_topics import topic_matches
from community.errors import FatalError, RetryableError

__all__ = ["BrokerUnavailable", "Handler", "Message", "MqttAddress", "MqttConnection"]

log = structlog.get_logger(__name__)

KEEPALIVE_S = 30
RECONNECT_DELAYS_S = (0.1, 0.3, 1.0, 3.0, 10.0)
# A gmqtt counter of failures is never at or below this: its own reconnect stays off.
_NO_RECONNECT = -2
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_REFUSED = 0x80
_PUBLISH = 0x30
MQTT_5 = 5
_gmqtt_log = logging.getLogger("community.clients.mqtt.gmqtt")
_gmqtt_log.setLevel(logging.CRITICAL)  # every event of the connection is logged here, once, with names of our own
# It warns of every acknowledgement that comes too late for its connection: the broker simply delivers again.
logging.getLogger("gmqtt.mqtt.protocol").setLevel(logging.ERROR)


class BrokerUnavailable(RetryableError):
    """The broker did not answer, refused the connection, or did not acknowledge in time."""


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """Where a broker is and how to enter it. Raises FatalError for a URL that names no broker.

    Version 4 (MQTT 3.1.1) is what The Things Stack and the embedded broker speak; 5 is what Mosquitto 2 speaks.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    version: Literal[4, 5] = 5

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
            raise FatalError(f"{self.url!r} is no broker address; use mqtt://host:port or mqtts://host:port")
        if (self.cert_file is None) != (self.key_file is None):
            raise FatalError("A client certificate and its key belong together: give both files or none")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    def tls(self) -> ssl.SSLContext | bool:
        """A verifying TLS context for mqtts, False for mqtt. Raises FatalError if a file cannot be read."""
        if urlsplit(self.url).scheme != "mqtts":
            return False
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise FatalError(f"A certificate file for {self.url} cannot be used: {error}") from error
        return context


Handler = Callable[[Message], Awaitable[None]]


class _Link:
    """One network connection: its gmqtt client, and the event that it is gone."""

    def __init__(self, client: gmqtt.Client, ledger: PubackLedger) -> None:
        self.client = client
        self.ledger = ledger
        self.closed = asyncio.Event()
        self.subscribed = asyncio.Event()
        self.refused: str | None = None
        self.gathering: Gathering | None = None
        self.properties: Mapping[str, Any] = {}

    def lose(self) -> None:
        """The connection has ended, or is to: whoever waits for anything of it learns so."""
        self.closed.set()
        self.ledger.give_up()


class MqttConnection:
    """A lasting connection to one broker.

    `subscriptions` maps topic filters to handlers. PUBACK goes out when the handler has returned; if it raises, the
    message stays unacknowledged until the next connection and takes one place of `receive_maximum`: handlers must be
    total. Handlers of several messages run at the same time. With `group_handler` every message goes there instead,
    together with those that arrived with it, and those are acknowledged together of which it says that they may be:
    tens of thousands a second.

    With `shared_as` the subscriptions are shared with all clients of that name (MQTT 5 4.8.2), where the broker has it.
    """

    def __init__(  # noqa: PLR0913 - one argument per property of the MQTT session, most with the right default
        self,
        address: MqttAddress,
        client_id: str,
        *,
        subscriptions: Mapping[str, Handler] | None = None,
        subscription_qos: int = 1,
        clean_start: bool = False,
        session_expiry_s: int = 604800,
        receive_maximum: int = 200,
        will: tuple[str, bytes, bool] | None = None,
        on_ready: Callable[[], None] | None = None,
        group_handler: GroupHandler | None = None,
        shared_as: str | None = None,
    ) -> None:
        self.address = address
        self.client_id = client_id
        self._subscriptions = dict(subscriptions or {})
        self._subscription_qos = subscription_qos
        self._clean_start = clean_start
        self._properties = {"session_expiry_interval": session_expiry_s, "receive_maximum": receive_maximum}
        self._will = will
        self._on_ready = on_ready
        self._group_handler = group_handler
        self._shared_as = shared_as if address.version == MQTT_5 else None
        self.shares = False
        self._link: _Link | None = None
        self._ready = asyncio.Event()
        self._stopped = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._failure = "no answer"

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and every subscription."""
        return self._ready.is_set()

    async def start(self, timeout_s: float = 10.0) -> None:
        """Connect, subscribe, and stay connected until `stop`. Raises BrokerUnavailable, FatalError."""
        self.address.tls()
        self._stopped.clear()
        self._supervisor = asyncio.create_task(self._supervise(timeout_s), name=f"mqtt-{self.client_id}")
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            await self.stop()
            raise BrokerUnavailable(
                f"The MQTT broker at {self.address.url} cannot be used ({self._failure}). Is it running, and is its MQTT"
                " version, user and password right?"
            ) from None

    async def stop(self) -> None:
        """Disconnect. Messages whose handlers still run stay unacknowledged and come again next time."""
        self._stopped.set()
        self._ready.clear()
        if self._link is not None:
            self._link.lose()
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None

    async def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 1,
        retain: bool = False,
        content_type: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """Send until the broker has acknowledged (QoS 1) or the bytes are written (QoS 0). Raises BrokerUnavailable.

        A broken connection sends it again, so a receiver may see it twice. A broker that refuses the topic
        acknowledges all the same: gmqtt does not show the reason code.
        """
        properties = {} if content_type is None else {"content_type": content_type}
        message = gmqtt.Message(topic, payload, qos=qos, retain=retain, **properties)
        try:
            async with asyncio.timeout(timeout_s):
                while not await self._publish_once(message):
                    pass
        except TimeoutError:
            raise BrokerUnavailable(
                f"The broker at {self.address.url} did not take a message in {timeout_s:g} s"
            ) from None

    async def _publish_once(self, message: gmqtt.Message) -> bool:
        if not self._ready.is_set():
            await _first_of(self._ready, self._stopped)
        if self._stopped.is_set():
            raise BrokerUnavailable(f"the connection to {self.address.url} was stopped")
        link = self._link
        if link is None or link.closed.is_set():
            await asyncio.sleep(0.01)  # the supervisor is between two connections
            return False
        link.ledger.room.clear()
        try:
            link.client.publish(message)
        except OverflowError:  # the broker's Receive Maximum is reached: wait for one acknowledgement
            await _first_of(link.ledger.room, link.closed)
            return False
        acknowledged = link.ledger.newest
        return message.qos == 0 or acknowledged is None or await acknowledged

    async def _supervise(self, connect_timeout_s: float) -> None:
        failures = 0
        while not self._stopped.is_set():
            try:
                link = await self._open_link(connect_timeout_s)
            except BrokerUnavailable as error:
                self._failure = str(error)
                delay_s = RECONNECT_DELAYS_S[min(failures, len(RECONNECT_DELAYS_S) - 1)]
                log.warning("broker_unavailable", broker=self.address.url, reason=str(error), retry_s=delay_s)
                failures += 1
                await asyncio.sleep(delay_s)
                continue
            failures = 0
            self._link = link
            self._ready.set()
            log.info("broker_connected", broker=self.address.url, client_id=self.client_id)
            if self._on_ready is not None:
                self._on_ready()
            try:
                await link.closed.wait()
            finally:
                self._ready.clear()
                self._link = None
                await _close(link)
            log.warning("broker_connection_lost", broker=self.address.url, client_id=self.client_id)
            await asyncio.sleep(RECONNECT_DELAYS_S[0])  # a broker that accepts and closes at once is not hammered

    async def _open_link(self, timeout_s: float) -> _Link:
        link = self._new_link()
        try:
            async with asyncio.timeout(timeout_s):
                await link.client.connect(
                    self.address.host,
                    self.address.port,
                    ssl=self.address.tls(),
                    keepalive=KEEPALIVE_S,
                    version=self.address.version,
                )
                if self._subscriptions:
                    self._subscribe(link)
                    await _first_of(link.subscribed, link.closed)
        except TimeoutError:
            await _close(link)
            raise BrokerUnavailable("it did not answer in time") from None
        except (OSError, gmqtt.MQTTConnectError) as error:
            await _close(link)
            raise BrokerUnavailable(str(error)) from error
        except asyncio.CancelledError:
            await _close(link)
            raise
        if link.refused is not None or link.closed.is_set():
            await _close(link)
            raise BrokerUnavailable(link.refused or "it closed the connection")
        return link

    def _subscribe(self, link: _Link) -> None:
        # a broker says so only if it has none (MQTT 5 3.2.2.3.13)
        self.shares = self._shared_as is not None and link.properties.get("shared_subscription_available") != [0]
        shared = [f"$share/{self._shared_as}/{topic}" for topic in self._subscriptions]
        wanted, other = (shared, list(self._subscriptions)) if self.shares else (list(self._subscriptions), shared)
        if self._shared_as is not None and not self._clean_start:
            for topic in other:  # a session from before would deliver each message twice
                link.client.unsubscribe(topic)
        link.client.subscribe([gmqtt.Subscription(topic, qos=self._subscription_qos) for topic in wanted])

    def _new_link(self) -> _Link:
        ledger = PubackLedger()
        will = None
        if self._will is not None:
            topic, payload, retain = self._will
            will = gmqtt.Message(topic, payload, qos=1, retain=retain)
        client = gmqtt.Client(
            self.client_id,
            clean_session=self._clean_start,
            optimistic_acknowledgement=False,
            will_message=will,
            persistent_storage=ledger,
            logger=_gmqtt_log,
            **self._properties,
        )
        client.set_config({"reconnect_retries": _NO_RECONNECT})
        if self.address.username is not None:
            client.set_auth_credentials(self.address.username, self.address.password)
        link = _Link(client, ledger)

        async def on_message(_client: gmqtt.Client, topic: str, payload: bytes, _qos: int, properties: Any) -> int:
            return await self._handle(link, Message(topic, bytes(payload), properties))

        def on_subscribe(_client: gmqtt.Client, _mid: int, granted: tuple[int, ...], _properties: Any) -> None:
            refused = [topic for topic, qos in zip(self._subscriptions, granted, strict=False) if qos >= _REFUSED]
            if refused:
                link.refused = f"it refuses the subscription to {', '.join(refused)}"
            link.subscribed.set()

        def on_connect(_client: gmqtt.Client, _flags: int, _result: int, properties: Mapping[str, Any]) -> None:
            link.properties = properties

        def on_disconnect(_client: gmqtt.Client, *_reason: Any) -> None:
            link.lose()

        if self._group_handler is not None:
            link.gathering = Gathering(self._wanted_only, partial(_write, client), self.address.version)
            client._package_handler._handler_cache[_PUBLISH] = link.gathering.take
        client.on_message = on_message
        client.on_subscribe = on_subscribe
        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        return link

    async def _wanted_only(self, messages: Sequence[Message]) -> Sequence[bool]:
        """Give the group handler what was subscribed to. The rest is for nobody here, and is acknowledged."""
        assert self._group_handler is not None
        wanted = [self._handler_of(message) is not None for message in messages]
        if all(wanted):
            return await self._group_handler(messages)
        asked_for = [message for message, is_wanted in zip(messages, wanted, strict=True) if is_wanted]
        answers = iter(await self._group_handler(asked_for) if asked_for else ())
        return [next(answers) if is_wanted else True for is_wanted in wanted]

    def _handler_of(self, message: Message) -> Handler | None:
        return next((take for name, take in self._subscriptions.items() if topic_matches(name, message.topic)), None)

    async def _handle(self, link: _Link, message: Message) -> int:
        handler = self._handler_of(message)
        try:
            if handler is None:  # of an earlier subscription of this session, or amqtt's retained ones: nobody wants it
                log.debug("message_without_handler", topic=message.topic)
            else:
                await handler(message)
        except asyncio.CancelledError:
            if link.closed.is_set():
                return 0  # nothing is written to a closed connection
            raise
        except Exception:
            log.exception("message_handler_failed", topic=message.topic)
            await link.closed.wait()  # never acknowledged on this connection; the broker delivers it again
        return 0


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _write(client: gmqtt.Client, octets: bytes) -> None:
    connection = client._connection  # there is no other door for acknowledgements of many messages
    if connection is not None and not connection.is_closing():
        connection.send_package(octets)


async def _close(link: _Link) -> None:
    link.lose()
    if link.gathering is not None:
        link.gathering.stop()
    with contextlib.suppress(OSError, RuntimeError, TimeoutError):
        async with asyncio.timeout(2):
            await link.client.disconnect()
