"""LoRaWAN devices in the books, and their frames as the JSON of either network server."""

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from community.attestation.statement import SlotReading
from community.store.unit_of_work import Store
from gateway_agent.lorawan.airtime import PAYLOAD_MAX
from gateway_agent.lorawan.scheduler import NextFrame
from ingest.sources import chirpstack_json, things_stack_json
from ingest.uplinks import Uplink
from standalone.lora_month import MonthOptions, SimulatedDevice
from tests.support.legacy_gateway import IMPORT
from tests.support.sending_device import register

EXPORT = "1-0:2.8.0"
PROFILES = {1: (IMPORT,), 2: (IMPORT, EXPORT), 3: (EXPORT,)}
APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"


@dataclass(frozen=True)
class RadioIdentity:
    """What registration knows of a device."""

    eui: str
    secret: bytes
    public_key: bytes
    keyno: int = 1
    profile: int = 1


async def register_radio(store: Store, identity: RadioIdentity, name: str = "house", **more: Any) -> None:
    """Put a LoRaWAN device with its meter on the books."""
    obis = PROFILES[identity.profile]
    registers = dict.fromkeys(obis, 10**9)
    await register(store, identity, name=name, registers=registers, settled_obis=obis[-1], **more)  # type: ignore[arg-type]


def tts_json(eui: str, f_port: int, payload: bytes, at: datetime, f_cnt: int = 0) -> dict[str, Any]:
    """An uplink as The Things Stack gives it; zero fields are left out."""
    message: dict[str, Any] = {
        "session_key_id": "AXA50tHUGUucuzS/bCGMNw==",
        "f_port": f_port,
        "frm_payload": base64.b64encode(payload).decode(),
        "rx_metadata": [{"gateway_ids": {"gateway_id": "gw-1"}}, {"gateway_ids": {"gateway_id": "gw-2"}}],
        "received_at": at.isoformat(),
    }
    ids = {"device_id": f"eui-{eui}", "dev_eui": eui.upper(), "application_ids": {"application_id": "community"}}
    return {
        "end_device_ids": ids,
        "received_at": at.isoformat(),
        "uplink_message": message | ({"f_cnt": f_cnt} if f_cnt else {}),
    }


def chirpstack_up(eui: str, f_port: int, payload: bytes, at: datetime, f_cnt: int = 0) -> dict[str, Any]:
    """An uplink as ChirpStack gives it; zero fields are left out."""
    fields: dict[str, Any] = {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": at.isoformat(),
        "deviceInfo": {"applicationId": APPLICATION, "devEui": eui},
        "devAddr": "00189440",
        "fPort": f_port,
        "data": base64.b64encode(payload).decode(),
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "nsTime": at.isoformat()}],
    }
    return fields | ({"fCnt": f_cnt} if f_cnt else {})


def heard(network: str, eui: str, f_port: int, payload: bytes, at: datetime, f_cnt: int = 0) -> Uplink:
    """A frame as ingest gets it from a network server that heard it at `at`."""
    if network == "things_stack":
        return things_stack_json.uplink_from_json(json.dumps(tts_json(eui, f_port, payload, at, f_cnt)).encode(), at)
    return chirpstack_json.uplink_from_json(json.dumps(chirpstack_up(eui, f_port, payload, at, f_cnt)).encode(), at)


@dataclass(frozen=True)
class OnAir:
    """A frame that the device sent."""

    at: datetime
    f_port: int
    payload: bytes


class RadioDevice:
    """The device side of the LoRaWAN format: meter, statements, scheduler; the same for the same seed."""

    def __init__(self, data_rate: int, seed: int) -> None:
        self.options = MonthOptions(data_rate, seed=seed)
        self.simulated = SimulatedDevice(self.options, random.Random(f"{seed} {data_rate}"))
        self.eui = self.simulated.keys.dev_eui.hex()
        self.identity = RadioIdentity(self.eui, self.simulated.keys.secret, self.simulated.public_key)
        self.truth: dict[int, int] = {}
        self._registers: Iterator[int] = self.options.registers(seed)

    def with_state(self, **changes: Any) -> RadioIdentity:
        return replace(self.identity, **changes)

    def quarter(self, slot: int) -> Iterator[OnAir]:
        """Read the meter at `slot` and send what is due within the quarter-hour, one frame after the other.

        The caller may answer each frame (`hear`) before it asks for the next.
        """
        self.truth[slot] = register = next(self._registers)
        self.simulated.read(SlotReading(slot, 0, 1, (register,)))
        now_s, end_s, rate = slot * 900, (slot + 1) * 900, self.options.data_rate
        while now_s < end_s:
            chosen = self.simulated.scheduler.next(now_s, rate, PAYLOAD_MAX[rate], self.simulated.held)
            if not isinstance(chosen, NextFrame):
                now_s = max(chosen.at_s, now_s + 1)
                continue
            f_port, payload = self.simulated.seal(chosen)
            self.simulated.scheduler.sent(chosen, now_s, rate)
            yield OnAir(datetime.fromtimestamp(now_s, UTC), f_port, payload)
            now_s += 1

    def hear(self, frame: bytes) -> None:
        """A downlink arrives."""
        self.simulated.hear(frame)
