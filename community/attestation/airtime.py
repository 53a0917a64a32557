"""How long a LoRa frame is on the air: what a band's duty cycle is counted in. Pure.

Semtech AN1200.13 ("LoRa Modem Designer's Guide") section 4; explicit header, CRC on, 8 symbols of preamble as LoRaWAN
uplinks have them (LoRaWAN Regional Parameters RP002-1.0.4 section 2).
"""

import re
from collections.abc import Mapping
from typing import Any

PREAMBLE_SYMBOLS = 8
LORAWAN_OVERHEAD_BYTES = 13
"""MHDR 1, FHDR 7 without options, FPort 1, MIC 4 (LoRaWAN 1.0.4 section 4)."""
_SLOW_SYMBOL_US = 16_000
_CODING_RATE = re.compile(r"^(?:CR_)?4[/_]([5-8])$")


def time_on_air_us(payload_bytes: int, spreading_factor: int, bandwidth_hz: int, coding_rate: int = 5) -> int:
    """Microseconds on the air of a physical payload; `coding_rate` is the 5 of 4/5. Raises ValueError."""
    if not (5 <= spreading_factor <= 12 and 7_000 <= bandwidth_hz <= 1_700_000 and 5 <= coding_rate <= 8):
        raise ValueError("this is no modulation of LoRa")
    if not 0 <= payload_bytes <= 255:
        raise ValueError("a LoRa frame has at most 255 bytes")
    symbol_us = 1_000_000 * (1 << spreading_factor) // bandwidth_hz
    slow = 2 if symbol_us >= _SLOW_SYMBOL_US else 0  # low data rate optimisation is on from 16 ms a symbol
    bits = 8 * payload_bytes - 4 * spreading_factor + 28 + 16
    symbols = 8 + max(0, -(-bits // (4 * (spreading_factor - slow)))) * coding_rate
    return symbol_us * (4 * (PREAMBLE_SYMBOLS + symbols) + 17) // 4  # the preamble ends with 4.25 symbols


def airtime_of(envelope: Mapping[str, Any], payload_bytes: int) -> int | None:
    """Microseconds of the uplink in a network server's message (The Things Stack 3, ChirpStack 4); None if it does not say."""
    try:
        if "uplink_message" in envelope:
            uplink = envelope["uplink_message"]
            consumed = uplink.get("consumed_airtime")
            if isinstance(consumed, str) and consumed.endswith("s"):
                whole, _, part = consumed[:-1].partition(".")
                return int(whole) * 1_000_000 + int((part + "000000")[:6])
            lora = uplink["settings"]["data_rate"]["lora"]
            rate = str(lora.get("coding_rate") or uplink["settings"].get("coding_rate") or "4/5")
            factor, bandwidth = lora["spreading_factor"], lora["bandwidth"]
        else:
            lora = envelope["txInfo"]["modulation"]["lora"]
            rate = str(lora.get("codeRate", "CR_4_5"))
            factor, bandwidth = lora["spreadingFactor"], lora["bandwidth"]
        coded = _CODING_RATE.match(rate)
        size = payload_bytes + LORAWAN_OVERHEAD_BYTES
        return time_on_air_us(size, int(factor), int(bandwidth), int(coded[1]) if coded else 5)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def strongest_dbm(envelope: Mapping[str, Any]) -> int | None:
    """How strongly the nearest gateway heard the uplink in a network server's message (RSSI, whole dBm); None if none says."""
    uplink = envelope.get("uplink_message")
    heard = uplink.get("rx_metadata") if isinstance(uplink, Mapping) else envelope.get("rxInfo")
    if not isinstance(heard, list):
        return None
    said = [one["rssi"] for one in heard if isinstance(one, Mapping) and type(one.get("rssi")) in (int, float)]
    return max((round(rssi) for rssi in said if -200 <= rssi <= 50), default=None)
