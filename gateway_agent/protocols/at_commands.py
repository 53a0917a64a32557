"""AT commands of a LoRa-E5 modem (Seeed LoRa-E5 AT command specification 1.0), without any I/O: text in, answers out."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

LINE_MAX = 1024
PORT_MIN, PORT_MAX = 1, 223
"""Application ports of LoRaWAN 1.0.4, 4.3.2."""


class ModemFailure(ValueError):
    """The modem refuses. The text is its own."""


class ModemBusy(ModemFailure):
    """Not now: the modem is at work, or its sub-bands have been used for as long as the law allows."""

    def __init__(self, text: str, wait_s: float) -> None:
        super().__init__(text)
        self.wait_s = wait_s


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
        if (wait_s := _busy_for(text)) is not None:
            raise ModemBusy(text, wait_s)
        if text.startswith("ERROR") or any(word in text.lower() for word in _FAILURES):
            raise ModemFailure(text)
        if not self.ends_with or any(text.startswith(end) for end in self.ends_with):
            return Answer.DONE
        return Answer.GOING_ON


_FAILURES = ("please join", "length error", "failed", "dr error")
_BUSY_S = 10.0
_NO_BAND = re.compile(r"no band in (\d{1,9}) ?ms", re.IGNORECASE)
_DOWNLINK = re.compile(r'\+C?MSGHEX: PORT: (\d{1,3}); RX: "([0-9A-Fa-f ]*)"')
_LENGTH = re.compile(r"LEN, ?(\d{1,3})")
_DATA_RATE = re.compile(r"DR(\d{1,2})")
_ADR_RATE = re.compile(r"\(ADR DR(\d{1,2})\)")
_RTC = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Downlink:
    """What the network sent in a receive window."""

    f_port: int
    payload: bytes


def _busy_for(text: str) -> float | None:
    """Seconds to wait, if `text` says that the modem cannot now."""
    if found := _NO_BAND.search(text):
        return int(found.group(1)) / 1000 + 1
    return _BUSY_S if any(word in text.lower() for word in ("busy", "no free channel", "no band")) else None


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


def adaptive_data_rate(on: bool) -> Command:
    """Whether the network chooses the data rate."""
    return Command(f"AT+ADR={'ON' if on else 'OFF'}", "+ADR", ())


def data_rate() -> Command:
    """Ask for the data rate of the next uplink."""
    return Command("AT+DR", "+DR", ("DR",))


def parse_data_rate(line: str) -> int:
    """The data rate in `+DR: DR0` or, chosen by the network, in `+DR: DR0 (ADR DR3)`. Raises ModemFailure."""
    found = _ADR_RATE.search(line) or _DATA_RATE.search(line)
    if found is None or int(found.group(1)) > 5:
        raise ModemFailure(f"no data rate of 0 to 5 in {line!r}")
    return int(found.group(1))


def payload_length() -> Command:
    """Ask how many bytes the next uplink may have: less when answers to the network wait to ride along."""
    return Command("AT+LW=LEN", "+LW", ("LEN",))


def parse_length(line: str) -> int:
    """The number in `+LW: LEN, 51`. Raises ModemFailure."""
    found = _LENGTH.search(line)
    if found is None:
        raise ModemFailure(f"no length in {line!r}")
    return int(found.group(1))


def request_time() -> Command:
    """Ask the network for the time with the next uplink (DeviceTimeReq)."""
    return Command("AT+LW=DTR", "+LW", ("DTR",))


def clock() -> Command:
    """Ask for the modem's clock, which the network's answer has set."""
    return Command("AT+RTC", "+RTC", ())


def parse_clock(line: str) -> datetime:
    """The instant in `+RTC: 2026-11-17 00:45:03`, in UTC. Raises ModemFailure."""
    found = _RTC.search(line)
    try:
        if found is None:
            raise ValueError(line)
        return datetime.strptime(found.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise ModemFailure(f"no instant in {line!r}") from error


def parse_downlink(line: str) -> Downlink | None:
    """The downlink in `+MSGHEX: PORT: 20; RX: "0A1B"`, or None for any other line."""
    found = _DOWNLINK.match(line)
    if found is None:
        return None
    digits = found.group(2).replace(" ", "")
    return Downlink(int(found.group(1)), bytes.fromhex(digits)) if len(digits) % 2 == 0 else None


def send(payload: bytes) -> Command:
    """One unconfirmed uplink."""
    return Command(f'AT+MSGHEX="{payload.hex().upper()}"', "+MSGHEX", ("Done",))


class LineBuffer:
    """Cuts a byte stream into text lines, the same whatever the pieces. A line longer than the modem ever sends is dropped."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes, without their ends; empty ones are left out."""
        lines: list[str] = []
        for number, part in enumerate(data.replace(b"\r", b"\n").split(b"\n")):
            if number:
                lines.append("" if self._too_long else self._line.decode("ascii", "replace").strip())
                self._line.clear()
                self._too_long = False
            self._too_long = self._too_long or len(self._line) + len(part) > LINE_MAX
            self._line += b"" if self._too_long else part
        return [line for line in lines if line]
