"""The service manager is told what it must know, on the socket that it names."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from gateway_agent.systemd import keep_alive, notify, watchdog_interval_s


def test_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert not notify("READY=1")
    assert watchdog_interval_s() is None
    asyncio.run(keep_alive())  # returns at once


@pytest.mark.parametrize("is_abstract", [False, True])
def test_facts_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_abstract: bool) -> None:
    name = f"@gateway-agent-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if is_abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert notify("READY=1", "STATUS=reading flat-12")
        assert manager.recv(4096) == b"READY=1\nSTATUS=reading flat-12"


async def test_the_watchdog_hears_twice_in_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "100000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        assert watchdog_interval_s() == 0.05
        beating = asyncio.create_task(keep_alive())
        loop = asyncio.get_running_loop()
        assert [await asyncio.wait_for(loop.sock_recv(manager, 64), 5) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        beating.cancel()
        monkeypatch.setenv("WATCHDOG_PID", "1")
        assert watchdog_interval_s() is None
