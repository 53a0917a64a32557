"""Health, readiness and figures over HTTP: what each process shows, and what it says when something is amiss."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from community.errors import FatalError
from community.runtime.figures import figure, log_events
from community.runtime.logs import configure_logging
from community.runtime.probes import NOWHERE, Condition, ProbesAddress, probes
from community.store.unit_of_work import Store, StoreUnavailable
from tests.support.anvil import start_anvil
from tests.support.brokers import free_port
from tests.support.logging_put_back import logging_put_back
from tests.support.process_pages import NOW, conditions, pages


class Told:
    """A condition that says what the test says."""

    def __init__(self) -> None:
        self.not_alive = self.not_ready = ""
        self.books_away = False

    def why_not_alive(self) -> str:
        return self.not_alive

    async def why_not_ready(self) -> str:
        if self.books_away:
            raise StoreUnavailable("The database is away.")
        return self.not_ready

    async def figures(self) -> list[Metric]:
        if self.books_away:
            raise StoreUnavailable("The database is away.")
        return [figure("counter", "told_answers_total", "answers", {"yes": 2, "no": 1}, "which")]


@asynccontextmanager
async def asked(condition: Condition) -> AsyncIterator[Any]:
    """A process with this condition, and how to ask it: `get(path)` gives the status and the text."""
    port = free_port()
    async with probes("told", condition, ProbesAddress("127.0.0.1", port, "TOLD_PROBES_PORT")), aiohttp.ClientSession() as session:  # fmt: skip

        async def get(path: str) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{port}{path}") as response:
                return response.status, await response.text()

        yield get


async def test_it_says_whether_it_is_alive_and_ready_and_why_not() -> None:
    condition = Told()
    async with asked(condition) as get:
        assert await get("/health") == (200, '{"ok": true, "reason": ""}')
        assert (await get("/ready"))[0] == 200
        condition.not_alive, condition.not_ready = "no step for an hour", "12 blocks behind"
        assert await get("/health") == (503, '{"ok": false, "reason": "no step for an hour"}')
        assert await get("/ready") == (503, '{"ok": false, "reason": "12 blocks behind"}')
        assert (await get("/other"))[0] == 404
        _, text = await get("/metrics")
    assert "told_alive 0.0" in text and "told_ready 0.0" in text and 'told_answers_total{which="yes"} 2.0' in text


async def test_books_that_are_away_leave_a_page_that_says_so() -> None:
    condition = Told()
    condition.books_away = True
    async with asked(condition) as get:
        assert await get("/ready") == (503, '{"ok": false, "reason": "The database is away."}')
        status, text = await get("/metrics")
    assert status == 200
    assert "told_measured 0.0" in text and "told_ready 0.0" in text and "told_answers" not in text
    assert "process_resident_memory_bytes" in text


async def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    taken = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    async with taken:
        with pytest.raises(FatalError, match="set TOLD_PROBES_PORT to another"):
            async with probes("told", Told(), ProbesAddress("127.0.0.1", port, "TOLD_PROBES_PORT")):
                raise AssertionError("it must not begin")
    async with probes("told", Told(), NOWHERE):
        pass  # nothing listens


def test_warnings_and_errors_are_counted_by_their_names() -> None:
    with logging_put_back():
        configure_logging("told", as_json=True)
        before = dict(log_events)
        log = structlog.get_logger()
        log.info("process_started")
        log.warning("test_probes_warned", reason="free text")
        log.error("test_probes_failed")
        log.error("test_probes_failed")
        logging.getLogger("some.library").error("free text of %s", "another")
        counted = {key: count - before.get(key, 0) for key, count in log_events.items() if count != before.get(key, 0)}
    assert counted == {("warning", "test_probes_warned"): 1, ("error", "test_probes_failed"): 2}


async def test_every_process_has_a_page_that_prometheus_can_read(sqlite_store: Store, tmp_path: Path) -> None:
    with start_anvil() as node:
        found = await pages(sqlite_store, tmp_path, node.url)
    assert len(found) == 6
    for process, text in found.items():
        families = {family.name: family for family in text_string_to_metric_families(text)}
        own = [name for name in families if name.startswith(f"{process}_")]
        assert len(own) >= 6, process
        assert families[f"{process}_measured"].samples[0].value == 1, process
        assert {"process_cpu_seconds", "log_events"} <= families.keys()
        assert all(family.documentation for family in families.values())


async def test_what_each_process_says_of_itself(sqlite_store: Store, tmp_path: Path) -> None:
    async with conditions(sqlite_store, tmp_path, "http://127.0.0.1:9") as known:
        await _say(known)


async def _say(given: dict[str, Any]) -> None:
    settlement = given["settlement"]
    assert "gate" in await settlement.why_not_ready()
    settlement.passed(2)
    assert await settlement.why_not_ready() == "" and settlement.blocked_sources == 2
    settlement._now = lambda: NOW + timedelta(minutes=6)
    assert settlement.why_not_alive() == "no pass was made for 360 s"
    settlement.standing_by = True
    assert settlement.why_not_alive() == "" and "stands by" in await settlement.why_not_ready()
    signer = given["signer"]
    assert await signer.why_not_ready() == "the signature broker is not connected"
    assert await given["ingest"].why_not_ready() == ""
    given["ingest"]._broker_connected = lambda: False
    assert await given["ingest"].why_not_ready() == "the device broker is not connected"
    assert "has not begun" in await given["api"].why_not_ready()
    assert await given["gateway_agent"].why_not_ready() == "the meter pv has given no reading yet"
