"""A device killed at every place between two stored steps, on a disk that is full, and after its backup was put back."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from community.attestation.device_message import BackendMessage
from community.clients.mqtt import Message
from gateway_agent.failpoints import FAILPOINTS
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.spool import Spool
from tests.support.agents import EUI, Backend, backend
from tests.support.brokers import RunningBroker, start_amqtt, start_mosquitto

FIRST = 1_994_304
PROCESS = (sys.executable, "-m", "tests.support.spooling_process")
ROOT = Path(__file__).parents[2]


async def run(*arguments: str | int | Path, limit_s: float = 30) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *PROCESS,
        *(str(each) for each in arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), limit_s)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(), err.decode()


class Acknowledging:
    """A backend that acknowledges without holes what it has, as the real one does."""

    def __init__(self, it: Backend) -> None:
        self.it = it
        self.by_ctr: dict[int, set[bytes]] = {}
        self.slots_in_order: list[int] = []
        self._take_up = it.take_up

    async def take_up(self, message: Message) -> None:
        await self._take_up(message)
        signed = self.it.messages[-1].signed
        statement = signed.statement
        if statement.ctr not in self.by_ctr:
            self.slots_in_order += [reading.slot for reading in self.it.messages[-1].readings]
        self.by_ctr.setdefault(statement.ctr, set()).add(signed.cose_sign1())
        await self.it.tell(BackendMessage(acked_ctr=self.stored_without_hole()))

    def stored_without_hole(self) -> int:
        ctr = 0
        while ctr + 1 in self.by_ctr:
            ctr += 1
        return ctr


class Lives:
    """Devices that live one after the other, each a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, broker: RunningBroker, log: Path) -> None:
        self._process = process
        self._broker = broker
        self._log = log

    async def live(self, folder: Path, slot: int, place: str = "nowhere") -> int:
        """How the life of one that takes the reading of `slot` ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        line = "\t".join(("live", str(folder), self._broker.address.url, str(slot), place))
        self._process.stdin.write(line.encode() + b"\n")
        answer = await asyncio.wait_for(self._process.stdout.readline(), 30)
        code = int(answer)
        assert code in (0, -signal.SIGKILL), self._log.read_text()
        return code


@asynccontextmanager
async def lives(broker: RunningBroker, folder: Path) -> AsyncIterator[Lives]:
    log = folder / "devices.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *PROCESS,
            "many",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield Lives(process, broker, log)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # one that still lives would hold the pipes, and `wait` waits for them
        await process.wait()


async def hear_everything(it: Backend) -> Acknowledging:
    """Let `it` acknowledge from now on."""
    acknowledging = Acknowledging(it)
    assert it.connection is not None
    await it.connection.stop()
    it.connection._subscriptions["ec/v1/+/up"] = acknowledging.take_up
    await it.connection.start()
    return acknowledging


async def test_killed_between_any_two_steps_nothing_is_lost_doubled_or_reordered(tmp_path: Path) -> None:
    DevelopmentKeySigner.create(tmp_path / "key.pem")
    async with start_mosquitto(tmp_path) as broker, backend(broker.address) as it, lives(broker, tmp_path) as devices:
        acknowledging = await hear_everything(it)
        died = [await devices.live(tmp_path, FIRST + n, place) for n, place in enumerate(FAILPOINTS)]
        assert await devices.live(tmp_path, FIRST + len(FAILPOINTS)) == 0
        it.check_evidence(DevelopmentKeySigner(tmp_path / "key.pem").public_key())  # and no message counter twice
    assert died == [-signal.SIGKILL] * len(FAILPOINTS)
    unsampled = FAILPOINTS.index("before_reading_kept")  # it died before the reading was on disk: the one gap
    assert acknowledging.slots_in_order == [FIRST + n for n in range(len(FAILPOINTS) + 1) if n != unsampled]
    assert Counter(len(each) for each in acknowledging.by_ctr.values()).keys() == {1}  # never two for one counter
    assert sorted(acknowledging.by_ctr) == list(range(1, len(acknowledging.by_ctr) + 1))


async def test_a_backup_put_back_goes_on_with_new_counters(tmp_path: Path) -> None:
    """First the spool alone is put back: the counter file knows better. Then the whole disk: the backend does."""
    device, backup = tmp_path / "device", tmp_path / "backup"
    device.mkdir()
    DevelopmentKeySigner.create(device / "key.pem")
    async with start_mosquitto(tmp_path) as broker, backend(broker.address) as it, lives(broker, tmp_path) as devices:
        acknowledging = await hear_everything(it)
        await devices.live(device, FIRST)
        shutil.copytree(device, backup)
        await devices.live(device, FIRST + 1)
        for path in device.glob("spool.db*"):
            if path.suffix != ".counters":
                path.unlink()
        shutil.copy(backup / "spool.db", device / "spool.db")
        await devices.live(device, FIRST + 2)
        shutil.rmtree(device)
        shutil.copytree(backup, device)
        await devices.live(device, FIRST + 10)  # the image is put in after two hours
        it.check_evidence(DevelopmentKeySigner(device / "key.pem").public_key())
    assert sorted(acknowledging.by_ctr) == [1, 2, 3, 4]
    assert acknowledging.slots_in_order == [FIRST, FIRST + 1, FIRST + 2, FIRST + 10]
    assert {len(each) for each in acknowledging.by_ctr.values()} == {1}
    spool = Spool(device / "spool.db", EUI.hex())
    assert [event.kind for event in spool.events()] == ["counter_jumped"]
    spool.close()


async def test_a_full_disk_is_said_once_and_sampling_goes_on(tmp_path: Path) -> None:
    DevelopmentKeySigner.create(tmp_path / "key.pem")
    code, out, err = await run("fill", tmp_path, FIRST, 150_000)
    assert code == 0, err
    seen = json.loads(out.splitlines()[-1])
    assert "Free space" in seen["said"] and "never deleted" in seen["said"]
    assert err.count("spool_full") == 1 and "spool_has_room_again" in err
    assert seen["waiting"] == 21 and seen["waiting_after"] == 0
    assert (seen["ctr"], seen["second"]) == (1, 2)  # the signature that could not be kept used no counter
    assert seen["counters"] == [1, 2]
    spool = Spool(tmp_path / "spool.db", EUI.hex())
    slots = [each.slot for each in spool.newest_readings(100_000)][::-1]
    spool.close()
    assert slots == list(range(FIRST, seen["last"] + 1))


@pytest.mark.timeout(60)
async def test_ten_thousand_readings_of_an_outage_arrive_in_seconds(tmp_path: Path) -> None:
    from tests.support.spooling_process import IDENTITY, reading

    DevelopmentKeySigner.create(tmp_path / "key.pem")
    spool = Spool(tmp_path / "spool.db", IDENTITY.eui_text)
    with spool._transaction():  # one flush for all of them: the outage itself is not what is measured
        for n in range(10_000):
            spool._put(reading(FIRST + n), "accepted", True)
    spool.close()
    async with start_amqtt() as broker, backend(broker.address) as it, lives(broker, tmp_path) as devices:
        acknowledging = await hear_everything(it)
        began = asyncio.get_running_loop().time()
        await devices.live(tmp_path, FIRST + 10_000)
        took_s = asyncio.get_running_loop().time() - began
        it.check_evidence(DevelopmentKeySigner(tmp_path / "key.pem").public_key())
    assert acknowledging.slots_in_order == [FIRST + n for n in range(10_001)]
    assert took_s < 15, f"{took_s:.1f} s"
