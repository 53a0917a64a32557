"""Counters that never repeat: blocks, the file beside the spool, torn writings, old files, a bound on the size."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from community.clock import slot_start
from gateway_agent.reading import RawRegister, ReadingFlag, RegisterReading
from gateway_agent.readings_rules import Decision, ReadingEvent
from gateway_agent.spool import AWAY_SLOTS, COUNTER_JUMP_MAX, MESSAGE_JUMP_MAX, Spool, SpoolFull
from gateway_agent.spool_counters import BLOCK, CounterFile, Counters

EUI = "70b3d57ed0060101"
FIRST = 1_994_304


def reading(slot: int, wh: int = 1000) -> RegisterReading:
    return RegisterReading(slot, 0, 1, (wh,), "A1", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    opened = Spool(path, EUI)
    yield opened
    opened.close()


def keep_and_sign(spool: Spool, slot: int) -> int:
    spool.add_reading(reading(slot), development_key=False)
    return spool.add_statement(spool.unsigned_readings(), lambda ctr: f"{ctr}".encode(), development_key=False)


def test_a_process_counts_on_within_its_block_and_two_never_share_one(path: Path, spool: Spool) -> None:
    ours = [spool.reserve_message_counter() for _ in range(3)]
    other = Spool(path, EUI)
    theirs = [other.reserve_message_counter() for _ in range(BLOCK + 1)]
    ours += [spool.reserve_message_counter() for _ in range(BLOCK)]
    other.close()
    assert ours[:3] == [1, 2, 3] and theirs[0] == BLOCK + 1
    assert len({*ours, *theirs}) == len(ours) + len(theirs)


def test_looking_at_a_spool_uses_no_counter(path: Path, spool: Spool) -> None:
    spool.reserve_message_counter()
    for _ in range(3):
        looking = Spool(path, EUI)
        assert looking.status().message_counter == BLOCK
        looking.close()


@pytest.mark.parametrize("lost", ["spool", "counter file"])
def test_either_of_the_two_files_is_enough(path: Path, lost: str) -> None:
    spool = Spool(path, EUI)
    keep_and_sign(spool, FIRST)
    used = [spool.reserve_message_counter() for _ in range(BLOCK + 1)]
    keep_and_sign(spool, FIRST + 1)
    spool.close()
    if lost == "spool":
        path.unlink()
    else:
        path.with_name("spool.db.counters").unlink()
    again = Spool(path, EUI)
    assert again.reserve_message_counter() > max(used)
    assert again.status().ctr == 2
    assert keep_and_sign(again, FIRST + 2) == 3
    again.close()


def test_a_counter_file_left_behind_by_a_kill_catches_up_at_the_next_start(path: Path) -> None:
    def die(name: str) -> None:
        if name == "statement_committed":
            raise KeyboardInterrupt

    killed = Spool(path, EUI, failpoint=die)
    with pytest.raises(KeyboardInterrupt):
        keep_and_sign(killed, FIRST)
    assert CounterFile(path.with_name("spool.db.counters")).counters.statement == 0
    Spool(path, EUI).close()
    assert CounterFile(path.with_name("spool.db.counters")).counters.statement == 1
    killed.close()


def test_a_torn_record_leaves_the_one_before(tmp_path: Path) -> None:
    file = CounterFile(tmp_path / "counters")
    for n in range(1, 6):
        file.raise_to(message=64 * n, statement=n)
    whole = (tmp_path / "counters").read_bytes()
    newest = 64 * (5 % 2)
    for cut in range(0, 36, 5):  # the newest record, spoiled anywhere
        torn = bytearray(whole)
        torn[newest + cut] ^= 0x40
        (tmp_path / "torn").write_bytes(torn)
        assert CounterFile(tmp_path / "torn").counters == Counters(256, 4)
    (tmp_path / "torn").write_bytes(b"rubbish" * 40)
    assert CounterFile(tmp_path / "torn").counters == Counters()


def test_a_counter_never_falls(tmp_path: Path) -> None:
    file = CounterFile(tmp_path / "counters")
    file.raise_to(message=100, statement=7)
    file.raise_to(message=50, statement=3)
    assert file.counters == CounterFile(tmp_path / "counters").counters == Counters(100, 7)


def test_the_backend_knows_better_than_a_disk_that_was_put_back(spool: Spool) -> None:
    keep_and_sign(spool, FIRST)
    assert spool.acknowledge(41) == 1  # all that we signed is among what it has
    assert keep_and_sign(spool, FIRST + 1) == 42
    assert [event.kind for event in spool.events()] == ["counter_jumped"]
    assert spool.acknowledge(42 + COUNTER_JUMP_MAX + 1) == 0  # no device lives that long
    assert spool.status().ctr == 42


def test_after_an_hour_away_message_counters_jump_and_the_backend_is_asked(spool: Spool) -> None:
    assert not spool.resume(slot_start(FIRST))  # new: there is nothing to repeat
    spool.add_reading(reading(FIRST), development_key=False)
    before = spool.reserve_message_counter()
    assert not spool.resume(slot_start(FIRST + AWAY_SLOTS - 1))
    assert not spool.resume(slot_start(FIRST + 100))  # nothing was ever signed: nothing to ask about
    spool.add_statement(spool.unsigned_readings(), lambda _ctr: b"1", development_key=False)
    assert spool.resume(slot_start(FIRST + 100) + timedelta(minutes=3))
    assert spool.status().message_counter >= before
    again = Spool(spool.path, EUI)
    assert again.reserve_message_counter() > before + 2 * 100 * 16
    assert again.resume(slot_start(FIRST + 1_000_000))
    jumped = Spool(spool.path, EUI)
    assert jumped.reserve_message_counter() <= before + 3 * BLOCK + 2 * 100 * 16 + MESSAGE_JUMP_MAX
    again.close()
    jumped.close()


def test_the_bound_on_the_size_is_said_and_what_waits_stays(path: Path) -> None:
    small = Spool(path, EUI, size_max_bytes=72_000)
    slots = iter(range(FIRST, FIRST + 10_000))
    with pytest.raises(SpoolFull, match="never deleted"):
        all(small.add_reading(reading(slot), development_key=False) for slot in slots)
    slot = next(slots) - 1
    status = small.status()
    assert status.readings == slot - FIRST and status.unsigned == status.readings
    assert status.size_bytes <= status.size_max_bytes == 72_000
    small.close()
    larger = Spool(path, EUI, size_max_bytes=10_000_000)
    assert larger.add_reading(reading(slot), development_key=False)
    larger.close()


def test_all_that_is_known_of_a_reading_comes_back(spool: Spool) -> None:
    at = slot_start(FIRST)
    given = RegisterReading(
        FIRST,
        3,
        3,
        (12_345_678, 7),
        "A1",
        10,
        b"frame",
        flags=ReadingFlag.LATE | ReadingFlag.METER_CLOCK_WRONG,
        raw=(RawRegister(1_234_567_8, 0, "Wh"), RawRegister(7 * 10**21, -21, "Wh")),
        frame_sha256=b"s" * 32,
        invocation_counter=2**32 - 1,
        meter_at=at + timedelta(seconds=70),
        gateway_at=at,
        clock_synchronised=True,
    )
    spool.add_reading(given, development_key=False)
    assert spool.last_accepted() == given
    assert spool.clock_points() == [(FIRST, 70)]


def test_a_gap_that_was_filled_after_all_is_no_event_any_more(spool: Spool) -> None:
    spool.note(ReadingEvent("gap", FIRST, "1 quarter-hour(s) without a reading"))
    spool.note(ReadingEvent("gap", FIRST, "2 quarter-hour(s) without a reading"))
    assert spool.events() == [ReadingEvent("gap", FIRST, "2 quarter-hour(s) without a reading")]
    spool.apply(Decision(accepted=(reading(FIRST),)), development_key=False)
    assert spool.events() == []


def test_a_file_of_the_first_version_is_read_on(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(
            f"""
            CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
            INSERT INTO fact VALUES ('device_eui', '{EUI}'), ('statement_counter', '1'), ('message_counter', '9');
            CREATE TABLE statement (ctr INTEGER PRIMARY KEY, first_slot INTEGER NOT NULL, last_slot INTEGER NOT NULL,
                plaintext BLOB NOT NULL, development_key INTEGER NOT NULL, state TEXT NOT NULL) STRICT;
            INSERT INTO statement VALUES (1, {FIRST}, {FIRST}, x'01', 0, 'sent');
            CREATE TABLE reading (slot INTEGER PRIMARY KEY, off_s INTEGER NOT NULL, status INTEGER NOT NULL,
                registers TEXT NOT NULL, meter_serial TEXT NOT NULL, resolution_wh INTEGER NOT NULL, frame BLOB,
                development_key INTEGER NOT NULL, ctr INTEGER REFERENCES statement (ctr)) STRICT;
            CREATE INDEX reading_without_statement ON reading (slot) WHERE ctr IS NULL;
            INSERT INTO reading VALUES ({FIRST}, 0, 1, '[5]', 'A1', 1, NULL, 0, 1),
                ({FIRST + 1}, 0, 1, '[6]', 'A1', 1, NULL, 0, NULL);
            """
        )
    old.close()
    spool = Spool(path, EUI)
    assert [each.registers for each in spool.unsigned_readings()] == [(6,)]
    assert (spool.reserve_message_counter(), spool.status().ctr) == (10, 1)
    assert spool.last_accepted() == RegisterReading(FIRST + 1, 0, 1, (6,), "A1", 1)
    spool.close()
