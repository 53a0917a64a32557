"""What a LoRa-E5 modem answers to AT commands (Seeed LoRa-E5 AT command specification 1.0), without any I/O."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from standalone.lora_radio import LoraRadio

MAX_PAYLOAD = (51, 51, 51, 115, 222, 222)
"""Application bytes by data rate, EU868."""
_MESSAGE = re.compile(r'AT\+MSGHEX="?([0-9A-Fa-f\s]*)"?')
_PORTS = range(1, 224)


@dataclass(frozen=True, slots=True)
class RadioUplink:
    """One frame on the air, already decrypted by the network's session keys."""

    f_port: int
    data_rate: int
    payload: bytes


Downlink = tuple[int, bytes]
"""(FPort, payload)"""


@dataclass(slots=True)
class LoraModem:
    """State of the modem. `transmit` is called for each uplink that is heard, `joined_anew` for each join.

    Without a `radio` every frame is heard at once; with one, airtime, duty cycle, loss and the network's choice of data
    rate are as on the air. `receive` gives what the network has to say in the receive windows after an uplink.
    """

    dev_eui: bytes
    transmit: Callable[[RadioUplink], None]
    joined_anew: Callable[[], None]
    joined: bool = False
    f_port: int = 8
    data_rate: int = 0
    radio: LoraRadio | None = None
    receive: Callable[[], Downlink | None] = lambda: None
    adaptive: bool = False
    busy: bool = False
    """Refuses uplinks, as while it is at work."""
    _time_asked: bool = False
    _clock_s: float | None = None

    def answer(self, line: str) -> list[str]:
        """The lines that answer command `line`."""
        command = line.strip()
        if not command:
            return []
        if command.upper() == "AT":
            return ["+AT: OK"]
        name, _, value = command.upper().removeprefix("AT+").partition("=")
        match name:
            case "ID":
                return [f"+ID: DevEui, {self.dev_eui.hex(':').upper()}"]
            case "JOIN":
                return self._join()
            case "PORT":
                return self._set_port(value)
            case "DR":
                return self._set_data_rate(value) if value else self._tell_data_rate()
            case "MSGHEX":
                return self._send(command)
            case _:
                return self._answer_on_network(name, value)

    def _answer_on_network(self, name: str, value: str) -> list[str]:
        match name:
            case "ADR":
                return self._set_adaptive(value)
            case "LW":
                return self._network_command(value)
            case "RTC":
                return [f"+RTC: {datetime.fromtimestamp(self._clock_s or 0, UTC):%Y-%m-%d %H:%M:%S}"]
            case _:
                return ["+AT: ERROR(-10)"]

    def _join(self) -> list[str]:
        if self.joined:
            return ["+JOIN: Joined already"]
        self.joined = True
        self.joined_anew()
        return [
            "+JOIN: Start",
            "+JOIN: NORMAL",
            "+JOIN: Network joined",
            "+JOIN: NetID 000013 DevAddr 26:0B:12:34",
            "+JOIN: Done",
        ]

    def _set_port(self, value: str) -> list[str]:
        if value.isdigit() and int(value) in _PORTS:
            self.f_port = int(value)
            return [f"+PORT: {self.f_port}"]
        return ["+PORT: ERROR(-1)"]

    def _set_data_rate(self, value: str) -> list[str]:
        if value.isdigit() and int(value) < len(MAX_PAYLOAD):
            self.data_rate = int(value)
            return [f"+DR: DR{self.data_rate}", f"+DR: EU868 DR{self.data_rate} SF{12 - self.data_rate} BW125K"]
        return ["+DR: ERROR(-1)"]

    def _send(self, command: str) -> list[str]:
        found = _MESSAGE.fullmatch(command)
        try:
            payload = bytes.fromhex(found.group(1)) if found else None
        except ValueError:
            payload = None
        if payload is None:
            return ["+MSGHEX: ERROR(-1)"]
        if not self.joined:
            return ["+MSGHEX: Please join network first"]
        if self.busy:
            return ["+MSGHEX: LoRaWAN modem is busy"]
        if len(payload) > self._length():
            return [f"+MSGHEX: Length error {self._length()}"]
        if self.radio is None:
            self.transmit(RadioUplink(self.f_port, self.data_rate, payload))
            return ["+MSGHEX: Start", *self._receive_windows(), "+MSGHEX: Done"]
        if closed_ms := self.radio.closed_for_ms():
            return [f"+MSGHEX: No band in {closed_ms}ms"]
        heard = self.radio.transmit(len(payload), self._rate())
        if heard:
            self.transmit(RadioUplink(self.f_port, self._rate(), payload))
            if self._time_asked:
                self._time_asked, self._clock_s = False, self.radio.now_s()
        return ["+MSGHEX: Start", *(self._receive_windows() if heard else ()), "+MSGHEX: Done"]

    def _receive_windows(self) -> list[str]:
        found = self.receive()
        if found is None or (self.radio is not None and self.radio.is_lost()):
            return []
        f_port, payload = found
        text = f'+MSGHEX: PORT: {f_port}; RX: "{payload.hex(" ").upper()}"'
        return ["+MSGHEX: FPENDING", text, "+MSGHEX: RXWIN1, RSSI -106, SNR 4"]

    def _rate(self) -> int:
        """The data rate in use: the network's, if it may choose."""
        wanted = None if self.radio is None else self.radio.wanted_data_rate
        return wanted if self.adaptive and wanted is not None else self.data_rate

    def _length(self) -> int:
        return MAX_PAYLOAD[self._rate()] - (0 if self.radio is None else self.radio.mac_answers)

    def _tell_data_rate(self) -> list[str]:
        rate = self._rate()
        chosen = f" (ADR DR{rate})" if rate != self.data_rate else ""
        return [f"+DR: DR{self.data_rate}{chosen}", f"+DR: EU868 DR{rate} SF{12 - rate} BW125K"]

    def _set_adaptive(self, value: str) -> list[str]:
        if value not in {"ON", "OFF"}:
            return ["+ADR: ERROR(-1)"]
        self.adaptive = value == "ON"
        return [f"+ADR: {value}"]

    def _network_command(self, value: str) -> list[str]:
        if value == "LEN":
            return [f"+LW: LEN, {self._length()}"]
        if value == "DTR":
            self._time_asked = True
            return ["+LW: DTR"]
        return ["+LW: ERROR(-1)"]
