"""What waits for a person is asked about ever less often, and at once after it went on."""

from datetime import UTC, datetime, timedelta

from settlement.waiting import FIRST, LONGEST, Waiting

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_each_wait_is_twice_as_long_as_the_one_before_up_to_a_ceiling() -> None:
    waiting, now, lengths = Waiting(), NOON, []
    assert waiting.is_due("a", now)
    for _ in range(9):
        waiting.wait("a", now)
        assert not waiting.is_due("a", now) and waiting.is_due("b", now)
        length = next(one for one in range(1, 100) if waiting.is_due("a", now + timedelta(seconds=one)))
        lengths.append(length)
        now += timedelta(seconds=length)
    assert lengths == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert (FIRST, LONGEST) == (timedelta(seconds=1), timedelta(seconds=60))


def test_what_went_on_waits_shortly_again() -> None:
    waiting = Waiting()
    for _ in range(5):
        waiting.wait("a", NOON)
    waiting.over("a")
    assert waiting.is_due("a", NOON)
    waiting.wait("a", NOON)
    assert waiting.is_due("a", NOON + FIRST)
