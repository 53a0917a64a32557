"""How often each operation was asked for, and which way it took."""

from collections import Counter

NAMES_MAX = 100
"""Names come from outside: those that come first are counted apart, all others together."""
OTHERS, UNNAMED = "other", "unnamed"


class Asked:
    """Counts by the operation's name and by way: a plan, or the resolvers."""

    def __init__(self) -> None:
        self.by_name: Counter[str] = Counter()
        self.by_way: Counter[str] = Counter()

    def note(self, name: str | None, *, planned: bool) -> None:
        """One operation that may be carried out."""
        name = (name or UNNAMED)[:60]
        if name not in self.by_name and len(self.by_name) >= NAMES_MAX:
            name = OTHERS
        self.by_name[name] += 1
        self.by_way["plan" if planned else "resolvers"] += 1
