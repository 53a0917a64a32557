"""Counting operations: by name, boundedly, and by the way they took."""

from api.asked import NAMES_MAX, OTHERS, Asked


def test_operations_are_counted_by_name_and_way() -> None:
    asked = Asked()
    asked.note("Dashboard", planned=True)
    asked.note("Dashboard", planned=False)
    asked.note(None, planned=True)
    assert asked.by_name == {"Dashboard": 2, "unnamed": 1}
    assert asked.by_way == {"plan": 2, "resolvers": 1}


def test_names_from_outside_do_not_grow_without_end() -> None:
    asked = Asked()
    for number in range(3 * NAMES_MAX):
        asked.note(f"Q{number}", planned=True)
    assert len(asked.by_name) == NAMES_MAX + 1
    assert asked.by_name[OTHERS] == 2 * NAMES_MAX
