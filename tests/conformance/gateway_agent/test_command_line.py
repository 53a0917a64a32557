"""The command line against real lines and servers: what a person sees, what a machine reads, and the exit codes."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from community.attestation.possession import PossessionClaims, verify_possession
from community.metering.dlms.encode import MeterModel, PushMeter, encode_push_frame
from community.runtime.system_clock import SystemClock
from gateway_agent.__main__ import main
from gateway_agent.capture import CaptureWriter, Way
from gateway_agent.cli import EXIT_CONFIGURATION, EXIT_FOUND_WRONG, EXIT_KEY, EXIT_NO_ANSWER
from gateway_agent.commands import create_key
from gateway_agent.reading import RegisterReading
from gateway_agent.settings import load_settings
from gateway_agent.spool import Spool
from standalone.meters.janitza_server import JanitzaMeter, run_janitza_server
from standalone.meters.load_profiles import CumulativeRegister, SunPower
from standalone.meters.optical_meter import OpticalMeter
from tests.support.agents import EUI, METER_KEY, SECRET, until, write_agent_config
from tests.support.brokers import free_port
from tests.support.logging_put_back import logging_put_back
from tests.support.meter_lines import SERIAL, Flat, line_that_says, silence
from tests.support.ports import accepting

DEVELOPMENT = 'backend = "development"\nkey_file = "dev.pem"'
NO_BROKER = '[sink.mqtt]\nurl = "mqtt://127.0.0.1:1"'


@pytest.fixture(autouse=True)
def _logging_put_back() -> Iterator[None]:
    with logging_put_back():
        yield


async def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of one command. No secret is ever in them."""
    capsys.readouterr()
    code = await asyncio.to_thread(main, list(words))
    out, err = capsys.readouterr()
    assert METER_KEY.hex() not in out + err and SECRET.hex() not in out + err
    return code, out, err


def head_config(folder: Path) -> str:
    meter = f'profile = "at-wiener-netze"\nport = "{folder / "head"}"\nkey_file = "meter.key"'
    return str(write_agent_config(folder, meter, NO_BROKER, DEVELOPMENT, register_profile=1))


async def test_read_and_watch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = head_config(tmp_path)
    async with line_that_says(tmp_path / "head", Flat().telegram):
        code, out, _ = await told(capsys, "read", "--config", config)
        assert code == 0 and f"serial         {SERIAL}" in out and " Wh\n" in out
        code, out, _ = await told(capsys, "read", "under-test", "--json", "--config", config)
        assert code == 0 and json.loads(out)["registers_wh"]["1-0:1.8.0"] >= 4_500_000
        code, out, _ = await told(capsys, "watch", "--count", "3", "--config", config)
        assert code == 0 and len(out.splitlines()) == 4 and "+2 Wh" in out.splitlines()[3]
        code, out, _ = await told(capsys, "watch", "--count", "2", "--json", "--config", config)
        assert code == 0 and [json.loads(line)["serial"] for line in out.splitlines()] == [SERIAL] * 2
        code, _, err = await told(capsys, "read", "another", "--config", config)
        assert code == EXIT_CONFIGURATION and "'under-test'" in err
    async with line_that_says(tmp_path / "head", silence):
        code, _, err = await told(capsys, "read", "--seconds", "0.3", "--config", config)
        assert code == EXIT_NO_ANSWER and "diagnose under-test" in err
    for command in ("read", "watch"):
        code, _, err = await told(capsys, command, "--config", config)
        assert code == EXIT_NO_ANSWER and "there is no" in err


async def test_diagnose_has_its_own_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = await told(capsys, "diagnose", "--seconds", "0.3", "--config", head_config(tmp_path))
    assert code == EXIT_FOUND_WRONG
    assert out.splitlines()[2].startswith("WRONG  port") and "things to put right" in out
    assert "\x1b[" not in out  # no colour where nobody sees it


@pytest.mark.parametrize(("baud", "profile"), [(9600, "at-wiener-netze"), (115_200, "at-kaernten-netz")])
async def test_detect_finds_speed_and_protocol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], baud: int, profile: str
) -> None:
    port = str(tmp_path / "head")
    async with line_that_says(Path(port), Flat().telegram, only_at_baud=baud):
        code, out, _ = await told(capsys, "detect", port, "--seconds", "0.2")
        assert code == 0 and f"found          DLMS push telegrams (HDLC) at {baud} 8N1" in out
        assert f'port = "{port}"' in out and 'profile = "' in out and f"from {SERIAL}" in out
        code, out, _ = await told(capsys, "detect", port, "--seconds", "0.2", "--json", "--every")
    found = json.loads(out)
    assert found["found"] == {"line": f"{baud} 8N1", "framing": "dlms_hdlc"} and len(found["tried"]) == 5
    assert profile in found["profiles"]


async def test_detect_that_finds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = str(tmp_path / "head")
    async with line_that_says(Path(port), silence) as peer:
        code, out, err = await told(capsys, "detect", port, "--seconds", "0.1")
        asked = await asyncio.wait_for(peer.receive(), 5)
        assert code == EXIT_NO_ANSWER and out.count("silence") == 5 and "right way up" in err
        assert b"/?!" in asked
    code, _, err = await told(capsys, "detect", port)
    assert code == EXIT_NO_ANSWER and "there is no" in err


async def test_a_capture_of_a_line_drives_the_same_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, file = head_config(tmp_path), tmp_path / "cellar.jsonl"
    async with line_that_says(tmp_path / "head", Flat().telegram):
        code, out, _ = await told(capsys, "capture", "--out", str(file), "--seconds", "0.6", "--config", config)
    assert code == 0 and "bytes from the meter" in out
    text = file.read_text()
    assert METER_KEY.hex() not in text and "at-wiener-netze" in text.splitlines()[0]
    code, _, err = await told(capsys, "capture", "--out", str(file), "--config", config)
    assert code == 1 and "never overwrites" in err
    code, out, _ = await told(capsys, "replay", str(file), "--json", "--config", config)
    events = [json.loads(line) for line in out.splitlines()]
    registers = [each["registers_wh"]["1-0:1.8.0"] for each in events[:-1] if "registers_wh" in each]
    assert code == 0 and len(registers) >= 3 and registers == sorted(set(registers))
    assert events[-1]["samples"] == len(registers)
    assert not (tmp_path / "spool.db").exists()


async def test_a_replayed_hour_gives_its_quarter_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, start = head_config(tmp_path), datetime(2026, 11, 22, 8, 59, 55, tzinfo=UTC)
    now = [start]
    lines: list[str] = []
    writer = CaptureWriter(lines.append, lambda: now[0])
    writer.head(profile="at-wiener-netze")
    meter = PushMeter(MeterModel.AM550, b"ISK\x00it\x00\x47", METER_KEY)
    for step in range(400):
        now[0] = start + timedelta(seconds=10 * step)
        writer.piece(Way.IN, encode_push_frame(meter, step, now[0], {"1-0:1.8.0": 1000 + step}))
    (tmp_path / "hour.jsonl").write_text("".join(lines))
    code, out, _ = await told(capsys, "replay", str(tmp_path / "hour.jsonl"), "--json", "--config", config)
    events = [json.loads(line) for line in out.splitlines()]
    slots = [each for each in events if "slot" in each]
    assert code == 0 and events[-1] == {"samples": 400, "readings": len(slots)}
    assert [(each["at"][11:16], each["registers"], each["off_s"]) for each in slots[-4:]] == [
        ("09:15", [1091], 5), ("09:30", [1181], 5), ("09:45", [1271], 5), ("10:00", [1361], 5),
    ]  # fmt: skip


async def test_captures_that_do_not_fit_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = head_config(tmp_path)
    for text, reason in (("{}", "no capture"), ('{"capture": 1, "profile": "other"}', "'other'")):
        (tmp_path / "file").write_text(text)
        code, _, err = await told(capsys, "replay", str(tmp_path / "file"), "--config", config)
        assert code == 1 and reason in err


@pytest.fixture
async def janitza() -> AsyncIterator[int]:
    port, stop, since = free_port(), asyncio.Event(), datetime.now(UTC) - timedelta(days=1)
    sun = SunPower(30_000, "test")
    meter = JanitzaMeter(CumulativeRegister(sun, since, 40_000), CumulativeRegister(sun, since, 8_000_000), 60_400_042)
    task = asyncio.create_task(run_janitza_server(meter, "127.0.0.1", port, SystemClock(), stop))
    await accepting(port)
    yield port
    stop.set()
    await task


async def test_a_bus_is_scanned(janitza: int, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = await told(capsys, "scan", "modbus", f"127.0.0.1:{janitza}", "--units", "1", "--json")
    (found,) = json.loads(out)
    assert code == 0 and found["unit"] == 1 and "serial 60400042" in found["profiles"]["janitza-umg604"]
    code, out, _ = await told(capsys, "scan", "modbus", f"127.0.0.1:{janitza}", "--units", "1")
    assert code == 0 and "janitza-umg604: 1-0:1.8.0" in out and "display" in out
    code, _, err = await told(capsys, "scan", "modbus", f"127.0.0.1:{free_port()}", "--units", "1-2")
    assert code == EXIT_NO_ANSWER and "No unit answers" in err
    code, _, err = await told(capsys, "sunspec", f"127.0.0.1:{janitza}")
    assert code == EXIT_NO_ANSWER


async def test_a_modbus_meter_is_captured_and_replayed(
    tmp_path: Path, janitza: int, capsys: pytest.CaptureFixture[str]
) -> None:
    transport = f'transport = {{ type = "modbus-tcp", host = "127.0.0.1", port = {janitza} }}'
    config = str(write_agent_config(tmp_path, f'profile = "janitza-umg604"\n{transport}', NO_BROKER, DEVELOPMENT))
    file = str(tmp_path / "roof.jsonl")
    code, out, _ = await told(capsys, "capture", "--out", file, "--seconds", "0.5", "--config", config)
    assert code == 0 and "1 sample" in out
    code, out, _ = await told(capsys, "replay", file, "--json", "--config", config)
    sample, *_ = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and sample["serial"] == "60400042" and set(sample["registers_wh"]) == {"1-0:1.8.0", "1-0:2.8.0"}


async def test_a_dialogue_over_two_speeds_is_captured_and_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    optical, stop = OpticalMeter(lambda _: {"0.0.0": "55512345", "1.8.0": "001234.567*kWh"}), asyncio.Event()
    meter = f'profile = "d0-mode-c"\nport = "{tmp_path / "head"}"'
    config = str(write_agent_config(tmp_path, meter, NO_BROKER, DEVELOPMENT, register_profile=1))
    file, serving = str(tmp_path / "d0.jsonl"), asyncio.create_task(optical.run(tmp_path / "head", stop))
    try:
        await until((tmp_path / "head").exists, "the head")
        code, out, _ = await told(capsys, "capture", "--out", file, "--seconds", "3", "--config", config)
        assert code == 0 and "1 sample" in out
    finally:
        stop.set()
        await serving
    code, out, _ = await told(capsys, "replay", file, "--json", "--config", config)
    sample, *_ = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and (sample["serial"], sample["registers_wh"]) == ("55512345", {"1-0:1.8.0": 1_234_567})


async def test_profiles_can_be_listed_shown_and_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = await told(capsys, "profiles", "list")
    assert code == 0 and "janitza-umg604" in out and "at-wiener-netze" in out
    code, out, _ = await told(capsys, "profiles", "show", "janitza-umg604", "--json")
    assert code == 0 and json.loads(out)["values"]["1-0:1.8.0"]["address"] == 9851
    code, _, err = await told(capsys, "profiles", "show", "nobody")
    assert code == EXIT_CONFIGURATION and "there is no profile" in err
    (tmp_path / "mine.toml").write_text('id = "mine"\nprotocol = "modbus"\nfunction = 6\n')
    code, _, err = await told(capsys, "profiles", "check", str(tmp_path / "mine.toml"))
    assert code == EXIT_CONFIGURATION and "which only read" in err and err.count("\n  - ") > 3


async def test_a_key_asks_for_a_certificate_and_proves_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, nonce = head_config(tmp_path), "5a" * 16
    assert (await told(capsys, "key", "csr", "--config", config))[0] == EXIT_KEY
    code, out, _ = await told(capsys, "key", "init", "--json", "--config", config)
    public_key = bytes.fromhex(json.loads(out)["public_key"])
    code, out, _ = await told(capsys, "key", "csr", "--config", config)
    request = x509.load_pem_x509_csr(out.encode())
    assert code == 0 and request.is_signature_valid
    assert request.subject.rfc4514_string() == f"CN={EUI.hex()}"
    code, out, _ = await told(capsys, "key", "prove", nonce, "--json", "--config", config)
    shown = verify_possession(bytes.fromhex(json.loads(out)["proof"]), public_key, nonce=bytes.fromhex(nonce), eui=EUI)
    assert code == 0 and isinstance(shown, PossessionClaims) and shown.eui == EUI
    code, _, err = await told(capsys, "key", "prove", "5a", "--config", config)
    assert code == 1 and "nonce" in err


async def test_problems_come_to_machines_with_line_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Path(head_config(tmp_path))
    config.write_text(config.read_text().replace("register_profile", "registerprofile") + "resend_after = 5\n")
    code, out, err = await told(capsys, "check", "--json", "--config", str(config))
    problems = {each["key"]: each for each in json.loads(out)["problems"]}
    lines = config.read_text().splitlines()
    assert code == EXIT_CONFIGURATION and "3 problems" in err
    assert lines[problems["device.registerprofile"]["line"] - 1].startswith("registerprofile")
    assert problems["device.registerprofile"]["remedy"] == "Did you mean register_profile?"
    assert problems["sink.mqtt.resend_after"]["remedy"] == "Did you mean resend_after_s?"
    assert "register_profile = " in problems["device.register_profile"]["remedy"]


async def test_the_spool_cannot_be_drained_into_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = head_config(tmp_path)
    code, _, err = await told(capsys, "spool", "drain", "--config", config)
    assert code == EXIT_KEY and "key init" in err
    settings = load_settings(Path(config))
    create_key(settings, lambda _line: None)
    code, out, _ = await told(capsys, "spool", "drain", "--config", config)
    assert code == 0 and "nothing waits" in out
    spool = Spool(settings.spool, settings.identity.eui_text)
    spool.add_reading(RegisterReading(1_980_000, 0, 1, (5,), SERIAL, 1), development_key=True)
    spool.close()
    code, _, err = await told(capsys, "spool", "drain", "--seconds", "0.5", "--config", config)
    assert code == EXIT_NO_ANSWER and "1 item of 1 left" in err
    code, out, _ = await told(capsys, "spool", "status", "--json", "--config", config)
    assert code == 0 and json.loads(out)["unsigned"] == 1


@pytest.mark.parametrize("words", [["fly"], ["read", "--seconds", "0"], ["scan", "modbus", "x", "--units", "9-1"], []])
def test_a_wrong_command_line(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
