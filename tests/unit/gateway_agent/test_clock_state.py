"""Who may know whether our clock is right, and what each of them says."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from gateway_agent import clock_state
from gateway_agent.clock_state import (
    REFRESH,
    WatchedHostClock,
    ask_chrony,
    ask_systemd,
    ask_time_server,
    chrony_state,
    host_probes,
    parse_sntp,
    sntp_offset_s,
)
from tests.support.agents import until
from tests.support.manual_clock import ManualClock

NOW = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
NTP_EPOCH_S = 2_208_988_800


def answer(at: datetime, *, first: int = 0b00_100_100, stratum: int = 2) -> bytes:
    seconds = int(at.timestamp()) + NTP_EPOCH_S
    fraction = at.microsecond * 2**32 // 1_000_000
    return bytes([first, stratum]) + bytes(38) + (seconds % 2**32).to_bytes(4) + fraction.to_bytes(4)


class TimeServer(asyncio.DatagramProtocol):
    """Answers every question with the same bytes."""

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.asked: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self.asked.append(data)
        self.transport.sendto(self.said, addr)


@pytest.mark.parametrize(("ahead_s", "good"), [(0.5, True), (-1.9, True), (2.5, False), (-3600, False)])
async def test_a_time_server_says_how_far_we_are_off(ahead_s: float, good: bool) -> None:
    clock = ManualClock(NOW)
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: TimeServer(answer(NOW + timedelta(seconds=ahead_s))), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    try:
        assert await sntp_offset_s("127.0.0.1", port, clock) == pytest.approx(ahead_s, abs=1e-3)
        assert await ask_time_server("127.0.0.1", port, clock) is good
        (probe,) = host_probes(clock, f"127.0.0.1:{port}")[2:]
        assert await probe() is good
        assert server.asked[0][0] & 7 == 3 and len(server.asked[0]) == 48  # a client's question
    finally:
        transport.close()


async def test_nobody_there_is_nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_state, "ANSWER_S", 0.2)
    clock = ManualClock(NOW)
    assert await sntp_offset_s("127.0.0.1", 9, clock) is None
    assert await sntp_offset_s("no.such.host.invalid", 123, clock) is None
    assert await ask_time_server("127.0.0.1", 9, clock) is None


def test_only_the_answer_of_a_server_that_knows_the_time_counts() -> None:
    assert parse_sntp(answer(NOW)) == NOW.timestamp()
    assert parse_sntp(answer(datetime(2040, 1, 1, tzinfo=UTC))) == datetime(2040, 1, 1, tzinfo=UTC).timestamp()
    for wrong in (
        answer(NOW)[:47],
        answer(NOW, first=0b11_100_100),  # not synchronised itself
        answer(NOW, first=0b00_100_011),  # a client's question
        answer(NOW, stratum=0),  # go away
        answer(NOW, stratum=16),
        answer(NOW)[:40] + bytes(8),
    ):
        assert parse_sntp(wrong) is None


def test_chrony_is_understood() -> None:
    line = "D9A9F042,217.169.240.66,3,1785000000.1,0.0001,0.0001,0.0002,1.0,0.0,0.1,0.01,0.01,64.0,"
    assert chrony_state(line + "Normal") is True
    assert chrony_state(line + "Not synchronised") is False
    assert chrony_state("506 Cannot talk to daemon") is None


@pytest.mark.parametrize(("said", "known"), [("yes", True), ("no", False), ("", None)])
async def test_the_time_service_of_the_system_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, known: bool | None
) -> None:
    monkeypatch.setattr(clock_state, "_TIMESYNC_MARK", tmp_path / "synchronized")
    for name, words in (("timedatectl", said), ("chronyc", "")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {words}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert await ask_systemd() is known
    assert await ask_chrony() is None
    (tmp_path / "synchronized").touch()
    assert await ask_systemd() is True
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert await ask_chrony() is None


async def test_the_first_that_knows_is_believed_and_asked_again_later() -> None:
    clock, says = ManualClock(NOW), [None, True]

    async def silent() -> bool | None:
        return None

    async def knowing() -> bool | None:
        return says[-1]

    host = WatchedHostClock(clock, [silent, knowing])
    assert host.synchronised is None
    task = asyncio.create_task(host.run())
    try:
        await until(lambda: host.synchronised is True, "the first look")
        says.append(False)
        await until(lambda: clock.sleepers == 1, "sleeping")
        await clock.move_to(NOW + REFRESH)
        await until(lambda: host.synchronised is False, "the second look")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
