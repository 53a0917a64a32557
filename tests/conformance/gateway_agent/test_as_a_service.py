"""The agent as systemd runs it: ready, alive, its numbers for Prometheus, and gone cleanly when told."""

import asyncio
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from community.clock import slot_start
from gateway_agent.commands import create_key
from gateway_agent.metrics_file import metrics_text, write_metrics
from gateway_agent.settings import load_settings
from gateway_agent.spool_view import SpoolStatus
from tests.support.agents import mqtt_sink, until, write_agent_config
from tests.support.brokers import start_amqtt
from tests.support.meter_lines import Flat, line_that_says

ROOT = Path(__file__).parents[3]
DEVELOPMENT = 'backend = "development"\nkey_file = "dev.pem"'
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def numbers(text: str) -> dict[str, float]:
    """Values by name, of a page that Prometheus could read."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name.partition("{")[0]] = float(value)
            assert f"# TYPE {name.partition('{')[0]} " in text and f"# HELP {name.partition('{')[0]} " in text
    return found


async def heard(manager: socket.socket, fact: str) -> None:
    """Wait until the service manager was told `fact`."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(30):
        while fact not in (await loop.sock_recv(manager, 4096)).decode().split("\n"):
            pass


async def test_it_tells_that_it_lives_and_stops_when_told(tmp_path: Path) -> None:
    meter = f'profile = "at-wiener-netze"\nport = "{tmp_path / "head"}"\nkey_file = "meter.key"'
    async with start_amqtt() as broker, line_that_says(tmp_path / "head", Flat().telegram):
        config = write_agent_config(tmp_path, meter, mqtt_sink(broker.address), DEVELOPMENT, register_profile=1)
        config.write_text(config.read_text().replace("[gateway]", '[gateway]\nmetrics_file = "node/agent.prom"'))
        create_key(load_settings(config), lambda _line: None)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
            manager.bind(str(tmp_path / "notify"))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway_agent", "run", "--config", str(config), cwd=ROOT,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"},
            )  # fmt: skip
            try:
                await heard(manager, "READY=1")
                await heard(manager, "WATCHDOG=1")
                await heard(manager, "WATCHDOG=1")
                page = tmp_path / "node" / "agent.prom"
                await until(page.exists, "the metrics file")
                assert numbers(page.read_text())["gateway_agent_unacknowledged_statements"] == 0
                process.send_signal(signal.SIGTERM)
                await heard(manager, "STOPPING=1")
                assert await asyncio.wait_for(process.wait(), 20) == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


def test_the_numbers_are_those_of_the_spool(tmp_path: Path) -> None:
    slot = int(NOON.timestamp()) // 900
    status = SpoolStatus(5, 1, 3, 2, 0, slot, 17, 40, held=1, oldest_open_slot=slot - 3, size_bytes=4096)
    text = metrics_text('a "b"\\', status, NOON, True)
    found = numbers(text)
    assert 'meter="a \\"b\\"\\\\"' in text
    assert found["gateway_agent_newest_reading_seconds"] == slot_start(slot).timestamp()
    assert found["gateway_agent_oldest_unacknowledged_seconds"] == slot_start(slot - 3).timestamp()
    assert (found["gateway_agent_readings"], found["gateway_agent_statement_counter"]) == (5, 17)
    assert (found["gateway_agent_quarantined_readings"], found["gateway_agent_clock_synchronised"]) == (1, 1)
    assert "clock" not in metrics_text("m", status, NOON, None)
    write_metrics(tmp_path / "a" / "b.prom", text)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.prom"]
