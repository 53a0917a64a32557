"""Programs in Node.js that speak to the API as the official clients and kits do."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DEADLINE_S = 90


async def run(program: str, *arguments: str, ready: Callable[[], Awaitable[object]] | None = None) -> Any:
    """What the program says last, as JSON. When it says `ready`, that is called."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / program),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=10_000_000,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            last = b""
            while line := await process.stdout.readline():
                last = line
                if line.strip() == b"ready" and ready is not None:
                    await ready()
            errors = (await process.stderr.read()).decode()
            assert await process.wait() == 0, errors
            return json.loads(last)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
