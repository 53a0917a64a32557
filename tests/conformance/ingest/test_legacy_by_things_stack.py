"""Legacy payloads in The Things Stack's uplinks: by MQTT 3.1.1, by its storage over HTTP, and both."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import select
from sqlmodel import col

from community.attestation.reasons import Reason
from community.clients.mqtt import MqttAddress, MqttConnection
from community.metering.dlms.encode import MeterModel, PushMeter, encode_push_frame
from community.store.poll_positions import PollPosition
from community.store.tables.measuring import FrameRow, MeasurementRow
from community.store.unit_of_work import Store
from ingest.intake import NotTakenIn
from ingest.outcomes import Outcome
from ingest.sources.things_stack import StorageUnavailable, ThingsStack, ThingsStackAddress
from ingest.sources.things_stack_json import uplink_from_json
from ingest.uplinks import Uplink
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.brokers import start_amqtt
from tests.support.legacy_gateway import GATEWAY, IMPORT, METER, QUARTER, books, legacy_payload
from tests.support.sending_device import NOON, StandingClock


def uplink_json(payload: bytes, at: datetime, f_cnt: int = 0, **more: Any) -> dict[str, Any]:
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"
    message: dict[str, Any] = {"session_key_id": "AXA50", "f_port": 1, "received_at": stamp}
    message |= {"frm_payload": base64.b64encode(payload).decode()} | ({"f_cnt": f_cnt} if f_cnt else {})
    ids = {"device_id": "top-2", "dev_eui": GATEWAY.eui.upper(), "application_ids": {"application_id": "community"}}
    return {"end_device_ids": ids, "received_at": stamp, "uplink_message": message, **more}


async def send(intake: RunningIntake, content: bytes | dict[str, Any]) -> Outcome:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return await intake.intake.take_in(uplink_from_json(raw, intake.clock.now()))


async def test_a_telegram_becomes_a_measurement_and_intervals(store: Store) -> None:
    await books(store)
    async with running_intake(store) as intake:
        for n in range(4):
            at = NOON + n * QUARTER + timedelta(seconds=2)
            outcome = await send(intake, uplink_json(legacy_payload(100 + n, at, 5000 + n * n), at, n))
            assert (outcome.verdict, outcome.acknowledge) == ("admitted", None)
        assert await intake.readings("flat", IMPORT) == [(0, 5000), (1, 5001), (2, 5004), (3, 5009)]
        assert await intake.intervals("flat") == [(0, 1), (1, 3), (2, 5)]
        assert await intake.refused() == []
    async with store.read() as work:
        found = await work.session.execute(select(col(MeasurementRow.evidence_mode), col(MeasurementRow.off_s)))
        assert {(row.evidence_mode, row.off_s) for row in found} == {("ATTESTED", 2)}


async def test_an_older_telegram_by_a_slower_way_is_taken_in(store: Store) -> None:
    await books(store)
    async with running_intake(store) as intake:
        late = uplink_json(legacy_payload(101, NOON + QUARTER, 5010), NOON + QUARTER)
        for invocation, quarters, wh in ((100, 0, 5000), (102, 2, 5020)):
            at = NOON + quarters * QUARTER
            assert (await send(intake, uplink_json(legacy_payload(invocation, at, wh), at))).verdict == "admitted"
        assert await intake.gaps("flat") == [(0, 2, 20)]
        assert (await send(intake, {"result": late})).verdict == "admitted"
        assert (await send(intake, late)).verdict == "duplicate"
        assert (await intake.gaps("flat"), await intake.intervals("flat")) == ([], [(0, 10), (1, 10)])


async def test_what_is_wrong_is_kept_with_its_reason(store: Store) -> None:
    await books(store)
    good, thief = legacy_payload(100, NOON, 5000), ec.generate_private_key(ec.SECP256R1())
    other_meter = PushMeter(MeterModel.E450, METER.system_title, bytes(16))
    unreadable = encode_push_frame(other_meter, 104, NOON, {IMPORT: 1})
    r, s = decode_dss_signature(GATEWAY.key.sign(unreadable, ec.ECDSA(SHA256())))
    unreadable += hashlib.sha256(unreadable).digest() + r.to_bytes(32, "big") + s.to_bytes(32, "big")
    cases: list[tuple[bytes | dict[str, Any], str, Reason]] = [
        (b"{ no json", "rejected", Reason.MALFORMED),
        (b"\xff\xfe", "rejected", Reason.MALFORMED),
        (b"[1, 2]", "rejected", Reason.MALFORMED),
        ({"end_device_ids": {"dev_eui": GATEWAY.eui}, "join_accept": {}}, "rejected", Reason.MALFORMED),
        (uplink_json(good, NOON, simulated=True), "rejected", Reason.SIMULATED),
        (uplink_json(b"", NOON), "rejected", Reason.MALFORMED),
        (uplink_json(good[:-1] + bytes([good[-1] ^ 1]), NOON), "rejected", Reason.BAD_SIGNATURE),
        (uplink_json(legacy_payload(101, NOON, 1, thief), NOON), "rejected", Reason.BAD_SIGNATURE),
        (uplink_json(unreadable, NOON), "quarantined", Reason.METER_FRAME_UNREADABLE),
        (uplink_json(legacy_payload(102, NOON + timedelta(seconds=40), 1), NOON + QUARTER), "quarantined", Reason.NOT_AT_A_BOUNDARY),
        (uplink_json(legacy_payload(103, NOON + QUARTER, 1), NOON), "quarantined", Reason.FROM_THE_FUTURE),
        (uplink_json(good, NOON), "admitted", Reason.MALFORMED),
        (uplink_json(legacy_payload(100, NOON + QUARTER, 5001), NOON + QUARTER), "rejected", Reason.REPEATED_COUNTER),
    ]  # fmt: skip
    async with running_intake(store) as intake:
        for content, verdict, reason in cases:
            outcome = await send(intake, content)
            assert outcome.verdict == verdict, (content, outcome)
            if verdict != "admitted":
                assert outcome.reason == reason, (content, outcome)
        assert len(await intake.refused()) == len(cases) - 1
        assert await intake.readings("flat", IMPORT) == [(0, 5000)]
    async with store.read() as work:
        kept = await work.session.execute(select(col(FrameRow.payload), col(FrameRow.envelope)))
        envelopes = [row for row in kept if row.payload == good]
    assert [json.loads(row.envelope) for row in envelopes] == [uplink_json(good, NOON)]  # verbatim


@dataclass
class Storage:
    """What the server's storage holds, and what it was asked for."""

    stored: list[dict[str, Any]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    failing: bool = False
    url: str = ""


@contextmanager
def storage_server() -> Iterator[Storage]:
    """A Storage Integration over real HTTP: NDJSON, Bearer key, `after`, `limit`."""
    storage = Storage()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            storage.queries.append(query)
            right = parts.path == "/api/v3/as/applications/community/packages/storage/uplink_message"
            if storage.failing or not right or self.headers["Authorization"] != "Bearer NNSXS.key":
                self.send_error(503 if storage.failing else 403)
                return
            found = [one for one in storage.stored if one["received_at"] > query.get("after", "")]
            body = b"".join(json.dumps({"result": one}).encode() + b"\n" for one in found[: int(query["limit"])])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    storage.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield storage
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def until(condition: Callable[[], bool], deadline_s: float = 15) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(stack: ThingsStack) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(stack.run(stop))
    try:
        await until(lambda: stack.connected)
        yield
    finally:
        stop.set()
        await task


async def test_live_and_stored_uplinks_make_one_set_of_books(sqlite_store: Store) -> None:
    await books(sqlite_store)
    sent = [uplink_json(legacy_payload(100 + n, NOON + n * QUARTER, 5000 + n), NOON + n * QUARTER, n) for n in range(6)]
    async with start_amqtt() as broker, running_intake(sqlite_store) as intake:
        intake.clock.instant = NOON + timedelta(minutes=80)
        with storage_server() as storage:
            storage.stored = sent[:3]  # sent while nobody listened
            address = ThingsStackAddress(
                broker.address, "community@ttn", storage.url, "NNSXS.key", poll_every=timedelta(seconds=0.2)
            )
            stack = ThingsStack(address, "ingest-tts", intake.intake.take_in, intake.clock)
            network_server = MqttConnection(broker.address, "network-server")
            await network_server.start()
            async with listening(stack):
                await until(lambda: intake.intake.counts.admitted == 3)
                for one in (sent[5], sent[3]):
                    topic = "v3/community@ttn/devices/top-2/up"
                    await network_server.publish(topic, json.dumps(one).encode(), qos=0)
                await until(lambda: intake.intake.counts.admitted == 5)
                storage.stored = sent  # the storage is written late, with what MQTT had lost
                await until(lambda: intake.intake.counts.admitted == 6)
            await network_server.stop()
            assert await intake.readings("flat", IMPORT) == [(n, 5000 + n) for n in range(6)]
            assert await intake.refused() == []
            assert "after" not in storage.queries[0]
            assert storage.queries[1]["after"].startswith("2026-03-02T12:00:00")  # half an hour of overlap


async def test_after_a_restart_the_storage_is_asked_from_where_it_was(store: Store) -> None:
    await books(store)
    async with running_intake(store) as intake:
        with storage_server() as storage:
            address = ThingsStackAddress(_nobody(), "community@ttn", storage.url, "NNSXS.key")

            def started() -> ThingsStack:
                position = PollPosition(store, "things_stack/community@ttn")
                return ThingsStack(address, "ingest", intake.intake.take_in, intake.clock, position=position)

            def sent_at(number: int) -> dict[str, Any]:
                at = NOON + number * QUARTER
                return uplink_json(legacy_payload(100 + number, at, 5000 + number), at)

            await started().poll()
            intake.clock.instant += timedelta(days=1)
            storage.stored = [sent_at(n) for n in range(4)]
            await started().poll()
            second = started()
            second.backfill(NOON - timedelta(hours=1))
            await second.poll()
            await second.poll()
            storage.failing = True
            with pytest.raises(StorageUnavailable):
                await started().poll()
            storage.failing = False
            # While nobody ran; the server's clock is a day behind ours, and nothing may be lost by that.
            storage.stored = [sent_at(n) for n in range(9)]
            await started().poll()
            assert await intake.readings("flat", IMPORT) == [(n, 5000 + n) for n in range(9)]
            await started().poll()
    asked = [query.get("after", "")[:16] for query in storage.queries]
    # All, until there is anything; then half an hour before the newest uplink that was read, once from before a gap of evidence.
    read_to = "2026-03-02T12:15"
    assert asked == ["", "", "2026-03-02T11:00", read_to, read_to, read_to, "2026-03-02T13:30"]


async def test_an_uplink_of_the_future_hides_none_that_comes_later(sqlite_store: Store) -> None:
    async with running_intake(sqlite_store) as intake:
        with storage_server() as storage:
            storage.stored = [uplink_json(legacy_payload(100, NOON, 5000), NOON + timedelta(days=3650))]
            address = ThingsStackAddress(_nobody(), "community@ttn", storage.url, "NNSXS.key")
            stack = ThingsStack(address, "ingest", intake.intake.take_in, intake.clock)
            await stack.poll()
            await stack.poll()
            expected = (intake.clock.instant - timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M")
            assert storage.queries[-1]["after"].startswith(expected)


async def test_a_storage_that_fails_is_asked_again_for_the_same_time(sqlite_store: Store) -> None:
    await books(sqlite_store)
    async with running_intake(sqlite_store) as intake:
        with storage_server() as storage:
            address = ThingsStackAddress(_nobody(), "community@ttn", storage.url, "NNSXS.key")
            stack = ThingsStack(address, "ingest-tts", intake.intake.take_in, intake.clock)
            storage.failing = True
            with pytest.raises(StorageUnavailable, match="does not answer"):
                await stack.poll()
            storage.failing = False
            storage.stored = [uplink_json(legacy_payload(100, NOON, 5000), NOON)]
            assert await stack.poll() == 1
            assert "after" not in storage.queries[-1]
        assert await intake.readings("flat", IMPORT) == [(0, 5000)]


async def test_more_than_a_page_is_read_to_its_end(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.sources.things_stack.PAGE", 4)
    await books(sqlite_store)
    async with running_intake(sqlite_store) as intake:
        with storage_server() as storage:
            storage.stored = [
                uplink_json(legacy_payload(100 + n, NOON + n * QUARTER, 5000 + n), NOON + n * QUARTER)
                for n in range(10)
            ]
            address = ThingsStackAddress(_nobody(), "community@ttn", storage.url, "NNSXS.key")
            await ThingsStack(address, "ingest-tts", intake.intake.take_in, intake.clock).poll()
        assert len(await intake.readings("flat", IMPORT)) == 10


def _nobody() -> MqttAddress:
    return MqttAddress("mqtt://127.0.0.1:1", version=4)


GOLDEN = Path(__file__).parents[2] / "golden" / "network_servers"


def test_the_real_samples_of_the_network_server_are_read() -> None:
    live = uplink_from_json((GOLDEN / "tts_v3_up.json").read_bytes(), NOON)
    assert (live.device_eui, live.payload.hex(), live.f_cnt, live.f_port) == ("0004a30b001c0530", "8241de", 1, 0)
    assert live.received_at.isoformat() == "2020-02-12T15:15:45.789585+00:00"
    stored = [
        uplink_from_json(line, NOON)
        for line in (GOLDEN / "tts_v3_storage_stream.ndjson").read_bytes().splitlines()
        if line
    ]
    assert [one.f_cnt for one in stored[:2]] == [43, 44]
    assert all(one.device_eui == "1" * 16 and one.fault is None for one in stored)
    assert live.envelope == (GOLDEN / "tts_v3_up.json").read_text()
    assert uplink_from_json((GOLDEN / "tts_v3_join.json").read_bytes(), NOON).fault is not None


async def test_an_uplink_that_cannot_be_stored_keeps_none_of_the_others_from_the_books() -> None:
    payloads = [b"first", b"poison", b"third"]
    taken: list[bytes] = []

    async def take_in(uplink: Uplink) -> None:
        if uplink.payload == b"poison":
            raise NotTakenIn("the database answers and refuses it")
        taken.append(uplink.payload)

    with storage_server() as storage:
        storage.stored = [uplink_json(payload, NOON + n * QUARTER) for n, payload in enumerate(payloads)]
        address = ThingsStackAddress(_nobody(), "community@ttn", storage.url, "NNSXS.key")
        stack = ThingsStack(address, "ingest-tts", take_in, StandingClock())
        for _ in range(2):
            assert await stack.poll() == 2
    assert taken == [b"first", b"third"] * 2
    assert ["after" in query for query in storage.queries] == [False, False], "what is left is asked for again"
