"""A meter whose key the grid operator changed: telegrams of both keys are read, counters begin anew, both keys stay sealed."""

from datetime import timedelta
from pathlib import Path

import pytest

from community.attestation.reasons import Reason
from community.store.decisions import Decided, NotFound, NotPossible
from community.store.meter_keys import MeterKeyChange, change_meter_key
from community.store.onboarding import Told
from community.store.sealed_columns import ColumnKey, ColumnKeys
from community.store.sealed_rotation import SEALED_COLUMNS, reseal_some, sealed_under
from community.store.unit_of_work import Store
from ingest.__main__ import main
from ingest.uplinks import Uplink
from tests.conformance.ingest.intakes import running_intake
from tests.support.legacy_gateway import GATEWAY, IMPORT, METER_KEY, books, legacy_payload
from tests.support.logging_put_back import logging_put_back
from tests.support.sending_device import NOON
from tests.support.stores import COLUMN_KEY

NEW_KEY = bytes(range(100, 116))
CHANGED = NOON + timedelta(minutes=30)
TOLD = Told("op_anna", "letter of the operator", "command-0001")


def change(key: bytes = NEW_KEY, serial: str = "SN-flat") -> MeterKeyChange:
    return MeterKeyChange(serial, key, CHANGED)


async def enter(store: Store, wanted: MeterKeyChange) -> object:
    async with store.begin() as work:
        return await change_meter_key(work, wanted, TOLD, COLUMN_KEY, NOON)


async def test_telegrams_of_both_keys_are_read_and_counters_begin_anew(store: Store) -> None:
    await books(store)
    async with running_intake(store) as intake:

        async def send(minutes: int, invocation: int, wh: int, meter_key: bytes = METER_KEY, late: int = 20) -> str:
            at = NOON + timedelta(minutes=minutes)
            payload = legacy_payload(invocation, at, wh, meter_key=meter_key)
            uplink = Uplink("things_stack", GATEWAY.eui, payload, at + timedelta(seconds=late), f_port=1)
            outcome = await intake.intake.take_in(uplink)
            return outcome.reason or outcome.verdict

        assert await send(0, 900, 1000) == "admitted"
        assert await send(30, 1, 1020, NEW_KEY) == Reason.METER_FRAME_UNREADABLE
        assert await enter(store, change()) == await enter(store, change()) == Decided()
        assert await send(30, 1, 1020, NEW_KEY, late=21) in ("admitted", "duplicate")
        assert await send(45, 2, 1030, NEW_KEY) == "admitted"
        # enciphered before the change, and so late that it comes after it
        assert await send(15, 901, 1010, late=2000) == "admitted"
        assert await send(60, 2, 1040, NEW_KEY) == Reason.REPEATED_COUNTER
        assert [wh for _, wh in await intake.readings("flat", IMPORT)][:2] == [1000, 1010]
    async with store.begin() as work:
        keys = ColumnKeys((ColumnKey(bytes(32)), COLUMN_KEY))
        for column in SEALED_COLUMNS:
            await reseal_some(work, keys, column, 10)
        assert {one.column for one in await sealed_under(work)} == {"meter keys", "later meter keys"}
        assert {one.key_id for one in await sealed_under(work)} == {keys.current.id.hex()}


async def test_what_is_no_change(sqlite_store: Store) -> None:
    await books(sqlite_store)
    assert await enter(sqlite_store, change(serial="SN-none")) == NotFound()
    assert await enter(sqlite_store, change()) == Decided()
    other = await enter(sqlite_store, change(bytes(16)))
    assert isinstance(other, NotPossible) and "It stays" in other.sentence
    with pytest.raises(ValueError, match="16 bytes, not 15"):
        change(bytes(15))
    assert NEW_KEY.hex() not in repr(change()) and repr(NEW_KEY) not in repr(change())


def test_the_command_takes_the_key_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd").write_text("00" * 15)
    words = ["device", "meter-key", "SN", "--since", "2026-11-01T00:00Z", "--by", "a", "--reason", "b", "--key-file"]
    with logging_put_back():
        assert main([*words, str(tmp_path / "odd")]) == 1
    assert "32 hexadecimal digits" in capsys.readouterr().err
