"""`diagnose` tells each cause from all others, and says what to do next."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from community.runtime.system_clock import SystemClock
from gateway_agent.cli_text import Terminal
from gateway_agent.commands import create_key
from gateway_agent.commands.diagnosing import diagnose
from gateway_agent.reading import RegisterReading
from gateway_agent.settings import load_settings
from gateway_agent.spool import Spool
from standalone.meters.janitza_server import JanitzaMeter, run_janitza_server
from standalone.meters.load_profiles import CumulativeRegister, SunPower
from standalone.meters.mbus_bus import MbusBus
from standalone.meters.optical_meter import OpticalMeter
from tests.support.agents import EUI, METER_KEY, SECRET, mqtt_sink, until, write_agent_config
from tests.support.brokers import free_port, start_amqtt
from tests.support.mbus_world import BAUD, serving, slave
from tests.support.meter_lines import (
    SERIAL,
    Flat,
    Say,
    damaged,
    line_that_says,
    modem_that_answers,
    noise,
    silence,
)
from tests.support.ports import accepting
from tests.support.text_telegrams import p1_telegram

DEVELOPMENT = 'backend = "development"\nkey_file = "dev.pem"'
NO_BROKER = '[sink.mqtt]\nurl = "mqtt://127.0.0.1:1"'

Topics = dict[str, tuple[str, str, str]]
"""Verdict, what was seen and what to do, by topic."""


async def diagnosed(config: Path, look_s: float = 0.4) -> tuple[bool, Topics]:
    """What `diagnose` says, as a machine reads it."""
    lines: list[str] = []
    well = await diagnose(
        load_settings(config), Terminal(lines.append, as_json=True), SystemClock(), look_s=look_s, step_s=1.0
    )
    document = json.loads("".join(lines))
    assert document["ok"] == well
    text = json.dumps(document)
    assert METER_KEY.hex() not in text and SECRET.hex() not in text
    return well, {each["topic"]: (each["verdict"], each["what"], each["next"]) for each in document["findings"]}


def head_config(folder: Path, *, extra: str = "", sink: str = NO_BROKER, with_key: bool = True) -> Path:
    meter = f'profile = "at-wiener-netze"\nport = "{folder / "head"}"\nkey_file = "meter.key"\n{extra}'
    config = write_agent_config(folder, meter, sink, DEVELOPMENT, register_profile=1)
    if with_key:
        create_key(load_settings(config), lambda _line: None)
    return config


async def head_diagnosed(folder: Path, say: Say, *, extra: str = "", only_at_baud: int | None = None) -> Topics:
    config = head_config(folder, extra=extra)
    async with line_that_says(folder / "head", say, only_at_baud=only_at_baud):
        well, topics = await diagnosed(config)
    assert not well  # there is no broker
    return topics


async def test_a_silent_line_has_the_hint_of_its_profile(tmp_path: Path) -> None:
    topics = await head_diagnosed(tmp_path, silence)
    verdict, what, next_step = topics["line"]
    assert verdict == "wrong" and what.startswith("no byte") and "not activated" in next_step and "upside" in next_step
    assert "key" not in topics


async def test_a_wrong_speed_is_told_from_silence(tmp_path: Path) -> None:
    verdict, what, next_step = (await head_diagnosed(tmp_path, Flat().telegram, only_at_baud=2400))["line"]
    assert verdict == "wrong" and what.startswith("wrong speed") and f"detect {tmp_path / 'head'}" in next_step


async def test_noise_is_no_telegram(tmp_path: Path) -> None:
    assert (await head_diagnosed(tmp_path, noise))["line"][:2][0] == "wrong"


async def test_a_meter_of_text_needs_other_bits(tmp_path: Path) -> None:
    text = b"1-0:1.8.0*255(004500.123*kWh)\r\n1-0:2.8.0*255(000000.000*kWh)\r\n"
    with_parity = bytes(byte | (byte.bit_count() & 1) << 7 for byte in text)
    verdict, what, next_step = (await head_diagnosed(tmp_path, lambda _step: with_parity))["line"]
    assert verdict == "wrong" and what.startswith("wrong parity") and "7E1" in next_step


async def test_frames_that_all_come_damaged_are_the_head(tmp_path: Path) -> None:
    verdict, what, next_step = (await head_diagnosed(tmp_path, damaged(Flat().telegram)))["line"]
    assert verdict == "wrong" and "check sequence" in what and "Clean" in next_step


async def test_some_damage_is_a_rate(tmp_path: Path) -> None:
    good, bad = Flat().telegram, damaged(Flat().telegram)
    topics = await head_diagnosed(tmp_path, lambda step: bad(step) if step % 3 == 0 else good(step))
    verdict, what, _ = topics["line"]
    assert verdict == "wrong" and "% of the frames" in what
    assert topics["key"][0] == "ok"


async def test_another_protocol_is_named(tmp_path: Path) -> None:
    frame = bytes.fromhex("68 03 03 68 08 01 72 7b 16")
    verdict, what, next_step = (await head_diagnosed(tmp_path, lambda _step: frame))["line"]
    assert verdict == "wrong" and "M-Bus" in what and "profiles list" in next_step


async def test_a_wrong_key_is_not_a_bad_line_and_the_meter_is_still_named(tmp_path: Path) -> None:
    topics = await head_diagnosed(tmp_path, Flat(key=bytes(16)).telegram)
    assert topics["line"][0] == "ok"
    verdict, what, next_step = topics["key"]
    assert verdict == "wrong" and what.startswith("wrong key") and "key does not fit" in next_step
    assert SERIAL in topics["meter"][1]


async def test_a_swapped_head(tmp_path: Path) -> None:
    topics = await head_diagnosed(tmp_path, Flat().telegram, extra='serial_expected = "LGZ0000000001"')
    verdict, what, next_step = topics["meter"]
    assert topics["key"][0] == "ok"
    assert verdict == "wrong" and SERIAL in what and "LGZ0000000001" in what and "move the head" in next_step


@pytest.mark.parametrize(("ahead_s", "reason"), [(3600, "time zone"), (-600, "behind the gateway")])
async def test_a_wrong_clock(tmp_path: Path, ahead_s: int, reason: str) -> None:
    topics = await head_diagnosed(tmp_path, Flat(ahead_s=ahead_s).telegram)
    verdict, what, next_step = topics["clock"]
    assert verdict == "wrong" and reason in what + next_step


async def test_a_stuck_value(tmp_path: Path) -> None:
    verdict, what, next_step = (await head_diagnosed(tmp_path, Flat(rise_wh=0, power_w=60_000).telegram))["value"]
    assert verdict == "wrong" and what.startswith("stuck value") and "switch it off and on" in next_step


async def test_a_small_load_proves_nothing(tmp_path: Path) -> None:
    verdict, _, next_step = (await head_diagnosed(tmp_path, Flat(rise_wh=0, power_w=30).telegram))["value"]
    assert verdict == "unknown" and "--seconds" in next_step


async def test_a_value_stuck_for_hours_is_seen_in_the_spool(tmp_path: Path) -> None:
    config = head_config(tmp_path)
    settings = load_settings(config)
    spool = Spool(settings.spool, settings.identity.eui_text)
    for slot in range(1_980_000, 1_980_012):
        spool.add_reading(RegisterReading(slot, 0, 1, (4_500_000,), SERIAL, 1), development_key=True)
    spool.close()
    async with line_that_says(tmp_path / "head", Flat(rise_wh=0).telegram):
        _, topics = await diagnosed(config)
    assert topics["history"][0] == "wrong" and "12 quarter-hours" in topics["history"][1]


async def test_all_is_well(tmp_path: Path) -> None:
    async with start_amqtt() as broker, line_that_says(tmp_path / "head", Flat().telegram):
        config = head_config(tmp_path, extra=f'serial_expected = "{SERIAL}"', sink=mqtt_sink(broker.address))
        well, topics = await diagnosed(config)
    assert well, topics
    assert [topics[name][0] for name in ("port", "line", "key", "meter", "value", "spool", "broker")] == ["ok"] * 7
    assert topics["signer"][0] == "note"  # a development key


async def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    _, topics = await diagnosed(head_config(tmp_path))
    assert topics["port"][0] == "wrong" and "there is no" in topics["port"][1]
    assert set(topics) == {"port", "signer", "spool", "broker"}


async def test_a_missing_key_and_a_broker_that_is_down(tmp_path: Path) -> None:
    _, topics = await diagnosed(head_config(tmp_path, with_key=False))
    assert topics["signer"][0] == "wrong" and "key init" in topics["signer"][1]
    verdict, what, next_step = topics["broker"]
    assert verdict == "wrong" and "nothing listens on port 1" in what and "port" in next_step


async def test_a_port_that_is_no_broker(tmp_path: Path) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        _, plain = await diagnosed(head_config(tmp_path, sink=f'[sink.mqtt]\nurl = "mqtt://127.0.0.1:{port}"'))
        tls = write_agent_config(
            tmp_path, f'profile = "at-wiener-netze"\nport = "{tmp_path}/no"\nkey_file = "meter.key"',
            f'[sink.mqtt]\nurl = "mqtts://127.0.0.1:{port}"', DEVELOPMENT,
        )  # fmt: skip
        _, secured = await diagnosed(tls)
    finally:
        server.close()
        await server.wait_closed()
    assert plain["broker"][0] == "wrong" and "refuses the MQTT connection" in plain["broker"][1]
    assert secured["broker"][0] == "wrong" and "TLS fails" in secured["broker"][1]


def modem_config(folder: Path) -> Path:
    return head_config(folder, sink=f'[sink.lorawan]\ndevice = "{folder / "modem"}"')


def modem_answers(eui: bytes, join: str) -> dict[str, str]:
    return {
        "AT": "+AT: OK",
        "AT+ID": f"+ID: DevEui, {eui.hex(':').upper()}",
        "AT+JOIN": join,
    }


@pytest.mark.parametrize(
    ("answers", "topic", "verdict", "reason"),
    [
        (modem_answers(EUI, "+JOIN: Done"), "network", "ok", "has joined"),
        (modem_answers(EUI, "+JOIN: Join failed"), "network", "wrong", "not let into"),
        (modem_answers(b"\x70" * 8, "+JOIN: Done"), "radio", "wrong", "device.eui is"),
    ],
)
async def test_the_radio(tmp_path: Path, answers: dict[str, str], topic: str, verdict: str, reason: str) -> None:
    async with modem_that_answers(tmp_path / "modem", answers):
        _, topics = await diagnosed(modem_config(tmp_path))
    assert topics[topic][0] == verdict and reason in topics[topic][1]


async def test_no_modem(tmp_path: Path) -> None:
    config = modem_config(tmp_path)
    _, topics = await diagnosed(config)
    assert topics["radio"][0] == "wrong" and "cannot be opened" in topics["radio"][1]
    async with modem_that_answers(tmp_path / "modem", {}):
        _, topics = await diagnosed(config)
    assert topics["radio"][0] == "wrong" and "answers to AT" in topics["radio"][1]


@asynccontextmanager
async def janitza() -> AsyncIterator[int]:
    port, stop, since = free_port(), asyncio.Event(), datetime.now(UTC) - timedelta(days=1)
    sun = SunPower(30_000, "test")
    meter = JanitzaMeter(CumulativeRegister(sun, since, 40_000), CumulativeRegister(sun, since, 8_000_000), 60_400_042)
    task = asyncio.create_task(run_janitza_server(meter, "127.0.0.1", port, SystemClock(), stop))
    try:
        await accepting(port)
        yield port
    finally:
        stop.set()
        await task


def modbus_config(folder: Path, port: int, unit: int = 1, extra: str = "") -> Path:
    transport = f'transport = {{ type = "modbus-tcp", host = "127.0.0.1", port = {port}, unit = {unit} }}'
    return write_agent_config(folder, f'profile = "janitza-umg604"\n{transport}\n{extra}', NO_BROKER, DEVELOPMENT)


async def test_a_modbus_meter(tmp_path: Path) -> None:
    async with janitza() as port:
        _, good = await diagnosed(modbus_config(tmp_path, port))
        _, other = await diagnosed(modbus_config(tmp_path, port, extra='serial_expected = "1"'))
    _, away = await diagnosed(modbus_config(tmp_path, port))
    assert good["answers"][0] == "ok" and "60400042" in good["meter"][1] and good["clock"][0] != "wrong"
    assert other["meter"][0] == "wrong"
    assert away["address"][0] == "wrong" and "nothing listens" in away["address"][1] and "answers" not in away


def polled_config(folder: Path, profile: str, transport: str) -> Path:
    config = write_agent_config(folder, f'profile = "{profile}"\n{transport}', NO_BROKER, DEVELOPMENT)
    create_key(load_settings(config), lambda _line: None)
    return config


async def test_a_meter_on_a_bus_answers_or_does_not(tmp_path: Path) -> None:
    meter = slave(7, "12345678", "04 03 88 13 00 00 04 83 3C D0 07 00 00")
    async with serving(MbusBus([meter]), "serial", tmp_path) as link:
        transport = 'transport = {{ type = "mbus-serial", port = "{}", baud = {}, address = "{}" }}'
        config = polled_config(tmp_path, "mbus-generic", transport.format(link.where, BAUD, 7))
        _, there = await diagnosed(config, look_s=1.5)
        config.write_text(config.read_text().replace('address = "7"', 'address = "8"'))
        _, away = await diagnosed(config, look_s=1.5)
    assert there["line"][0] == "ok" and "12345678" in there["meter"][1] and there["value"][0] == "unknown"
    verdict, what, next_step = away["line"]
    assert verdict == "wrong" and what.startswith("no answer") and "scan" in next_step and "meter" not in away


async def test_a_meter_that_changes_its_speed_is_heard_through_the_tap(tmp_path: Path) -> None:
    optical, stop = OpticalMeter(lambda _: {"0.0.0": "55512345", "1.8.0": "001234.567*kWh"}), asyncio.Event()
    serving_it = asyncio.create_task(optical.run(tmp_path / "head", stop))
    try:
        await until((tmp_path / "head").exists, "the head")
        _, topics = await diagnosed(polled_config(tmp_path, "d0-mode-c", f'port = "{tmp_path / "head"}"'), look_s=3)
    finally:
        stop.set()
        await serving_it
    assert topics["line"][0] == "ok" and optical.readouts >= 1
    assert "55512345" in topics["meter"][1]


async def test_telegrams_without_the_registers_of_the_profile_are_no_wrong_key(tmp_path: Path) -> None:
    telegram = p1_telegram(["0-0:96.1.1(4530303331)"])
    config = polled_config(tmp_path, "dsmr-p1", f'port = "{tmp_path / "head"}"')
    async with line_that_says(tmp_path / "head", lambda _step: telegram):
        _, topics = await diagnosed(config)
    assert topics["line"][0] == "ok" and topics["content"][0] == "wrong" and "key" not in topics
