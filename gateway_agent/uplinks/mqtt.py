"""Statements over MQTT: sealed, sent until the backend (not only the broker) says it has them (wire-format 2.5)."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from functools import partial

import structlog

from community.attestation.device_message import BackendMessage, MalformedMessage, parse_down
from community.attestation.sealing import Direction, SealBroken, open_message, seal_message
from community.attestation.statement import SlotReading
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.errors import RetryableError
from gateway_agent import FIRMWARE_VERSION, failpoints
from gateway_agent.failpoints import Failpoint
from gateway_agent.secure_element.signer import Signer, SignerUnavailable
from gateway_agent.spool import Spool, SpooledStatement, SpoolFull
from gateway_agent.statements import DeviceIdentity, group_waiting, sign_statement, up_plaintext
from gateway_agent.uplinks.attempts import Attempts

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/ecw1+cbor"
IN_FLIGHT_MAX = 16
"""Statements published at once: below the Receive Maximum of a broker with default settings."""
_IDLE_S = 60.0
SIGNER_RETRY_S = 5.0


class MqttUplink:
    """Signs what waits in the spool and sends it. `wake` after adding a reading."""

    def __init__(
        self,
        address: MqttAddress,
        identity: DeviceIdentity,
        signer: Signer,
        spool: Spool,
        *,
        development_key: bool,
        resend_after_s: float = 10.0,
        failpoint: Failpoint = failpoints.none,
    ) -> None:
        self._identity = identity
        self._signer = signer
        self._spool = spool
        self._attempts = Attempts(resend_after_s)
        self._development_key = development_key
        self._asking = False
        self._failpoint = failpoint
        self._something_new = asyncio.Event()
        self._connected_anew = True
        self._published_status: bytes | None = None
        self._topic = f"ec/v1/{identity.eui_text}"
        self._connection = MqttConnection(
            address,
            identity.eui_text,
            subscriptions={f"{self._topic}/down": self._take_down},
            will=(f"{self._topic}/status", b'{"online":false}', True),
            on_ready=self._on_ready,
        )

    def wake(self) -> None:
        """There is a new reading."""
        self._something_new.set()

    def ask_before_signing(self) -> None:
        """Sign nothing until the backend has said which statement it knows (see Spool.resume)."""
        self._asking = True

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`. A broker that is away is tried again for ever; the spool holds what waits."""
        stopped = asyncio.create_task(stop.wait())
        sending = asyncio.create_task(self._send_for_ever())
        try:
            await asyncio.wait({stopped, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            stopped.cancel()
            sending.cancel()
            await asyncio.gather(stopped, sending, return_exceptions=True)
            await self._say_goodbye()

    async def _send_for_ever(self) -> None:
        while True:
            try:
                await self._connection.start()
                break
            except RetryableError as error:
                log.warning("uplink_waits_for_broker", reason=str(error))
        while True:
            self._something_new.clear()
            try:
                if self._asking:
                    await self._ask_for_counter()
                else:
                    self._sign_waiting()
                await self._send_due()
                await self._publish_status()
            except SignerUnavailable as error:
                log.warning("signer_unavailable", reason=str(error), retry_s=SIGNER_RETRY_S)
                await asyncio.sleep(SIGNER_RETRY_S)
                continue
            except RetryableError as error:
                log.warning("uplink_failed", reason=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._something_new.wait()

    def _sign_waiting(self) -> None:
        """Readings become statements only while the broker is there: after an outage they share signatures."""
        if not self._connection.connected:
            return
        for group in group_waiting(self._spool.unsigned_readings()):
            ctr = self._spool.add_statement(group, partial(self._signed, group), development_key=self._development_key)
            log.info("statement_signed", ctr=ctr, first_slot=group[0].slot, count=len(group))

    async def _ask_for_counter(self) -> None:
        """Send the newest statement once more: the backend answers to a repeat with the counter it has."""
        newest = self._spool.newest_statement()
        if newest is None:
            self._asking = False
            self._something_new.set()
            return
        if self._connection.connected and self._attempts.is_due(newest.ctr, asyncio.get_running_loop().time()):
            log.info("statement_counter_asked", ctr=newest.ctr)
            await self._send(newest)

    def _signed(self, readings: Sequence[SlotReading], ctr: int) -> bytes:
        return up_plaintext(sign_statement(self._identity, self._signer, ctr, readings))

    async def _send_due(self) -> None:
        now_s = asyncio.get_running_loop().time()
        due = [each for each in self._spool.unacknowledged() if self._attempts.is_due(each.ctr, now_s)]
        for at in range(0, len(due), IN_FLIGHT_MAX):
            batch = due[at : at + IN_FLIGHT_MAX]
            outcomes = await asyncio.gather(*(self._send(each) for each in batch), return_exceptions=True)
            for failure in outcomes:
                if failure is not None:
                    raise failure

    async def _send(self, statement: SpooledStatement) -> None:
        counter = self._spool.reserve_message_counter()
        sealed = seal_message(
            self._identity.secret,
            self._identity.eui,
            self._identity.key_generation,
            Direction.UP,
            counter,
            statement.plaintext,
        )
        self._attempts.sent(statement.ctr, asyncio.get_running_loop().time())
        self._failpoint("message_sealed")
        await self._connection.publish(f"{self._topic}/up", sealed, content_type=self._content_type())
        self._failpoint("message_published")
        self._spool.mark_sent(statement.ctr)
        log.info("statement_sent", ctr=statement.ctr, message_counter=counter, again=statement.sent)

    async def _publish_status(self) -> None:
        spooled = self._spool.status()
        status: dict[str, bool | int | str] = {
            "online": True,
            "fw": FIRMWARE_VERSION,
            "backlog": spooled.unsigned + spooled.unacknowledged,
            "ctr": spooled.ctr,
        }
        if self._development_key:
            status["development_key"] = True
        payload = json.dumps(status, separators=(",", ":")).encode()
        if self._connected_anew or payload != self._published_status:
            self._connected_anew = False
            await self._connection.publish(f"{self._topic}/status", payload, retain=True)
            self._published_status = payload

    async def _take_down(self, message: Message) -> None:
        try:
            opened = open_message(message.payload, self._identity.secret, self._identity.eui, Direction.DOWN)
            down = parse_down(opened.plaintext)
        except (SealBroken, MalformedMessage) as error:
            log.warning("downlink_refused", reason=str(error))
            return
        try:
            self._obey(opened.counter, down)
        except SpoolFull as error:  # it is asked again, and answered again
            log.warning("downlink_not_kept", reason=str(error))
        self._something_new.set()

    def _obey(self, counter: int, down: BackendMessage) -> None:
        if down.acked_ctr is not None:  # an old one played back acknowledges nothing new
            done = self._spool.acknowledge(down.acked_ctr)
            self._attempts.forget_up_to(down.acked_ctr)
            self._attempts.hurry(asyncio.get_running_loop().time())
            self._asking = False
            log.info("statements_acknowledged", up_to_ctr=down.acked_ctr, count=done)
        fresh = self._spool.accept_down_counter(counter)
        if down.resend and fresh:
            count = sum(self._spool.request_again(slot, slots) for slot, slots in down.resend)
            self._attempts.forget_up_to(self._spool.status().ctr)
            log.info("resend_requested", ranges=len(down.resend), statements=count)
        if down.config:
            log.warning("configuration_ignored", names=sorted(down.config))

    async def _say_goodbye(self) -> None:
        if self._connection.connected:
            with contextlib.suppress(RetryableError):
                await self._connection.publish(f"{self._topic}/status", b'{"online":false}', retain=True, timeout_s=2)
        await self._connection.stop()

    def _on_ready(self) -> None:
        self._connected_anew = True
        self._something_new.set()

    def _pause_s(self) -> float:
        due_s = self._attempts.next_due_s()
        if due_s is None:
            return _IDLE_S
        return min(_IDLE_S, max(0.05, due_s - asyncio.get_running_loop().time()))

    def _content_type(self) -> str | None:
        return CONTENT_TYPE if self._connection.address.version == 5 else None
