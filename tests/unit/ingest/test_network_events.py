"""What network servers tell, as values: every received message, every kind of event, and bad ones."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.attestation.reasons import Reason
from ingest.network_events import DownlinkReport, DownlinkState, Joined, Notice
from ingest.sources import chirpstack_json, things_stack_json
from ingest.sources.dispatch import Dispatch
from ingest.uplinks import DownlinkFrame, Uplink
from tests.support.golden import GOLDEN

SERVERS = GOLDEN / "network_servers"
NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
ID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
EUI = "70b3d57ed0061a2b"
ECW1_FRAME = base64.b64decode(json.loads((SERVERS / "ecw1_tts_up.json").read_text())["uplink_message"]["frm_payload"])
REPAIR = base64.b64decode("AAAJennclD2NKpT2eIz6XMcyNkyV/A==")


def raw(name: str) -> bytes:
    return (SERVERS / f"{name}.json").read_bytes()


def things_stack(name: str) -> Any:
    return things_stack_json.event_from_json(raw(name), NOW)


def chirpstack(name: str, kind: str) -> Any:
    return chirpstack_json.event_from_json(raw(name), kind, NOW)


def test_every_received_message_is_looked_at_here() -> None:
    here = Path(__file__).read_text()
    for path in SERVERS.glob("*.json*"):
        assert f'"{path.stem}"' in here, path.name


def test_uplinks_of_the_things_stack() -> None:
    first = things_stack("tts_v3_up")
    assert isinstance(first, Uplink) and first.fault is None
    assert (first.device_eui, first.payload, first.f_port, first.f_cnt) == ("0004a30b001c0530", b"\x82\x41\xde", 0, 1)
    documented = things_stack("tts_v3_mqttdoc_up")
    assert (documented.f_port, documented.f_cnt, documented.payload) == (15, 0, b"Temperature = 0.0")
    assert documented.received_at == NOW  # the message does not say when
    ecw1 = things_stack("ecw1_tts_up")
    assert (ecw1.device_eui, ecw1.f_port, ecw1.f_cnt, ecw1.payload) == (EUI, 10, 412, ECW1_FRAME)
    assert ecw1.received_at == datetime(2026, 11, 17, 0, 45, 3, 208000, UTC)
    lines = (SERVERS / "tts_v3_storage_stream.ndjson").read_bytes().splitlines()
    stored = [things_stack_json.uplink_from_json(line, NOW) for line in lines]
    assert [(each.f_cnt, each.f_port, each.fault) for each in stored] == [(43, 10, None), (44, 10, None)]
    assert stored[0].digest == stored[1].digest  # the same bytes twice: one frame
    assert "tts_v3_storage_stream" in str(SERVERS / "tts_v3_storage_stream.ndjson")


def test_other_events_of_the_things_stack() -> None:
    join = things_stack("tts_v3_join")
    assert join == Joined(
        "things_stack", "0004a30b001c0530", "AXBSH1Pk6Z0G166RlH16CQ==", datetime(2020, 2, 17, 7, 49, 9, 935284, UTC)
    )
    acknowledged = things_stack("tts_v3_down_ack")
    assert isinstance(acknowledged, DownlinkReport)
    assert (acknowledged.state, acknowledged.downlink_id) == (DownlinkState.ACKNOWLEDGED, None)  # not one of ours
    failed = things_stack("tts_v3_down_failed")
    assert (failed.state, failed.device_eui) == (DownlinkState.FAILED, None)
    assert failed.detail == "application_downlink_too_long: application downlink payload is too long"


@pytest.mark.parametrize(
    ("field", "state"),
    [
        ("downlink_queued", "queued"), ("downlink_sent", "sent"), ("downlink_ack", "acknowledged"),
        ("downlink_nack", "not_acknowledged"), ("downlink_queue_invalidated", "invalidated"),
    ],
)  # fmt: skip
def test_our_own_downlinks_are_known_again(field: str, state: str) -> None:
    ids = ["as:downlink:01E19B99501X84X6CV471TVSZ1", f"ec:{ID}"]
    message = {"end_device_ids": {"dev_eui": EUI.upper()}, field: {"f_port": 20, "correlation_ids": ids}}
    report = things_stack_json.event_from_json(json.dumps(message).encode(), NOW)
    assert report == DownlinkReport("things_stack", EUI, ID, DownlinkState(state), NOW)
    elsewhere = {"correlation_ids": ids, field: {}}
    assert things_stack_json.event_from_json(json.dumps(elsewhere).encode(), NOW).downlink_id == ID  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["service_data", "location_solved", "uplink_normalized"])
def test_what_is_no_evidence_is_only_noted(kind: str) -> None:
    message = {"end_device_ids": {"dev_eui": EUI}, kind: {}}
    assert things_stack_json.event_from_json(json.dumps(message).encode(), NOW) == Notice("things_stack", kind, EUI)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"{}", b'{"end_device_ids": {"dev_eui": "70b3d57ed0061a2b"}}', b'{"join_accept": {}}']
)
def test_a_message_that_tells_nothing_known_is_kept(content: bytes) -> None:
    event = things_stack_json.event_from_json(content, NOW)
    assert isinstance(event, Uplink) and event.fault is not None and event.fault.reason is Reason.MALFORMED
    assert event.payload == content


def test_downlinks_to_the_things_stack_are_as_documented() -> None:
    made = json.loads(things_stack_json.downlinks_json([DownlinkFrame(ID, 20, REPAIR)]))
    expected = json.loads(raw("ecw1_tts_down_push"))
    expected["downlinks"][0]["correlation_ids"] = [f"ec:{ID}"]
    assert made == expected
    documented = json.loads(raw("tts_v3_mqttdoc_down_push"))["downlinks"][0]
    with_ids = json.loads(raw("tts_v3_down_push_with_ids"))["downlinks"][0]
    [own] = json.loads(things_stack_json.downlinks_json([DownlinkFrame(ID, 15, b"\xbe\xef")]))["downlinks"]
    assert documented.items() <= own.items()
    assert set(own) <= set(with_ids)
    assert json.loads(things_stack_json.downlinks_json([])) == {"downlinks": []}


def test_events_of_chirpstack() -> None:
    up = chirpstack("chirpstack_v4_up", "up")
    assert isinstance(up, Uplink) and up.fault is None
    assert (up.device_eui, up.payload, up.f_port, up.f_cnt) == ("0101010101010101", b"\xaa", 1, 0)
    assert up.received_at == NOW  # years back: a gateway's clock that cannot be right
    ecw1 = chirpstack("ecw1_chirpstack_up", "up")
    assert (ecw1.device_eui, ecw1.f_port, ecw1.f_cnt, ecw1.payload) == (EUI, 10, 412, ECW1_FRAME)
    assert ecw1.received_at == datetime(2026, 11, 17, 0, 45, 3, 190000, UTC)
    assert chirpstack("chirpstack_v4_join", "join") == Joined("chirpstack", "0101010101010101", "00189440", NOW)
    acknowledged, sent = chirpstack("chirpstack_v4_ack", "ack"), chirpstack("chirpstack_v4_txack", "txack")
    assert (acknowledged.state, acknowledged.downlink_id) == (
        DownlinkState.ACKNOWLEDGED, "1bbcab1d-6ec6-4136-b3f5-d63be1dc08de",
    )  # fmt: skip
    assert (sent.state, sent.downlink_id) == (DownlinkState.SENT, "42cb6459-a640-46ec-9623-bdff39dc4736")
    assert chirpstack("chirpstack_v4_status", "status") == Notice("chirpstack", "status", "0101010101010101")


def test_an_omitted_acknowledgement_is_none() -> None:
    fields = json.loads(raw("chirpstack_v4_ack"))
    del fields["acknowledged"]
    report = chirpstack_json.event_from_json(json.dumps(fields).encode(), "ack", NOW)
    assert isinstance(report, DownlinkReport) and report.state is DownlinkState.NOT_ACKNOWLEDGED


def test_the_network_servers_own_clock_counts_before_a_gateways() -> None:
    fields = json.loads(raw("ecw1_chirpstack_up"))
    fields["rxInfo"] = [{"nsTime": "2026-11-17T00:45:04Z"}, {"nsTime": "2026-11-17T00:45:03.5Z"}, {"rssi": -3}]
    for time in ("1980-01-06T00:00:00Z", "2031-01-01T00:00:00Z", None):
        fields["time"] = time
        uplink = chirpstack_json.uplink_from_json(json.dumps(fields).encode(), NOW)
        assert uplink.received_at == datetime(2026, 11, 17, 0, 45, 3, 500000, UTC)
    fields["rxInfo"] = "none"
    assert chirpstack_json.uplink_from_json(json.dumps(fields).encode(), NOW).received_at == NOW


def test_commands_to_chirpstack_are_as_documented() -> None:
    made = json.loads(chirpstack_json.command_json(EUI, DownlinkFrame(ID, 20, REPAIR)))
    assert made.pop("id") == ID
    assert made == json.loads(raw("ecw1_chirpstack_command_down"))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("log", {"level": "ERROR", "code": "UPLINK_MIC"}),
        ("location", {}),
        ("integration", {}),
        ("strange", {}),
        ("join", {}),
    ],
)
def test_chirpstacks_other_events_are_noted(kind: str, content: dict[str, str]) -> None:
    event = chirpstack_json.event_from_json(json.dumps(content).encode(), kind, NOW)
    assert isinstance(event, Notice)
    assert event.detail == ("ERROR UPLINK_MIC" if kind == "log" else "'strange'" if kind == "strange" else "")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"deviceInfo": {"devEui": 5}}',
        b'{"deviceInfo": {"devEui": "70b3d57ed0061a2b"}, "data": "no base64!"}',
    ],
)
def test_an_uplink_of_chirpstack_that_cannot_be_read_is_kept(content: bytes) -> None:
    event = chirpstack_json.event_from_json(content, "up", NOW)
    assert isinstance(event, Uplink) and event.fault is not None and event.payload == content
    assert isinstance(chirpstack_json.event_from_json(content, "ack", NOW), DownlinkReport | Notice)


@given(st.binary(max_size=100), st.sampled_from([*chirpstack_json.EVENTS, "", "x"]))
def test_any_bytes_are_some_event(content: bytes, kind: str) -> None:
    chirpstack_json.event_from_json(content, kind, NOW)
    things_stack_json.event_from_json(content, NOW)


def test_whom_a_downlink_is_addressed_to() -> None:
    assert things_stack_json.device_id_of(raw("ecw1_tts_up").decode()) == "eui-70b3d57ed0061a2b"
    assert chirpstack_json.application_of(raw("ecw1_chirpstack_up").decode()) == "17c82e96-be03-4f38-aef3-f83d48582d97"
    for envelope in ("", "{}", '{"end_device_ids": {"device_id": "a/b"}, "deviceInfo": {"applicationId": "+"}}'):
        assert things_stack_json.device_id_of(envelope) is None
        assert chirpstack_json.application_of(envelope) is None


@pytest.mark.parametrize(
    ("id_", "port", "payload"), [("x", 20, b"1"), (ID.upper(), 20, b"1"), (ID, 0, b"1"), (ID, 224, b"1"), (ID, 20, b"")]
)
def test_a_downlink_that_cannot_be_is_refused(id_: str, port: int, payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"UUID|port"):
        DownlinkFrame(id_, port, payload)


async def test_each_event_goes_where_it_belongs() -> None:
    taken: list[Any] = []

    async def take(event: Any) -> None:
        taken.append(event)

    uplink = things_stack("tts_v3_up")
    report = DownlinkReport("chirpstack", EUI, ID, DownlinkState.SENT, NOW - timedelta(hours=1))
    dispatch = Dispatch(take, take)
    for event in (uplink, report, things_stack("tts_v3_join"), Notice("chirpstack", "status")):
        await dispatch.take(event)
    assert taken == [uplink, report]
    await Dispatch(take).take(report)
    assert len(taken) == 2
