"""The device's public key by radio, once, on FPort 13. The agent must not run: modem and spool have one user."""

from datetime import timedelta

import structlog

from community.attestation.lora_frame import Port, RadioKeys, seal_frame
from community.attestation.lora_key_registration import encode_registration
from community.attestation.sealing import Direction
from community.clock import Clock
from gateway_agent.lorawan import queue_file
from gateway_agent.lorawan.airtime import airtime_us
from gateway_agent.meters.serial_line import SerialLine
from gateway_agent.protocols import at_commands
from gateway_agent.secure_element.signer import Signer
from gateway_agent.settings_sink import LorawanEcw1SinkSettings
from gateway_agent.spool import Spool
from gateway_agent.statements import DeviceIdentity
from gateway_agent.uplinks.lorawan_link import BAUD, ModemLink, ModemNotNow, ModemUnavailable

log = structlog.get_logger(__name__)

TRIES = 5


async def send_key(
    sink: LorawanEcw1SinkSettings, identity: DeviceIdentity, signer: Signer, spool: Spool, clock: Clock
) -> None:
    """Join and send the key; what it cost in airtime is remembered. Raises ModemUnavailable, FatalError, as the signer."""
    plaintext = encode_registration(signer.public_key(), insecure=signer.attributes().development_key)
    async with SerialLine(sink.device, BAUD) as line:
        modem = ModemLink(line)
        await modem.begin(sink.device, identity.eui)
        await modem.ask(at_commands.adaptive_data_rate(sink.data_rate is None))
        if sink.data_rate is not None:
            await modem.ask(at_commands.set_data_rate(sink.data_rate))
        await modem.ask(at_commands.set_port(Port.KEY_REGISTRATION))
        keys = RadioKeys(identity.eui, identity.secret)
        frame = seal_frame(
            keys,
            Direction.UP,
            Port.KEY_REGISTRATION,
            identity.key_generation,
            spool.reserve_message_counter(),
            plaintext,
        )
        await _transmit(modem, frame, clock)
        queue_path = spool.path.with_name(spool.path.name + ".lorawan")
        queue = queue_file.load(queue_path)
        data_rate = at_commands.parse_data_rate(await modem.ask(at_commands.data_rate()))
        queue.airtime.add(int(clock.now().timestamp()), airtime_us(len(frame), data_rate))
        queue_file.keep(queue_path, queue)
    log.info("key_sent", device=identity.eui_text, size=len(frame))


async def _transmit(modem: ModemLink, frame: bytes, clock: Clock) -> None:
    for left in reversed(range(TRIES)):
        try:
            await modem.exchange(at_commands.send(frame))
        except ModemNotNow as busy:
            if not left:
                raise ModemUnavailable(f"the modem could not send in {TRIES} tries: {busy}") from busy
            await clock.sleep_until(clock.now() + timedelta(seconds=busy.wait_s))
        else:
            return
