"""The uplink JSON of The Things Stack v3, as its MQTT and its Storage Integration give it: empty fields are left out."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from standalone.lora_modem import RadioUplink

_PHY_OVERHEAD = 13
_PREAMBLE_QUARTER_SYMBOLS = 49  # 8 + 4.25 symbols


@dataclass(frozen=True, slots=True)
class Application:
    """Where a device is registered."""

    application_id: str
    tenant_id: str
    device_id: str
    dev_eui: bytes

    @property
    def topic(self) -> str:
        """The MQTT topic of its uplinks."""
        return f"v3/{self.application_id}@{self.tenant_id}/devices/{self.device_id}/up"


def airtime_us(payload_size: int, data_rate: int) -> int:
    """Time on air in microseconds (Semtech AN1200.13; 125 kHz, CR 4/5, explicit header, CRC), data rates 0 to 5."""
    factor = 12 - data_rate
    optimised = 2 if factor >= 11 else 0
    symbol_us = (1 << factor) * 8
    bits = 8 * (payload_size + _PHY_OVERHEAD) - 4 * factor + 28 + 16
    symbols = 8 + max(0, -(-bits // (4 * (factor - optimised)))) * 5
    return symbol_us * _PREAMBLE_QUARTER_SYMBOLS // 4 + symbols * symbol_us


def uplink_json(
    application: Application, session_key_id: bytes, f_cnt: int, uplink: RadioUplink, at: datetime
) -> dict[str, Any]:
    """The message for one uplink that two gateways heard at `at`."""
    instant = _instant(at)
    ticks = int(at.timestamp() * 1_000_000) & 0xFFFFFFFF
    settings = {
        "data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 12 - uplink.data_rate, "coding_rate": "4/5"}},
        "frequency": "868300000",
        "timestamp": ticks,
    }
    message: dict[str, Any] = {
        "session_key_id": base64.b64encode(session_key_id).decode(),
        "f_port": uplink.f_port,
        "frm_payload": base64.b64encode(uplink.payload).decode(),
        "rx_metadata": [
            _heard_by("gw-church", "A84041FFFF000001", instant, ticks, -97, 65),
            _heard_by("gw-school", "A84041FFFF000002", instant, ticks + 11, -109, -25),
        ],
        "settings": settings,
        "received_at": instant,
        "consumed_airtime": _seconds(airtime_us(len(uplink.payload), uplink.data_rate)),
        "network_ids": {"net_id": "000013", "tenant_id": application.tenant_id, "cluster_id": "eu1"},
    }
    if f_cnt:
        message["f_cnt"] = f_cnt
    return {
        "end_device_ids": {
            "device_id": application.device_id,
            "application_ids": {"application_id": application.application_id},
            "dev_eui": application.dev_eui.hex().upper(),
            "join_eui": "0000000000000001",
            "dev_addr": "260B1234",
        },
        "correlation_ids": [f"gs:uplink:{session_key_id.hex()}{f_cnt:08x}"],
        "received_at": instant,
        "uplink_message": message,
    }


def _heard_by(gateway: str, eui: str, instant: str, ticks: int, rssi: int, snr_tenths: int) -> dict[str, Any]:
    return {
        "gateway_ids": {"gateway_id": gateway, "eui": eui},
        "time": instant,
        "timestamp": ticks,
        "rssi": rssi,
        "channel_rssi": rssi,
        "snr": snr_tenths / 10,
        "channel_index": 2,
        "received_at": instant,
    }


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _seconds(microseconds: int) -> str:
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}s"
