"""An agent process that is killed, a backend that asks again, downlinks that are not the backend's, a token taken out."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from community.attestation.device_message import BackendMessage, encode_down
from community.attestation.sealing import Direction, seal_message
from community.clock import QUARTER_HOUR, slot_at
from gateway_agent import app
from gateway_agent.commands import create_key, read_once
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.secure_element.signer import Signer, SignerAttributes, SignerUnavailable
from gateway_agent.settings import AgentSettings, load_settings
from gateway_agent.spool import Spool
from gateway_agent.uplinks import mqtt
from standalone.replay_clock import ReplayClock
from tests.conformance.gateway_agent.test_modbus_to_mqtt import NOON, modbus_meter, plant, serving
from tests.support.agents import EUI, SECRET, Backend, backend, mqtt_sink, running, until, write_agent_config
from tests.support.brokers import free_port, start_amqtt
from tests.support.manual_clock import ManualClock

DEVELOPMENT = 'backend = "development"\nkey_file = "dev.pem"'
ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def agent_process(config: Path, clock: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "standalone.agent", str(config), str(clock), cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def configured(folder: Path, port: int, it: Backend) -> AgentSettings:
    assert it.connection is not None
    path = write_agent_config(folder, modbus_meter(port), mqtt_sink(it.connection.address), DEVELOPMENT)
    settings = load_settings(path)
    create_key(settings, lambda _line: None)
    return settings


async def test_killed_again_and_again_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    port = free_port()
    clock = ReplayClock.create(tmp_path / "clock", NOON)
    async with start_amqtt() as broker, serving(plant(), port, clock), backend(broker.address) as it:
        settings = configured(tmp_path, port, it)
        for step in range(4):
            clock.set_to(NOON + step * QUARTER_HOUR)
            async with agent_process(tmp_path / "agent.toml", tmp_path / "clock") as process:
                # killed at a different moment each time: before, while and after the statement travels
                wanted = [
                    (tmp_path / "spool.db").exists,
                    lambda at=step: _last_slot(tmp_path) == slot_at(NOON) + at,
                    lambda at=step: slot_at(NOON) + at in it.slots(),
                    lambda at=step: slot_at(NOON) + at in it.slots(),
                ][step]
                await until(wanted, f"moment {step}")
                process.send_signal(signal.SIGKILL)
                await process.wait()
        clock.set_to(NOON + 4 * QUARTER_HOUR)
        async with agent_process(tmp_path / "agent.toml", tmp_path / "clock") as process:
            await until(lambda: slot_at(NOON) + 4 in it.slots(), "the last reading")
            await until(lambda: _last_slot(tmp_path) in it.slots(), "everything that was spooled")
            process.terminate()
            assert await process.wait() == 0
        it.check_evidence(app.open_signer(settings).public_key())
    clock.close()
    spool = Spool(tmp_path / "spool.db", EUI.hex())
    kept, ctr = spool.status().readings, spool.status().ctr
    spool.close()
    by_ctr = {message.signed.statement.ctr: message.signed.cose_sign1() for message in it.messages}
    assert sorted(by_ctr) == list(range(1, ctr + 1))  # gapless
    assert len(set(by_ctr.values())) == len(
        {message.signed.cose_sign1() for message in it.messages}
    )  # never two for one
    assert len(it.slots()) == kept
    assert slot_at(NOON) + 1 in it.slots() and slot_at(NOON) + 2 in it.slots()


def _last_slot(folder: Path) -> int | None:
    spool = Spool(folder / "spool.db", EUI.hex())
    try:
        return spool.last_slot()
    finally:
        spool.close()


async def test_a_range_asked_for_comes_again_once_and_strangers_are_not_heard(tmp_path: Path) -> None:
    clock, port = ManualClock(NOON), free_port()
    async with start_amqtt() as broker, serving(plant(), port, clock), backend(broker.address) as it:
        agent = app.build(configured(tmp_path, port, it), clock)
        async with running(agent):
            await until(lambda: len(it.slots()) == 1, "the first reading")
            await clock.move_to(NOON + QUARTER_HOUR)
            await until(lambda: len(it.slots()) == 2, "the second reading")
            await it.tell(BackendMessage(acked_ctr=2))
            await until(lambda: agent.spool.status().unacknowledged == 0, "acknowledgement")
            before = len(it.messages)
            assert it.connection is not None
            stranger = seal_message(bytes(32), EUI, 0, Direction.DOWN, 99, encode_down(BackendMessage(acked_ctr=9)))
            reflected = seal_message(SECRET, EUI, 0, Direction.UP, 99, encode_down(BackendMessage(acked_ctr=9)))
            for rubbish in (b"", b"\xff" * 40, stranger, reflected):
                await it.connection.publish(f"ec/v1/{EUI.hex()}/down", rubbish)
            await it.tell(BackendMessage(resend=((slot_at(NOON), 1),)))
            await until(lambda: len(it.messages) > before, "the range")
            again = it.messages[before].signed.statement
            assert (again.ctr, again.first_slot) == (1, slot_at(NOON))
            it.down_counter -= 1  # the same downlink played back by someone on the broker
            await it.tell(BackendMessage(acked_ctr=1))
            it.down_counter -= 1
            await it.tell(BackendMessage(resend=((slot_at(NOON), 2),)))
            await it.tell(BackendMessage(acked_ctr=2))
            await until(lambda: agent.spool.status().unacknowledged == 0, "acknowledgement of the range")
            assert [message.signed.statement.ctr for message in it.messages[before:]].count(2) == 0
        it.check_evidence(agent.signer.public_key())


class TokenTakenOut:
    """A signer that does not answer until it is put back."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.is_out = False
        self.asked = 0

    def public_key(self) -> bytes:
        return self._signer.public_key()

    def sign_digest(self, digest: bytes) -> bytes:
        self.asked += 1
        if self.is_out:
            raise SignerUnavailable("the token was taken out")
        return self._signer.sign_digest(digest)

    def attributes(self) -> SignerAttributes:
        return self._signer.attributes()


async def test_a_token_that_comes_back_signs_what_has_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, port = ManualClock(NOON), free_port()
    monkeypatch.setattr(mqtt, "SIGNER_RETRY_S", 0.05)
    async with start_amqtt() as broker, serving(plant(), port, clock), backend(broker.address) as it:
        settings = configured(tmp_path, port, it)
        token = TokenTakenOut(DevelopmentKeySigner(tmp_path / "dev.pem"))
        monkeypatch.setattr(app, "open_signer", lambda _settings: token)
        agent = app.build(settings, clock)
        async with running(agent):
            await until(lambda: len(it.slots()) == 1, "the first reading")
            token.is_out, asked = True, token.asked
            await clock.move_to(NOON + QUARTER_HOUR)
            await until(lambda: agent.spool.status().unsigned == 1 and token.asked > asked + 1, "signing tried in vain")
            token.is_out = False
            await until(lambda: len(it.slots()) == 2, "the reading that waited")
        it.check_evidence(token.public_key())
        assert {message.signed.statement.ctr for message in it.messages} == {1, 2}


async def test_reading_once_shows_the_meter(tmp_path: Path) -> None:
    clock, port, meter = ManualClock(NOON), free_port(), plant()
    path = write_agent_config(tmp_path, modbus_meter(port), '[sink.mqtt]\nurl = "mqtt://127.0.0.1"', DEVELOPMENT)
    lines: list[str] = []
    async with serving(meter, port, clock):
        await read_once(load_settings(path), lines.append)
    shown = dict(line.split(maxsplit=1) for line in lines)
    assert shown["serial"] == "60400042"
    assert shown["1-0:2.8.0"].replace(" ", "") == f"{meter.exported.wh_at(NOON)}Wh"


async def test_the_last_will_speaks_for_a_killed_agent(tmp_path: Path) -> None:
    port = free_port()
    clock = ReplayClock.create(tmp_path / "clock", NOON)
    async with start_amqtt() as broker, serving(plant(), port, clock), backend(broker.address) as it:
        configured(tmp_path, port, it)
        async with agent_process(tmp_path / "agent.toml", tmp_path / "clock") as process:
            await until(lambda: bool(it.statuses) and json.loads(it.statuses[-1])["online"], "online")
            os.kill(process.pid, signal.SIGKILL)
            await until(lambda: json.loads(it.statuses[-1]) == {"online": False}, "the last will")
    clock.close()
