"""The address book in two times: what was known then does not change, whatever is recorded later."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from community.identity.coin_addresses import AddressEvent, CoinChain, held_at, receiving_at

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = st.integers(0, 20).map(lambda hours: START + timedelta(hours=hours))


@st.composite
def books(draw: st.DrawFn) -> list[AddressEvent]:
    """Events of two identities with two addresses each, recorded in any order of what they say."""
    rows = draw(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12"), st.booleans(), HOURS), max_size=12))
    recorded = sorted(draw(st.lists(HOURS, min_size=len(rows), max_size=len(rows))))
    return [
        AddressEvent(seq, who, CoinChain.EVM, f"0x{who}{which}", None, holds, effective, known)
        for seq, ((who, which, holds, effective), known) in enumerate(zip(rows, recorded, strict=True), 1)
    ]


@given(events=books(), at=HOURS, known_at=HOURS)
def test_later_records_do_not_change_what_was_known(
    events: list[AddressEvent], at: datetime, known_at: datetime
) -> None:
    until_then = [event for event in events if event.recorded_at <= known_at]
    assert held_at(events, at, known_at) == held_at(until_then, at)


@given(events=books(), at=HOURS, order=st.randoms())
def test_the_order_of_reading_does_not_matter(events: list[AddressEvent], at: datetime, order: object) -> None:
    shuffled = list(events)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert held_at(shuffled, at) == held_at(events, at)


@given(events=books(), at=HOURS)
def test_an_address_is_held_as_the_last_word_about_the_latest_instant_says(
    events: list[AddressEvent], at: datetime
) -> None:
    held = {address.address for address in held_at(events, at)}
    for name in {event.address for event in events}:
        said = [event for event in events if event.address == name and event.effective_at <= at]
        last = max(said, key=lambda event: (event.effective_at, event.seq), default=None)
        assert (name in held) == (last is not None and last.holds)


@given(events=books(), at=HOURS)
def test_each_identity_receives_at_the_newest_address_it_holds(events: list[AddressEvent], at: datetime) -> None:
    held, receiving = held_at(events, at), receiving_at(events, at)
    assert set(receiving) == {address.identity_id for address in held}
    for who, address in receiving.items():
        assert address.valid_from == max(each.valid_from for each in held if each.identity_id == who)
