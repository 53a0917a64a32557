"""Waiting for servers."""

import asyncio

DEADLINE_S = 10


async def accepting(port: int) -> None:
    """Return when something accepts connections at `port` of the loopback."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return
