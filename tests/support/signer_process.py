"""`python -m signer run` as a process of its own, with both doors open."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from community.clients.mqtt import MqttAddress
from tests.support.brokers import free_port

START_DEADLINE_S = 60
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def signer_process(folder: Path, passphrase: str, broker: MqttAddress) -> AsyncIterator[str]:
    """A signer on `folder` that answers until the block ends; gives the URL of its JSON-RPC door."""
    passphrase_file = folder.parent / "signer.passphrase"
    passphrase_file.write_text(passphrase)
    url = f"http://127.0.0.1:{(port := free_port())}/"
    settings = {
        "SIGNER_FOLDER": str(folder),
        "SIGNER_PASSPHRASE_FILE": str(passphrase_file),
        "SIGNER_BROKER_URL": broker.url,
        "SIGNER_BROKER_USERNAME": "signer",
        "SIGNER_BROKER_MQTT_VERSION": str(broker.version),
        "SIGNER_RPC_PORT": str(port),
    }
    log = (folder.parent / "signer.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "signer", "run", cwd=ROOT, env=settings, stdout=log, stderr=log
    )
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            while not await _is_up(url):
                assert process.returncode is None, (folder.parent / "signer.log").read_text()
                await asyncio.sleep(0.1)
        yield url
    finally:
        log.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _is_up(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        try:
            return (await client.get(url + "upcheck")).status_code == 200
        except httpx.TransportError:
            return False
