"""Uplinks as values, and the network server's JSON that becomes one."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.attestation.reasons import Reason
from community.clients.mqtt import Message, MqttAddress
from community.clients.mqtt_topics import topic_matches
from ingest.device_records import first_slot_from
from ingest.sources.device_broker import DeviceBroker
from ingest.sources.network_json import instant_of
from ingest.sources.things_stack_json import received_at_of, uplink_from_json
from ingest.uplinks import PAYLOAD_MAX, Uplink

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EUI = "70b3d57ed0000001"
UPLINK = Uplink("device_broker", EUI, b"payload", NOW)


def test_the_digest_names_source_device_and_payload_and_nothing_else() -> None:
    later = replace(UPLINK, received_at=NOW + timedelta(hours=1), f_cnt=7, envelope="{}")
    assert later.digest == UPLINK.digest
    others = [
        replace(UPLINK, source="things_stack"),
        replace(UPLINK, device_eui="70b3d57ed0000002"),
        replace(UPLINK, device_eui=None),
        replace(UPLINK, payload=b"payloae"),
    ]
    assert len({UPLINK.digest, *(other.digest for other in others)}) == 5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"source": "carrier pigeon"}, "no source"),
        ({"device_eui": EUI.upper()}, "lower-case"),
        ({"device_eui": "70b3"}, "16 lower-case"),
        ({"payload": bytes(PAYLOAD_MAX + 1)}, "more than"),
        ({"received_at": datetime(2026, 3, 2)}, "no time zone"),  # noqa: DTZ001 - the point of the test
    ],
)
def test_an_uplink_that_cannot_be_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(UPLINK, **change)


def message(**fields: Any) -> dict[str, Any]:
    return {"end_device_ids": {"dev_eui": EUI.upper()}, "uplink_message": {"frm_payload": "AQI=", **fields}}


def read(content: Any) -> Uplink:
    return uplink_from_json(json.dumps(content).encode(), NOW)


def test_omitted_fields_are_zero() -> None:
    uplink = read({"end_device_ids": {"dev_eui": EUI}, "uplink_message": {}})
    assert (uplink.payload, uplink.f_cnt, uplink.f_port, uplink.fault) == (b"", 0, 0, None)
    assert uplink.received_at == NOW


def test_a_stored_uplink_is_the_same_frame_as_the_live_one() -> None:
    live, stored = read(message(f_cnt=9)), read({"result": message(f_cnt=9)})
    assert live.digest == stored.digest and live.device_eui == EUI and live.payload == b"\x01\x02"


def test_the_network_servers_time_counts_but_never_beyond_now() -> None:
    assert read(message(received_at="2026-03-02T11:59:59.123456789Z")).received_at == NOW - timedelta(
        seconds=1, microseconds=-123456
    )
    assert read(message(received_at="2026-03-02T13:30:00+02:00")).received_at == NOW - timedelta(minutes=30)
    for unusable in ("2027-01-01T00:00:00Z", "yesterday", 5, None, "2026-13-01T00:00:00Z"):
        assert read(message(received_at=unusable)).received_at == NOW


@pytest.mark.parametrize(
    "content",
    [
        None, 5, "text", [], {}, {"end_device_ids": []}, {"end_device_ids": {"dev_eui": 5}, "uplink_message": {}},
        {"end_device_ids": {"dev_eui": EUI}, "uplink_message": []}, message(frm_payload="no base64!"),
        message(frm_payload=5), {"result": {}}, message(frm_payload=base64.b64encode(bytes(PAYLOAD_MAX + 1)).decode()),
    ],
)  # fmt: skip
def test_what_is_no_uplink_is_kept_as_it_came(content: Any) -> None:
    uplink = read(content)
    assert uplink.fault is not None and uplink.fault.reason is Reason.MALFORMED and len(uplink.fault.detail) > 10
    assert json.dumps(content).encode().startswith(uplink.payload)


def test_a_simulated_uplink_does_not_hide_the_real_one() -> None:
    real, simulated = read(message()), read(message() | {"simulated": True})
    assert simulated.fault is not None and simulated.fault.reason is Reason.SIMULATED
    assert real.digest != simulated.digest


@given(st.binary(max_size=200))
def test_any_bytes_become_an_uplink(raw: bytes) -> None:
    assert uplink_from_json(raw, NOW).payload == raw
    assert received_at_of(raw) is None


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_instants_are_read_to_the_microsecond(instant: datetime) -> None:
    assert instant_of(instant.isoformat()) == instant
    assert instant_of(instant.replace(tzinfo=None).isoformat()) is None


async def test_the_device_brokers_topic_names_the_device() -> None:
    class Standing:
        def now(self) -> datetime:
            return NOW

        async def sleep_until(self, instant: datetime) -> None:
            raise AssertionError

    async def nothing(_uplinks: object) -> NoReturn:
        raise AssertionError

    broker = DeviceBroker(MqttAddress("mqtt://h"), "x", nothing, Standing())
    good = broker.uplink_of(Message(f"ec/v1/{EUI}/up", b"bytes", {}))
    assert (good.device_eui, good.payload, good.fault, good.received_at) == (EUI, b"bytes", None, NOW)
    nameless = broker.uplink_of(Message("ec/v1/plant/up", b"bytes", {}))
    assert nameless.device_eui is None and nameless.fault is not None and "plant" in nameless.fault.detail
    huge = broker.uplink_of(Message(f"ec/v1/{EUI}/up", bytes(PAYLOAD_MAX + 5), {}))
    assert huge.fault is not None and len(huge.payload) == PAYLOAD_MAX


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("ec/v1/+/up", "ec/v1/aa/up", True), ("ec/v1/+/up", "ec/v1/aa/bb/up", False), ("a/#", "a", True),
        ("a/#", "a/b/c", True), ("a/#", "b/a", False), ("#", "a/b", True), ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False), ("a", "a/b", False), ("a/b", "a", False), ("+", "a", True), ("a/+", "a/", True),
    ],
)  # fmt: skip
def test_topic_filters(topic_filter: str, topic: str, matches: bool) -> None:
    assert topic_matches(topic_filter, topic) is matches


def test_a_key_is_valid_from_the_first_boundary_not_before_its_instant() -> None:
    assert first_slot_from(NOW) == int(NOW.timestamp()) // 900
    assert first_slot_from(NOW + timedelta(microseconds=1)) == first_slot_from(NOW) + 1
    assert first_slot_from(NOW + timedelta(seconds=900)) == first_slot_from(NOW) + 1
