"""The spool after every kind of interruption: nothing lost, nothing doubled, no counter twice and none left out."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from community.clock import slot_at
from community.errors import FatalError
from gateway_agent.reading import RegisterReading
from gateway_agent.spool import Spool
from gateway_agent.spool_counters import BLOCK

EUI = "70b3d57ed0060101"
FIRST = 1_994_304


def reading(slot: int, wh: int = 1000, frame: bytes | None = None) -> RegisterReading:
    return RegisterReading(slot, 0, 1, (wh, 2 * wh), "60400042", 1, frame)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    opened = Spool(path, EUI)
    yield opened
    opened.close()


def sign(ctr: int) -> bytes:
    return f"statement {ctr}".encode()


def test_a_slot_is_kept_once(spool: Spool) -> None:
    assert spool.add_reading(reading(FIRST, 1000), development_key=False)
    assert not spool.add_reading(reading(FIRST, 2000), development_key=False)
    assert [each.registers for each in spool.unsigned_readings()] == [(1000, 2000)]
    assert (spool.last_slot(), spool.last_registers()) == (FIRST, (1000, 2000))


def test_what_was_returned_survives_a_kill(path: Path) -> None:
    killed = Spool(path, EUI)  # never closed before the next one opens, as after a power cut
    killed.add_reading(reading(FIRST), development_key=True)
    killed.add_reading(reading(FIRST + 1), development_key=True)
    ctr = killed.add_statement(killed.unsigned_readings(), sign, development_key=True)
    counters = [killed.reserve_message_counter() for _ in range(3)]
    again = Spool(path, EUI)
    assert (ctr, counters) == (1, [1, 2, 3])
    assert again.last_slot() == FIRST + 1
    assert [(each.ctr, each.plaintext, each.sent) for each in again.unacknowledged()] == [(1, b"statement 1", False)]
    assert again.unsigned_readings() == []
    assert again.reserve_message_counter() == BLOCK + 1  # the rest of the block may have been used
    killed.close()
    again.close()


def test_a_signature_that_fails_uses_no_counter(spool: Spool, path: Path) -> None:
    spool.add_reading(reading(FIRST), development_key=False)

    def fail(_ctr: int) -> bytes:
        raise RuntimeError("the token was taken out")

    with pytest.raises(RuntimeError):
        spool.add_statement(spool.unsigned_readings(), fail, development_key=False)
    assert len(spool.unsigned_readings()) == 1
    assert spool.status().ctr == 0
    assert spool.add_statement(spool.unsigned_readings(), sign, development_key=False) == 1


def test_an_acknowledgement_covers_all_before_and_invents_nothing(spool: Spool) -> None:
    for slot in range(FIRST, FIRST + 3):
        spool.add_reading(reading(slot), development_key=False)
        spool.add_statement(spool.unsigned_readings(), sign, development_key=False)
    assert spool.acknowledge(2) == 2
    assert spool.acknowledge(2) == 0
    assert [each.ctr for each in spool.unacknowledged()] == [3]
    spool.mark_sent(3)
    assert spool.unacknowledged()[0].sent
    assert spool.acknowledge(3) == 1
    assert spool.status().unacknowledged == 0


def test_a_request_brings_acknowledged_statements_back(spool: Spool) -> None:
    for slot in range(FIRST, FIRST + 4):
        spool.add_reading(reading(slot), development_key=False)
        spool.add_statement(spool.unsigned_readings(), sign, development_key=False)
    spool.acknowledge(4)
    assert spool.request_again(FIRST + 1, 2) == 2
    assert [each.ctr for each in spool.unacknowledged()] == [2, 3]


def test_a_downlink_counter_counts_once(spool: Spool) -> None:
    assert spool.accept_down_counter(5)
    assert not spool.accept_down_counter(5)
    assert not spool.accept_down_counter(4)
    assert spool.accept_down_counter(6)


def test_a_legacy_payload_waits_until_it_is_sent(spool: Spool) -> None:
    spool.add_reading(reading(FIRST, frame=b"frame"), development_key=True)
    assert spool.frames_without_payload() == [(FIRST, b"frame")]
    spool.add_payload(FIRST, b"payload", development_key=True)
    spool.add_payload(FIRST, b"another", development_key=True)
    assert spool.frames_without_payload() == []
    assert [(each.slot, each.payload) for each in spool.waiting_payloads()] == [(FIRST, b"payload")]
    spool.mark_payload_sent(FIRST)
    assert spool.waiting_payloads() == []


def test_every_record_of_a_development_key_is_marked(spool: Spool, path: Path) -> None:
    spool.add_reading(reading(FIRST, frame=b"frame"), development_key=True)
    spool.add_statement(spool.unsigned_readings(), sign, development_key=True)
    spool.add_payload(FIRST, b"payload", development_key=True)
    with closing(sqlite3.connect(path)) as look, look:
        for table in ("reading", "statement", "payload"):
            assert look.execute(f"SELECT development_key FROM {table}").fetchall() == [(1,)]
    look.close()


def test_forty_days_are_kept(spool: Spool) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    old, kept = slot_at(now - timedelta(days=41)), slot_at(now - timedelta(days=39))
    for slot in (old, kept):
        spool.add_reading(reading(slot, frame=b"f"), development_key=False)
        spool.add_payload(slot, b"p", development_key=False)
        spool.add_statement(spool.unsigned_readings(), sign, development_key=False)
    assert spool.forget_before(now) == 0  # nobody has said that it is stored
    spool.mark_payload_sent(old)
    assert spool.forget_before(now) == 0
    assert spool.status().oldest_open_slot == old
    spool.acknowledge(1)
    assert spool.forget_before(now) == 1
    assert (spool.status().readings, spool.status().statements, spool.last_slot()) == (1, 1, kept)
    assert spool.status().ctr == 2  # counters are never forgotten


def test_what_only_the_radio_wants_is_kept_until_it_was_sent(spool: Spool) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    old = slot_at(now - timedelta(days=41))
    spool.add_reading(reading(old, frame=b"f"), development_key=False)
    assert spool.forget_before(now) == 0  # not even signed
    spool.add_payload(old, b"p", development_key=False)
    assert spool.forget_before(now) == 0
    spool.mark_payload_sent(old)
    assert spool.forget_before(now) == 1
    assert spool.status().readings == 0


def test_the_spool_of_another_device_is_refused(spool: Spool, path: Path) -> None:
    with pytest.raises(FatalError, match="belongs to device 70b3d57ed0060101"):
        Spool(path, "0000000000000001")


def test_a_file_that_is_no_spool_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_text("this is not a database, it is a text that is long enough to be one" * 40)
    with pytest.raises(FatalError, match="cannot be used"):
        Spool(tmp_path / "spool.db", EUI)
