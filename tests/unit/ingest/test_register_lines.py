"""What is known of a register around a run of slots, against a plain search through all of it."""

from hypothesis import given
from hypothesis import strategies as st

from community.clock import slot_start
from ingest.register_lines import KnownReading, RegisterLine, lines_of

SLOTS = st.integers(0, 40)


@given(st.lists(st.tuples(SLOTS, st.integers(0, 4)), max_size=12), SLOTS, st.integers(0, 6))
def test_the_neighbours_of_a_run(runs: list[tuple[int, int]], first: int, length: int) -> None:
    line, known = RegisterLine(), set[int]()
    for begin, size in runs:
        run = list(range(begin, begin + size + 1))
        if known.isdisjoint(run):
            line.add([KnownReading(slot, slot * 10, f"m{slot}") for slot in run])
            known |= set(run)
    last = first + length
    found = line.around(first, last)
    if known & set(range(first, last + 1)):
        assert found is None
        return
    before = max((slot for slot in known if slot < first), default=None)
    after = min((slot for slot in known if slot > last), default=None)
    assert found is not None
    assert [None if one is None else one.slot for one in found] == [before, after]


def test_lines_are_made_of_what_the_books_have() -> None:
    found = [("b", "m2", slot_start(9), 5), ("a", "m1", slot_start(7), 4), ("a", "m0", slot_start(3), 2)]
    lines = lines_of([*found, found[1]])
    assert lines.keys() == {"a", "b"}
    assert lines["a"].around(4, 6) == (KnownReading(3, 2, "m0"), KnownReading(7, 4, "m1"))
    assert lines["b"].around(10, 10) == (KnownReading(9, 5, "m2"), None)
