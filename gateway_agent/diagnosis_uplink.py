"""Tries the way out step by step, so that each cause has its own answer: name, port, TLS, user, modem, network."""

import asyncio
import socket
import ssl

from community.clients.mqtt import BrokerUnavailable, MqttAddress, MqttConnection
from community.errors import CommunityError, RetryableError
from gateway_agent.diagnosis import Finding, Verdict
from gateway_agent.meters.serial_line import LineLost, SerialLine
from gateway_agent.protocols import at_commands
from gateway_agent.protocols.at_commands import Answer, Command, LineBuffer, ModemFailure

STEP_TIMEOUT_S = 8.0
_AT_ONCE_S = 0.2
"""A broker that is well has answered by then; otherwise its port is tried meanwhile."""
JOIN_FACTOR = 4
"""Joining takes so many times as long as any other step: two tries at the slowest data rate."""
MODEM_BAUD = 9600


async def probe_broker(address: MqttAddress, client_id: str, timeout_s: float = STEP_TIMEOUT_S) -> Finding:
    """Whether the broker takes us. The client id must not be the agent's own: that would end its connection."""
    connection = MqttConnection(address, client_id, clean_start=True, session_expiry_s=0)
    starting = asyncio.create_task(connection.start(timeout_s))
    try:
        await asyncio.wait({starting}, timeout=_AT_ONCE_S)
        if not starting.done() and (trouble := await tcp_trouble(address.host, address.port, timeout_s)):
            return Finding("broker", Verdict.WRONG, *trouble)
        await starting
    except BrokerUnavailable as error:
        return await _why_no_broker(address, str(error), timeout_s)
    except CommunityError as error:
        return Finding(
            "broker", Verdict.WRONG, str(error), "Correct ca_file, cert_file and key_file below [sink.mqtt]."
        )
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await connection.stop()
    return Finding("broker", Verdict.OK, f"{address.url} takes the connection (MQTT {_version(address)})")


async def _why_no_broker(address: MqttAddress, failure: str, timeout_s: float) -> Finding:
    """The step that fails: name, port, TLS, or MQTT itself."""
    where = f"{address.host}:{address.port}"
    if trouble := await tcp_trouble(address.host, address.port, timeout_s):
        return Finding("broker", Verdict.WRONG, *trouble)
    context = address.tls()
    if isinstance(context, ssl.SSLContext) and (trouble := await _tls_trouble(address, context, timeout_s)):
        return Finding("broker", Verdict.WRONG, f"{where} answers, but {trouble[0]}", trouble[1])
    reason = failure.partition("(")[2].partition(")")[0] or failure
    return Finding(
        "broker",
        Verdict.WRONG,
        f"{where} answers, but refuses the MQTT connection: {reason}",
        "Check username, password_file or the certificate, and version (5, or 4 for an old broker).",
    )


async def tcp_trouble(host: str, port: int, timeout_s: float = STEP_TIMEOUT_S) -> tuple[str, str] | None:
    """Why nothing can be reached at `host`:`port`, and what to do; None if something answers."""
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
    except (socket.gaierror, UnicodeError):
        return f"the name {host} is not known", "Correct the host, or the gateway's name server (DNS)."
    except ConnectionRefusedError:
        return f"{host} is there, but nothing listens on port {port}", "Start it there, or correct the port."
    except TimeoutError:
        return (
            f"{host}:{port} does not answer in {timeout_s:g} s",
            "Check cable, network and firewall: something swallows the packets, or the host is off.",
        )
    except OSError as error:
        return f"{host}:{port} cannot be reached: {error.strerror or error}", "Check cable, network and address."
    writer.close()
    return None


async def _tls_trouble(address: MqttAddress, context: ssl.SSLContext, timeout_s: float) -> tuple[str, str] | None:
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        return (
            f"its certificate is not believed: {error.verify_message}",
            "Give the broker's authority as ca_file, and the host as its certificate names it. Is the date right?",
        )
    except ssl.SSLError as error:
        return (
            f"TLS fails: {error.reason or error}",
            "Is this really the port for mqtts, and the client certificate the right one?",
        )
    except (OSError, TimeoutError) as error:
        return f"TLS fails: {error or 'no answer'}", "Is this really the port for mqtts?"
    writer.close()
    return None


async def probe_radio(device: str, eui: bytes, timeout_s: float = STEP_TIMEOUT_S) -> list[Finding]:
    """Whether a modem answers, is the right one, and is let into the network."""
    try:
        async with SerialLine(device, MODEM_BAUD) as line:
            modem = _Asking(line)
            await modem.ask(at_commands.hello(), timeout_s)
            found = at_commands.parse_device_eui(await modem.ask(at_commands.device_eui(), timeout_s))
            if found != eui:
                return [
                    Finding(
                        "radio",
                        Verdict.WRONG,
                        f"the modem at {device} is device {found.hex()}, device.eui is {eui.hex()}",
                        "Correct device.eui, or plug in the modem of this gateway.",
                    )
                ]
            answers = Finding("radio", Verdict.OK, f"the modem at {device} answers and is {eui.hex()}")
            try:
                await modem.ask(at_commands.join(), JOIN_FACTOR * timeout_s)
            except (_NoAnswer, ModemFailure) as error:
                return [answers, _join_failed(str(error))]
            return [answers, Finding("network", Verdict.OK, "the modem has joined the LoRaWAN network")]
    except LineLost as error:
        return [
            Finding(
                "radio",
                Verdict.WRONG,
                str(error),
                "Plug the modem in; give its /dev/serial/by-id/ path as sink.lorawan.device.",
            )
        ]
    except _NoAnswer:
        return [
            Finding(
                "radio",
                Verdict.WRONG,
                f"nothing at {device} answers to AT at {MODEM_BAUD} Bd",
                "Is this the modem's port, has it power, and is its speed 9600 (AT+UART=BR, 9600)?",
            )
        ]
    except ModemFailure as error:
        return [Finding("radio", Verdict.WRONG, f"the modem at {device} refuses: {error}", "Update its firmware.")]


def _join_failed(reason: str) -> Finding:
    return Finding(
        "network",
        Verdict.WRONG,
        f"the modem is not let into the LoRaWAN network: {reason}",
        "Is the device registered at the network server with this DevEUI, JoinEUI and AppKey, is a LoRaWAN gateway in"
        " range, the antenna on? A cellar may need the antenna outside.",
    )


class _NoAnswer(RetryableError):
    """The modem said nothing that ends the command."""


class _Asking:
    def __init__(self, line: SerialLine) -> None:
        self._line = line
        self._lines = LineBuffer()

    async def ask(self, command: Command, timeout_s: float) -> str:
        """The line that ends `command`. Raises _NoAnswer, ModemFailure."""
        await self._line.write(command.encoded())
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for answer in self._lines.feed(await self._line.read(timeout_s)):
                        if command.judge(answer) is Answer.DONE:
                            return answer
        except TimeoutError:
            raise _NoAnswer(f"no answer in {timeout_s:g} s") from None


def _version(address: MqttAddress) -> str:
    return "5" if address.version == 5 else "3.1.1"
