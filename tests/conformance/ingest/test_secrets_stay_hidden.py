"""No secret stands in a log, an error, a repr or a plain column, whatever happens to it."""

import dataclasses
import io
import logging
import traceback
from pathlib import Path

import pytest
import structlog
from sqlalchemy.exc import IntegrityError

from community.clients.mqtt import MqttAddress
from community.errors import FatalError
from community.runtime.logs import configure_logging
from community.store.column_key_file import add_column_key
from community.store.devices import NewDevice, add_device, load_device
from community.store.onboarding import Told, bind_key, confirm_serial
from community.store.sealed_columns import ColumnKey, ColumnKeys
from community.store.unit_of_work import Store
from ingest.books import read_books_settings
from ingest.sources.provisioning import Provisioning
from tests.conformance.ingest.intakes import running_intake
from tests.support.logging_put_back import logging_put_back
from tests.support.sending_device import EUI, NOON, NOON_SLOT, SendingDevice, StandingClock, register
from tests.support.stores import COLUMN_KEY, new_sqlite_url, opened

METER_KEY = bytes.fromhex("5ec2e70a" * 4)
PIN = "pin-5ec2e7-of-the-token"


def forms(secret: bytes) -> list[str]:
    """How a secret may show itself."""
    return [secret.hex(), secret.hex().upper(), repr(secret), repr(secret)[2:-1], str(list(secret))]


def settings_told(folder: Path, url: str, file_key: ColumnKey) -> list[str]:
    """What settings with secrets in files show of themselves."""
    (folder / "pin").write_text(PIN)
    settings = read_books_settings(
        {
            "INGEST_DATABASE_URL": url,
            "INGEST_COLUMN_KEY_FILE": str(folder / "column.key"),
            "INGEST_KEY_SERVICE_MODULE": "/nowhere.so",
            "INGEST_KEY_SERVICE_TOKEN": "t",
            "INGEST_KEY_SERVICE_PIN_FILE": str(folder / "pin"),
        }
    )
    return [repr(settings), str(dataclasses.replace(settings)), repr(file_key)]


async def _add(store: Store, device: NewDevice) -> None:
    async with store.begin() as work:
        await add_device(work, device, COLUMN_KEY, NOON)


async def test_whatever_happens_no_secret_is_written_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = SendingDevice(secret=bytes.fromhex("c0ffee5e" * 8))
    written = io.StringIO()
    said: list[str] = []
    with logging_put_back():
        monkeypatch.setattr("sys.stderr", written)
        configure_logging("ingest", as_json=True, level="DEBUG")
        logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
        url = await new_sqlite_url(tmp_path)
        async with opened(url) as store:
            await register(store, device, meter_key=METER_KEY)
            async with running_intake(store) as intake:
                good = device.frame((NOON_SLOT, 1000))
                for payload in (
                    good,
                    good,
                    b"garbage",
                    good[:-1],
                    device.frame((NOON_SLOT, 1001)),
                    SendingDevice().frame((NOON_SLOT, 1)),
                ):
                    said.append(repr(await intake.send(payload)))
                    said.append(repr(intake.batches))
                said.append(repr(await intake.refused()))
            async with store.read() as work:
                file = await load_device(work, EUI, COLUMN_KEY)
            assert file is not None and file.secret == device.secret
            assert file.installations[0].meter_key == METER_KEY
            said += [repr(file), str(file), repr(NewDevice("dev_x", "x", EUI, "ecw1", 1, device.secret))]
            prov = Provisioning(MqttAddress("mqtt://nobody.listens"), "x", store, COLUMN_KEY, StandingClock())
            for payload in (b"garbage", good):
                assert await prov.answer(EUI, payload) is None
            for attempt in (
                lambda: COLUMN_KEY.unseal(COLUMN_KEY.seal(device.secret, "device a"), "device b"),
                lambda: ColumnKeys((ColumnKey(bytes(32)),)).unseal(COLUMN_KEY.seal(device.secret, "a"), "a"),
                lambda: ColumnKey(device.secret + b"x"),
            ):
                with pytest.raises(FatalError) as refused:
                    attempt()
                said.append("".join(traceback.format_exception(refused.value)))
            again = NewDevice("dev_again", "x", EUI, "ecw1", 3, device.secret)
            with pytest.raises(IntegrityError) as twice:  # the database's words hold the statement's parameters
                await _add(store, again)
            said.append("".join(traceback.format_exception(twice.value)))
            async with store.begin() as work:
                told = Told("op", "on site", "command-0001")
                said.append(repr(await bind_key(work, "dev-plant", SendingDevice().public_key, told, NOON)))
                said.append(repr(await confirm_serial(work, "dev-plant", "other", told, NOON)))
        structlog.get_logger().warning(
            "a mistake of ours", secret=device.secret.hex(), column_key_secret=METER_KEY.hex()
        )
    file_key = add_column_key(tmp_path / "column.key")
    said += settings_told(tmp_path, url, file_key)
    database = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("community.db*")))
    log = written.getvalue()
    assert "uplink_refused" in log and "provisioning_refused" in log  # it was listened to
    for secret in (device.secret, METER_KEY, COLUMN_KEY.key, file_key.key):
        assert secret not in database
        assert secret.hex().encode() not in database
        for form in forms(secret):
            assert form not in log
            for text in said:
                assert form not in text
    assert all(PIN not in text for text in said)
