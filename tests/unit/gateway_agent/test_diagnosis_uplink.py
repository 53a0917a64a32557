"""Each reason why nothing is reached has its own words."""

import asyncio
import socket

import pytest

from gateway_agent.diagnosis_uplink import tcp_trouble


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(-2, "Name or service not known"), "name broker is not known"),
        (UnicodeError("label too long"), "name broker is not known"),
        (ConnectionRefusedError(), "nothing listens on port 8883"),
        (TimeoutError(), "does not answer in 8 s"),
        (OSError(113, "No route to host"), "cannot be reached: No route to host"),
    ],
)
async def test_trouble(monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str) -> None:
    async def fail(_host: str, _port: int) -> None:
        raise error

    monkeypatch.setattr(asyncio, "open_connection", fail)
    trouble = await tcp_trouble("broker", 8883)
    assert trouble is not None and reason in trouble[0] and trouble[1]


async def test_no_trouble() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    try:
        assert await tcp_trouble("127.0.0.1", server.sockets[0].getsockname()[1]) is None
    finally:
        server.close()
        await server.wait_closed()
