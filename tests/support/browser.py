"""A headless Chromium, driven over its remote debugging protocol: enough to open a page, look, click and take pictures."""

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import websockets

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_S = 30.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)


def find_browser() -> str:
    """The path of an installed Chromium. Raises RuntimeError with what to do where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("Chromium is not installed: run `make test`, or install the package chromium")
    return found


class Page:
    """One tab. `evaluate` runs JavaScript and returns its JSON value."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in self._connection:
                said = json.loads(text)
                if "id" in said and (waiting := self._answers.pop(said["id"], None)):
                    waiting.set_result(said)
                elif said.get("method") == "Network.requestWillBeSent":
                    self.requested.append(said["params"]["request"]["url"])
                elif said.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                    self.complaints.append(json.dumps(said["params"]))

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        said = await asyncio.wait_for(answer, 30)
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)

    async def evaluate(self, script: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, script: str, seconds: float = 15) -> None:
        """Wait until the script's value is true."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            with contextlib.suppress(AssertionError):
                if await self.evaluate(f"Boolean({script})"):
                    return
            assert asyncio.get_running_loop().time() < deadline, f"never true: {script}; complaints: {self.complaints}"
            await asyncio.sleep(0.05)

    async def look(self, width: int, *, dark: bool = False, phone: bool = False) -> bytes:
        """A picture of the whole page as PNG."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": phone}
        await self.call("Emulation.setDeviceMetricsOverride", **metrics)
        picture = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(picture["data"])

    async def close(self) -> None:
        self._listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listener


@contextlib.asynccontextmanager
async def browser_page(program: str) -> AsyncIterator[Page]:
    """A fresh browser with an empty profile and one tab; both are gone afterwards."""
    with TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program, *FLAGS, f"--user-data-dir={folder}", "about:blank",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            port = await _debugging_port(Path(folder), process)
            url = await _first_tab(port)
            async with websockets.connect(url, max_size=None, proxy=None) as connection:
                page = Page(connection)
                try:
                    yield page
                finally:
                    await page.close()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), 10)
                except TimeoutError:
                    process.kill()
                    await process.wait()


async def _debugging_port(folder: Path, process: asyncio.subprocess.Process) -> int:
    """The browser writes the port that it chose into its profile."""
    deadline = asyncio.get_running_loop().time() + START_S
    file = folder / "DevToolsActivePort"
    while not (file.exists() and "\n" in file.read_text()):
        assert process.returncode is None, "the browser ended at its start"
        assert asyncio.get_running_loop().time() < deadline, "the browser did not open its debugging port"
        await asyncio.sleep(0.05)
    return int(file.read_text().splitlines()[0])


async def _first_tab(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /json HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    answer = b""
    while b"]" not in answer and (chunk := await reader.read(65536)):
        answer += chunk
    writer.close()
    tabs = json.loads(answer[answer.index(b"[") : answer.rindex(b"]") + 1])
    url: str = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
    return url
