"""From the sampler to the spool: quarantine over a restart, and what waits in memory while nothing can be written."""

from pathlib import Path

import pytest

from gateway_agent.reading import ReadingFlag, RegisterReading
from gateway_agent.readings_rules import Limits, ReadingEvent
from gateway_agent.spool import Spool, SpoolFull
from gateway_agent.spool_intake import Intake

EUI = "70b3d57ed0060101"
FIRST = 1_994_304


def reading(slot: int, wh: int) -> RegisterReading:
    return RegisterReading(FIRST + slot, 0, 1, (wh,), "A1", 1, b"frame")


def test_quarantine_survives_a_restart_between_any_two_readings(tmp_path: Path) -> None:
    for slot, wh in enumerate([1000, 1010, 3, 5, 9, 12]):
        spool = Spool(tmp_path / "spool.db", EUI)
        something_new = Intake(spool, Limits(30_000), False).take(reading(slot, wh))
        assert something_new is (slot not in (2, 3))
        if slot == 3:
            assert [each.registers for each in spool.held_readings()] == [(3,), (5,)]
            assert (spool.status().held, spool.last_slot()) == (2, FIRST + 3)
            assert [slot for slot, _ in spool.frames_without_payload()] == [FIRST, FIRST + 1]  # none of the held ones
        spool.close()
    spool = Spool(tmp_path / "spool.db", EUI)
    assert [each.registers for each in spool.unsigned_readings()] == [(1000,), (1010,), (3,), (5,), (9,), (12,)]
    assert [each.status for each in spool.unsigned_readings()] == [1, 1, 5, 1, 1, 1]
    assert sorted(event.kind for event in spool.events()) == ["register_fell", "reset"]
    assert ReadingFlag.RESET in spool.newest_readings(10)[3].flags
    spool.close()


def test_a_spike_is_kept_and_never_signed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db", EUI)
    intake = Intake(spool, Limits(30_000), False)
    for slot, wh in enumerate([1000, 0, 1020]):
        intake.take(reading(slot, wh))
    assert [each.slot for each in spool.unsigned_readings()] == [FIRST, FIRST + 2]
    assert (spool.status().refused, spool.status().held) == (1, 0)
    (spike,) = spool.newest_readings(10, states=("refused",))
    assert (spike.registers, spike.frame) == ((0,), b"frame")
    assert not spool.add_reading(reading(1, 1010), development_key=False)  # its slot stays empty for good
    spool.close()


def test_what_waits_in_memory_is_written_in_order_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "spool.db", EUI)
    intake = Intake(spool, Limits(), False)
    assert intake.take(reading(0, 1000))

    def full(*_args: object, **_options: object) -> bool:
        raise SpoolFull("no room")

    with monkeypatch.context() as nothing_goes:
        nothing_goes.setattr(spool, "apply", full)
        nothing_goes.setattr(spool, "note", full)
        assert not intake.take(reading(1, 1001))
        intake.note(ReadingEvent("gap", FIRST + 2, "1 quarter-hour(s) without a reading"))
        assert not intake.take(reading(3, 1003))
        assert intake.waiting == 3
    assert intake.take(reading(4, 1004))
    assert intake.waiting == 0
    assert [each.slot - FIRST for each in spool.unsigned_readings()] == [0, 1, 3, 4]
    assert [event.slot - FIRST for event in spool.events()] == [2]
    spool.close()
