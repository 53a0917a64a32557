"""The air between a simulated modem and the network: how long frames take, the duty cycle, loss, and the network's wishes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway_agent.lorawan.airtime import airtime_us

MAC_ANSWERS_MAX = 15
"""Bytes that answers to the network may take from an uplink."""


@dataclass(slots=True)
class LoraRadio:
    """`now_s` gives the time in seconds; `is_lost` decides for each frame, up or down, whether nobody hears it."""

    now_s: Callable[[], float]
    is_lost: Callable[[], bool] = lambda: False
    duty_cycle: int = 100
    """One part in so many may be used; after a frame the band is closed for the rest."""
    wanted_data_rate: int | None = None
    """What the network wants a modem with ADR to use."""
    mac_answers: int = 0
    """Bytes of answers that wait in the modem for the next uplink."""
    sent: list[tuple[float, int]] = field(default_factory=list)
    """(when, microseconds) of every frame."""
    _closed_until_s: float = 0.0

    def closed_for_ms(self) -> int:
        """How long the band is still closed."""
        return max(0, round((self._closed_until_s - self.now_s()) * 1000))

    def transmit(self, size: int, data_rate: int) -> bool:
        """Put a frame of `size` application bytes on the air; whether the network heard it."""
        us = airtime_us(size, data_rate)
        self.sent.append((self.now_s(), us))
        self._closed_until_s = self.now_s() + us * self.duty_cycle / 1e6
        self.mac_answers = 0
        return not self.is_lost()

    def order_data_rate(self, data_rate: int) -> None:
        """The network changes the data rate (LinkADRReq); the answer rides on the next uplink."""
        self.wanted_data_rate, self.mac_answers = data_rate, min(self.mac_answers + 2, MAC_ANSWERS_MAX)
