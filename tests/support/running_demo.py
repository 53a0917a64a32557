"""The demo as `make demo` starts it, for tests that look at it from outside."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from standalone.layout import Facts, Layout

ROOT = Path(__file__).parents[2]
START_S = 240
_PAGE = re.compile(r"The page:\s+(http://[^/]+)/")


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: its address, and a key for each role."""

    url: str
    member_key: str
    operator_key: str
    auditor_key: str

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    async def final_of_member(self) -> int:
        """The member's final balance in base units, asked of the API itself."""
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            answer = await client.post(
                f"{self.url}/graphql",
                json={"query": "{ balances { final } }"},
                headers={"Authorization": f"Bearer {self.member_key}"},
            )
        return sum(int(each["final"]) for each in answer.raise_for_status().json()["data"]["balances"])


def demo_at(url: str, folder: Path) -> Demo:
    """The demo of `folder` that runs at `url` already."""
    facts = Facts.load(Layout(ROOT, folder).facts)
    assert facts is not None, f"there is no demo in {folder}: start it with make demo"
    return Demo(url.rstrip("/"), facts.member_key, facts.operator_key, facts.auditor_key)


@asynccontextmanager
async def running_demo(folder: Path) -> AsyncIterator[Demo]:
    """A demo of its own in `folder`, on free ports; it is stopped by Ctrl-C, as a person does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "standalone", "demo", "--folder", str(folder), "--port", "0",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said: list[str] = []
    reading = None
    try:
        async with asyncio.timeout(START_S):
            while line := (await process.stdout.readline()).decode():
                said.append(line)
                if found := _PAGE.search(line):
                    break
            else:
                raise AssertionError("the demo did not start:\n" + "".join(said))
        reading = asyncio.create_task(process.stdout.read())  # whatever it says from here on, so that it never waits
        yield demo_at(found[1], folder)
        assert process.returncode is None, "the demo ended while it was looked at"
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        await process.wait()
        if reading is not None:
            await reading
