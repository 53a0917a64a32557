"""Days, hours and months of a zone are whole quarter-hours that touch each other, also where clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.clock import is_boundary
from community.metering.calendar import (
    Resolution,
    SpanTooLong,
    ZoneUnknown,
    day_spans,
    spans,
    zone_named,
)

VIENNA = zone_named("Europe/Vienna")
ZONES = ("UTC", "Europe/Vienna", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia")


@pytest.mark.parametrize(("day", "count"), [("2026-03-29", 92), ("2026-10-25", 100), ("2026-06-15", 96)])
def test_a_day_has_as_many_quarter_hours_as_its_clocks_give_it(day: str, count: int) -> None:
    at = date.fromisoformat(day)
    ((found, span),) = day_spans(at, at, VIENNA)
    assert (found, span.intervals) == (at, count)
    since = datetime.combine(at, datetime.min.time(), VIENNA)
    assert spans(since, since + timedelta(hours=12), Resolution.DAY, VIENNA) == [span]
    assert len(spans(span.start, span.end, Resolution.HOUR, VIENNA)) == count // 4
    assert len(spans(span.start, span.end, Resolution.INTERVAL, VIENNA)) == count


def test_a_day_that_begins_at_one_o_clock_begins_there() -> None:
    ((_, span),) = day_spans(date(2018, 11, 4), date(2018, 11, 4), zone_named("America/Sao_Paulo"))
    assert (span.start, span.intervals) == (datetime(2018, 11, 4, 3, tzinfo=UTC), 92)


def test_months_are_the_calendars() -> None:
    since, until = (datetime(2026, month, 1, tzinfo=VIENNA) for month in (2, 5))
    assert [span.intervals for span in spans(since, until, Resolution.MONTH, VIENNA)] == [2688, 2972, 2880]


def test_what_begins_before_is_left_out_and_what_begins_within_is_whole() -> None:
    since = datetime(2026, 6, 1, 0, 1, tzinfo=VIENNA)
    found = spans(since, datetime(2026, 6, 2, 0, 1, tzinfo=VIENNA), Resolution.DAY, VIENNA)
    assert [(span.start.astimezone(VIENNA).day, span.intervals) for span in found] == [(2, 96)]
    assert spans(since, since, Resolution.DAY, VIENNA) == []


@given(
    st.integers(1_100_000_000, 2_110_000_000),
    st.integers(0, 30 * 24),
    st.sampled_from(list(Resolution)),
    st.sampled_from(ZONES),
)
def test_spans_touch_lie_on_the_grid_and_start_within(
    begins: int, hours: int, resolution: Resolution, zone: str
) -> None:
    since = datetime.fromtimestamp(begins, UTC)
    until = since + timedelta(hours=hours)
    found = spans(since, until, resolution, zone_named(zone))
    assert all(since <= span.start < until and span.intervals > 0 for span in found)
    assert all(is_boundary(span.start) and is_boundary(span.end) for span in found)
    assert all(one.end == after.start for one, after in pairwise(found))


@pytest.mark.parametrize("name", ["", "Europe/Nowhere", "../../etc/passwd", "Wien\u00fc", "x" * 65, "/etc/localtime"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ZoneUnknown):
        zone_named(name)


def test_more_than_an_answer_holds_is_refused() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    for resolution in Resolution:
        with pytest.raises(SpanTooLong, match="at most"):
            spans(since, since + timedelta(days=4000), resolution, VIENNA)
    with pytest.raises(SpanTooLong):
        day_spans(date(2020, 1, 1), date(2026, 1, 1), VIENNA)
    with pytest.raises(SpanTooLong, match="years"):
        spans(datetime(9999, 12, 30, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC), Resolution.DAY, VIENNA)
    with pytest.raises(SpanTooLong, match="years"):
        day_spans(date(9999, 12, 30), date(9999, 12, 31), VIENNA)
