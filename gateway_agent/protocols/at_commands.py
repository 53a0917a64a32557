"""AT commands of a LoRa-E5 modem (Seeed LoRa-E5 AT command specification 1.0), without any I/O: text in, answers out."""

from dataclasses import dataclass
from enum import Enum

LINE_MAX = 1024
PORT_MIN, PORT_MAX = 1, 223
"""Application ports of LoRaWAN 1.0.4, 4.3.2."""


class ModemFailure(ValueError):
    """The modem refuses. The text is its own."""


class Answer(Enum):
    """What a line means for the command under way."""

    GOING_ON = "going on"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: the line to send, and the head of the lines that answer it."""

    line: str
    head: str
    ends_with: tuple[str, ...]
    """Texts of an answer that end the command well; empty: any answer does."""

    def encoded(self) -> bytes:
        return f"{self.line}\r\n".encode("ascii")

    def judge(self, line: str) -> Answer:
        """What `line` says of this command. Raises ModemFailure."""
        if line.startswith("+AT: ERROR"):
            raise ModemFailure(line)
        if not line.startswith(f"{self.head}:"):
            return Answer.GOING_ON
        text = line.removeprefix(f"{self.head}:").strip()
        if text.startswith("ERROR") or any(word in text.lower() for word in _FAILURES):
            raise ModemFailure(text)
        if not self.ends_with or any(text.startswith(end) for end in self.ends_with):
            return Answer.DONE
        return Answer.GOING_ON


_FAILURES = ("please join", "no free channel", "busy", "length error", "failed", "no band", "dr error")


def hello() -> Command:
    """Is a modem there?"""
    return Command("AT", "+AT", ("OK",))


def join() -> Command:
    """Join the network (OTAA), unless that is done."""
    return Command("AT+JOIN", "+JOIN", ("Done", "Joined already"))


def device_eui() -> Command:
    """Ask for the modem's DevEUI."""
    return Command("AT+ID=DevEui", "+ID", ("DevEui",))


def parse_device_eui(line: str) -> bytes:
    """The DevEUI in an answer such as `+ID: DevEui, 2C:F7:F1:20:24:90:03:63`. Raises ModemFailure."""
    try:
        eui = bytes.fromhex(line.rpartition(",")[2].strip().replace(":", ""))
    except ValueError:
        eui = b""
    if len(eui) != 8:
        raise ModemFailure(f"no DevEUI in {line!r}")
    return eui


def set_port(port: int) -> Command:
    """The FPort of the uplinks to come. Raises ValueError."""
    if not PORT_MIN <= port <= PORT_MAX:
        raise ValueError(f"an application port is {PORT_MIN} to {PORT_MAX}, not {port}")
    return Command(f"AT+PORT={port}", "+PORT", ())


def set_data_rate(data_rate: int) -> Command:
    """The data rate of the uplinks to come: 0 (SF12) to 5 (SF7) in EU868. Raises ValueError."""
    if not 0 <= data_rate <= 5:
        raise ValueError(f"a data rate of EU868 is 0 to 5, not {data_rate}")
    return Command(f"AT+DR={data_rate}", "+DR", ())


def send(payload: bytes) -> Command:
    """One unconfirmed uplink."""
    return Command(f'AT+MSGHEX="{payload.hex().upper()}"', "+MSGHEX", ("Done",))


class LineBuffer:
    """Cuts a byte stream into text lines. A line longer than the modem ever sends is dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes, without their ends; empty ones are left out."""
        self._buffer += data
        *whole, rest = bytes(self._buffer).replace(b"\r", b"\n").split(b"\n")
        self._buffer = bytearray(rest if len(rest) <= LINE_MAX else b"")
        return [line.decode("ascii", "replace").strip() for line in whole if line.strip()]
