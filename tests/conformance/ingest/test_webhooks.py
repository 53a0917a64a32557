"""Webhooks over real HTTP: the same intake by a second path, guarded, bounded, answered after the commit."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from community.errors import FatalError
from community.store.unit_of_work import Store, StoreUnavailable
from ingest.network_events import DownlinkReport
from ingest.sources import webhooks
from ingest.sources.network_json import JSON_SIZE_MAX
from ingest.sources.things_stack_json import uplink_from_json
from ingest.sources.webhooks import WebhookAddress, Webhooks
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.legacy_gateway import GATEWAY, IMPORT, QUARTER, books, legacy_payload
from tests.support.sending_device import NOON

SECRETS = {"things_stack": "a secret of tts 01", "chirpstack": "a secret of cs 002"}
PAYLOADS = [base64.b64encode(legacy_payload(100 + n, NOON + n * QUARTER, 5000 + n)).decode() for n in range(3)]
BEARER = {server: {"Authorization": f"Bearer {secret}"} for server, secret in SECRETS.items()}


def tts(n: int) -> dict[str, Any]:
    at = (NOON + n * QUARTER).isoformat()
    return {
        "end_device_ids": {"dev_eui": GATEWAY.eui.upper(), "device_id": "top-2"},
        "uplink_message": {"f_port": 1, "received_at": at, "frm_payload": PAYLOADS[n]},
    }


def chirpstack(n: int) -> dict[str, Any]:
    info = {"applicationId": "a", "devEui": GATEWAY.eui}
    return {"deviceInfo": info, "time": (NOON + n * QUARTER).isoformat(), "fPort": 1, "data": PAYLOADS[n]}


class Hooks:
    """A running server of webhooks and a client of it."""

    def __init__(self, server: Webhooks, client: httpx.AsyncClient, reports: list[DownlinkReport]) -> None:
        self.server, self.client, self.reports = server, client, reports

    async def post(self, path: str, content: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        server = path.split("/", maxsplit=1)[0].split("?", maxsplit=1)[0]
        return await self.client.post(f"/webhooks/{path}", content=raw, headers=headers or BEARER[server])


@asynccontextmanager
async def serving(intake: RunningIntake) -> AsyncIterator[Hooks]:
    reports: list[DownlinkReport] = []

    async def report(one: DownlinkReport) -> None:
        reports.append(one)

    address = WebhookAddress("127.0.0.1", 0, SECRETS["things_stack"], SECRETS["chirpstack"])
    server = Webhooks(address, intake.intake.take_in, intake.clock, report)
    stop = asyncio.Event()
    task = asyncio.create_task(server.run(stop))
    await asyncio.wait_for(server.server.started.wait(), 20)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.server.port}", timeout=20, trust_env=False
    ) as client:
        try:
            yield Hooks(server, client, reports)
        finally:
            stop.set()
            await task


async def test_both_servers_webhooks_enter_the_same_books(store: Store) -> None:
    await books(store)
    async with running_intake(store) as intake, serving(intake) as hooks:
        intake.clock.instant = NOON + timedelta(hours=2)
        assert (await hooks.post("things_stack", tts(0))).status_code == 204
        assert (await hooks.post("things_stack/up", tts(1))).status_code == 204  # with a path of its own
        assert (await hooks.post("chirpstack?event=up", chirpstack(2))).status_code == 204
        assert (await hooks.post("things_stack", tts(1))).status_code == 204  # repeated
        by_mqtt = await intake.intake.take_in(uplink_from_json(json.dumps(tts(0)).encode(), intake.clock.now()))
        assert by_mqtt.verdict == "duplicate"  # the same uplink by another way
        assert await intake.readings("flat", IMPORT) == [(n, 5000 + n) for n in range(3)]
        counts = intake.intake.counts
        assert (counts.admitted, counts.duplicate, counts.rejected) == (3, 2, 0)
        assert (await hooks.client.get("/healthz")).json() == {"ok": True}


async def test_joins_and_downlinks_come_by_webhook_too(sqlite_store: Store) -> None:
    async with running_intake(sqlite_store) as intake, serving(intake) as hooks:
        ack = {"deviceInfo": {"devEui": GATEWAY.eui}, "queueItemId": "x", "acknowledged": True}
        assert (await hooks.post("chirpstack?event=ack", ack)).status_code == 204
        assert (await hooks.post("chirpstack?event=join", ack)).status_code == 204
        failed = {"downlink_failed": {"error": {"name": "too_long"}}}
        assert (await hooks.post("things_stack/down/failed", failed)).status_code == 204
        assert [each.state for each in hooks.reports] == ["acknowledged", "failed"]
        assert intake.intake.counts.batches == 0


async def test_without_the_right_secret_nothing_comes_in(sqlite_store: Store) -> None:
    async with running_intake(sqlite_store) as intake, serving(intake) as hooks:
        wrong: list[dict[str, str]] = [
            {"X": "y"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong"}, BEARER["chirpstack"],
            {"Authorization": f"Basic {SECRETS['things_stack']}"}, {"X-Webhook-Secret": "wrong"},
            {"Authorization": f"Bearer {SECRETS['things_stack']}x"}, {"X-Webhook-Secret": "\xe4\xf6"},
        ]  # fmt: skip
        for headers in wrong:
            answer = await hooks.client.post("/webhooks/things_stack", content=b"{}", headers=[
                (name.encode(), value.encode("latin-1")) for name, value in headers.items()
            ])  # fmt: skip
            assert answer.status_code == 401 and "secret is missing or wrong" in answer.json()["error"]
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert intake.intake.counts.batches == 0
        named = {"X-Webhook-Secret": SECRETS["things_stack"]}
        assert (await hooks.post("things_stack", {"end_device_ids": {}}, named)).status_code == 204
        assert intake.intake.counts.rejected == 1  # kept, as what it is
        assert (await hooks.client.get("/webhooks/things_stack")).status_code == 405
        assert (await hooks.client.post("/elsewhere")).status_code == 404


async def test_a_body_is_bounded(sqlite_store: Store) -> None:
    async with running_intake(sqlite_store) as intake, serving(intake) as hooks:
        answer = await hooks.post("things_stack", b"x" * (JSON_SIZE_MAX + 1))
        assert answer.status_code == 413 and str(JSON_SIZE_MAX) in answer.json()["error"]
        assert (await hooks.post("things_stack", b"x" * JSON_SIZE_MAX)).status_code == 204
        assert (intake.intake.counts.batches, intake.intake.counts.rejected) == (1, 1)


async def test_while_the_store_is_away_the_server_is_asked_to_repeat(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await books(sqlite_store)
    monkeypatch.setattr("ingest.intake.RETRY_DELAYS_S", (0.01,))
    monkeypatch.setattr(webhooks, "ANSWER_WITHIN_S", 0.2)
    async with running_intake(sqlite_store) as intake, serving(intake) as hooks:
        begin = sqlite_store.begin

        def refusing() -> object:
            raise StoreUnavailable("away")

        monkeypatch.setattr(sqlite_store, "begin", refusing)
        answer = await hooks.post("things_stack", tts(0))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "again" in answer.json()["error"]
        monkeypatch.setattr(sqlite_store, "begin", begin)
        monkeypatch.setattr(webhooks, "ANSWER_WITHIN_S", 20)
        assert (await hooks.post("things_stack", tts(0))).status_code == 204
        assert await intake.readings("flat", IMPORT) == [(0, 5000)]


async def test_a_slow_sender_is_not_waited_for(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BODY_WITHIN_S", 0.1)
    async with running_intake(sqlite_store) as intake, serving(intake) as hooks:
        reader, writer = await asyncio.open_connection("127.0.0.1", hooks.server.server.port)
        head = f"POST /webhooks/things_stack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRETS['things_stack']}\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 20)
        writer.close()
        await writer.wait_closed()


async def test_a_taken_port_ends_with_a_sentence(sqlite_store: Store) -> None:
    async with running_intake(sqlite_store) as intake, serving(intake) as hooks:
        second = Webhooks(
            WebhookAddress("127.0.0.1", hooks.server.server.port, SECRETS["things_stack"]),
            intake.intake.take_in,
            intake.clock,
        )
        with pytest.raises(FatalError, match="INGEST_WEBHOOK_PORT"):
            await second.run(asyncio.Event())


@pytest.mark.parametrize("secrets", [(None, None), ("", None), ("short", None), (None, "fifteen letters")])
def test_webhooks_without_a_real_secret_are_refused(secrets: tuple[str | None, str | None]) -> None:
    with pytest.raises(ValueError, match="secret"):
        WebhookAddress("127.0.0.1", 1, *secrets)
