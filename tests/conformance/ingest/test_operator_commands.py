"""The operator's commands over one database: from a registered device to its approval, its health and its revocation."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from community.attestation.possession import PossessionClaims, encode_possession
from community.clock import slot_at
from community.runtime.system_clock import SystemClock
from community.store import devices
from community.store.unit_of_work import Store
from ingest.__main__ import main
from ingest.intake import Intake
from ingest.judging import Judge
from ingest.uplinks import Uplink
from tests.support.logging_put_back import logging_put_back
from tests.support.sending_device import EUI, EXPORT, SendingDevice
from tests.support.stores import COLUMN_KEY, new_sqlite_url, opened

DECIDES = ("--by", "anna", "--reason", "seen on site")
Call = Callable[..., Awaitable[tuple[int, Any, str]]]


@pytest.fixture
async def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    made = await new_sqlite_url(tmp_path)
    (tmp_path / "column.key").write_text(COLUMN_KEY.key.hex())
    (tmp_path / "device.secret").write_text(SendingDevice().secret.hex())
    monkeypatch.setenv("INGEST_DATABASE_URL", made)
    monkeypatch.setenv("INGEST_COLUMN_KEY_FILE", str(tmp_path / "column.key"))
    monkeypatch.setenv("INGEST_BROKER_URL", "mqtt://settings.of.run.are.no.concern")
    return made


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in a thread of its own, as each has a loop of its own; gives code, document or text, and errors."""

    def run(words: tuple[str, ...]) -> tuple[int, Any, str]:
        capsys.readouterr()
        with logging_put_back():
            code = main(list(words))
        said = capsys.readouterr()
        return code, json.loads(said.out) if "--json" in words else said.out, said.err

    async def in_a_thread(*words: str) -> tuple[int, Any, str]:
        return await asyncio.to_thread(run, words)

    return in_a_thread


async def _install(url: str) -> None:
    async with opened(url) as store, store.begin() as work:
        now = SystemClock().now()
        device = await devices.device_id_by_eui(work, EUI)
        assert device is not None
        await devices.add_metering_point(
            work, devices.MeteringPoint("mp_plant", "AT" + "0" * 31, "plant", "production", EXPORT)
        )
        await devices.add_meter(work, devices.Meter("m", "SN 1", "Maker", "Model", {EXPORT: None}), COLUMN_KEY)
        await devices.install(
            work, "inst", metering_point_id="mp_plant", meter_id="m", device_id=device,
            valid_from=now.replace(hour=0) - 3 * (now - now.replace(hour=0)).resolution, max_power_w=30_000,
        )  # fmt: skip


async def _send(store: Store, *payloads: bytes) -> list[str]:
    intake, stop = Intake(store, Judge(COLUMN_KEY), SystemClock()), asyncio.Event()
    writing = asyncio.create_task(intake.run(stop))
    try:
        return [
            (await intake.take_in(Uplink("device_broker", EUI, payload, SystemClock().now()))).verdict
            for payload in payloads
        ]
    finally:
        stop.set()
        await writing


async def test_a_device_comes_into_service_and_goes_out_of_it(url: str, call: Call, tmp_path: Path) -> None:
    device = SendingDevice(keyno=1)
    slot = slot_at(SystemClock().now())
    frames = [device.frame((slot - 1, 1000), (slot, 1010))]
    async with opened(url) as store:
        assert await _send(store, *frames) == ["quarantined"]
    code, inbox, _ = await call("inbox", "list", "--json")
    assert (code, [(one["device"], one["frames"], one["name"]) for one in inbox]) == (0, [(EUI, 1, None)])
    code, _, complaint = await call("inbox", "adopt", EUI)
    assert code == 1 and "not registered" in complaint

    secret = ("--secret-file", str(tmp_path / "device.secret"))
    code, _, complaint = await call("device", "add", EUI, "--name", "plant", *DECIDES)
    assert code == 1 and "--secret-file" in complaint
    code, added, _ = await call(
        "device", "add", EUI.upper(), "--name", "plant", "--profile", "3", *secret, *DECIDES, "--json"
    )
    assert code == 0 and added["eui"] == EUI
    code, _, complaint = await call("device", "add", EUI, "--name", "plant", *secret, *DECIDES)
    assert code == 1 and "registered already" in complaint
    await _install(url)

    code, challenge, _ = await call("device", "challenge", EUI, "--json")
    claims = PossessionClaims(bytes.fromhex(challenge["nonce"]), bytes.fromhex(EUI), "1.2.0", "box")
    proof = encode_possession(claims, device.public_key, device.raw_signature(claims.to_be_signed()))
    prove = ("device", "prove", EUI, device.public_key.hex(), proof.hex(), "--development-key", *DECIDES)
    code, said, complaint = await call(*prove)
    assert code == 0, complaint
    assert (await call(*prove))[0] == 0  # the same proof again changes nothing
    code, _, complaint = await call("device", "confirm", EUI, "SN 2", *DECIDES)
    assert code == 1 and "serial number SN 1, not SN 2" in complaint
    assert (await call("device", "confirm", EUI, "sn-1", *DECIDES))[0] == 0
    code, adopted, _ = await call("inbox", "adopt", EUI, "--json")
    assert (code, adopted["verdicts"], adopted["refused"]) == (0, {"admitted": 1}, {})
    assert (await call("inbox", "replay", "--device", EUI))[1].startswith("There is no such frame")
    code, _, complaint = await call("inbox", "replay")
    assert code == 1 and "Say what" in complaint

    code, shown, _ = await call("device", "show", EUI, "--json")
    assert shown["onboarding"] == "signature_verified" and any(
        "wait until" in sentence for sentence in shown["missing"]
    )
    code, _, complaint = await call("device", "approve", EUI, *DECIDES)
    assert code == 1 and "wait until" in complaint
    assert (await call("device", "approve", EUI, "--waive-week", "compared with the old box", *DECIDES))[0] == 0
    code, listed, _ = await call("device", "list", "--json")
    assert [(one["eui"], one["state"], one["onboarding"]) for one in listed] == [(EUI, "active", "approved")]
    code, health, _ = await call("device", "health", "--json")
    assert health[0]["signature_failures"] == 0 and health[0]["drift_s"] is not None
    assert health[0]["missing_per_mille"].keys() == {"24 h", "7 d", "30 d"}
    for words in (("list",), ("health", EUI), ("show", EUI)):
        code, said, _ = await call("device", *words)
        assert code == 0 and EUI in said

    code, _, complaint = await call("device", "revoke", EUI, "--since", "2999-01-01T00:00Z", *DECIDES)
    assert code == 1 and "in the past" in complaint
    code, resting, _ = await call("device", "revoke", EUI, "--since", "2026-01-01T00:00Z", *DECIDES, "--json")
    assert (code, resting["measurements"], len(resting["intervals"]), resting["issuances"]) == (0, 2, 1, [])
    code, said, _ = await call("device", "revoke", EUI, "--since", "2026-01-02T00:00Z", *DECIDES)
    assert "2 readings are suspect" in said and "1 interval with 10 Wh" in said
    assert (await call("device", "list", "--json"))[1][0]["state"] == "revoked"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("device", "show", "nonsense"), "is no device EUI"),
        (("device", "show", EUI), "There is no device"),
        (("device", "bind-key", EUI, "zz", *DECIDES), "hexadecimal digits"),
        (("device", "bind-key", EUI, "00", "--by", " ", "--reason", "x"), "Say who decides"),
        (("device", "rotate-key", EUI, "00", *DECIDES), "There is no device"),
        (("device", "add", EUI, "--name", "x", "--secret-file", "/nowhere", *DECIDES), "cannot be read"),
        (("inbox", "adopt", "nonsense"), "is no device EUI"),
    ],
)
async def test_what_cannot_be_done_is_told_in_a_sentence(
    url: str, call: Call, words: tuple[str, ...], said: str
) -> None:
    code, _, complaint = await call(*words)
    assert (code, said in complaint) == (1, True), complaint
    code, document, _ = await call(*words, "--json")
    assert code == 1 and said in document["text"]


async def test_a_secret_that_is_none_is_not_shown(url: str, call: Call, tmp_path: Path) -> None:
    for content, said in (("5ec2e7" * 9, "has 27 bytes"), ("5ec2e7zz" * 8, "must be 64")):
        (tmp_path / "odd.secret").write_text(content)
        words = ("device", "add", EUI, "--name", "x", "--secret-file", str(tmp_path / "odd.secret"), *DECIDES)
        code, _, complaint = await call(*words)
        assert code == 1 and said in complaint and "5ec2e7" not in complaint


@pytest.mark.parametrize(
    "words",
    [("device", "revoke", EUI, "--since", "yesterday", *DECIDES), ("device", "revoke", EUI, "--since", "2026-11-01T00:00", *DECIDES),
     ("inbox", "replay", "--days", "0"), ("inbox", "replay", "--reason", "bad_mood"), ("device",)],
)  # fmt: skip
def test_a_wrong_command_line_ends_with_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err
