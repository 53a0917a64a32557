"""What a LoRa-E5 modem answers to AT commands (Seeed LoRa-E5 AT command specification 1.0), without any I/O."""

import re
from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(slots=True)
class LoraModem:
    """State of the modem. `transmit` is called for each uplink, `joined_anew` for each join."""

    dev_eui: bytes
    transmit: Callable[[RadioUplink], None]
    joined_anew: Callable[[], None]
    joined: bool = False
    f_port: int = 8
    data_rate: int = 0

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
                return self._set_data_rate(value)
            case "MSGHEX":
                return self._send(command)
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
        if len(payload) > MAX_PAYLOAD[self.data_rate]:
            return [f"+MSGHEX: Length error {MAX_PAYLOAD[self.data_rate]}"]
        self.transmit(RadioUplink(self.f_port, self.data_rate, payload))
        return ["+MSGHEX: Start", "+MSGHEX: Done"]
