"""When a statement that nobody acknowledged is sent again: doubling pauses, without a clock of its own."""

from dataclasses import dataclass, field

PAUSE_MAX_S = 600.0


@dataclass(slots=True)
class Attempts:
    """Send times by statement counter, in seconds of any steady clock. Empty after a restart: all are due at once."""

    first_pause_s: float
    _due_s: dict[int, float] = field(default_factory=dict)
    _pause_s: dict[int, float] = field(default_factory=dict)
    _sent_s: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.first_pause_s <= 0:
            raise ValueError("the pause before sending again must be longer than nothing")

    def is_due(self, ctr: int, now_s: float) -> bool:
        """Whether `ctr` was never sent, or long enough ago."""
        return now_s >= self._due_s.get(ctr, now_s)

    def sent(self, ctr: int, now_s: float) -> None:
        """`ctr` went out now: the next time is a pause away, twice as long as the last one."""
        pause_s = min(self._pause_s.get(ctr, self.first_pause_s / 2) * 2, PAUSE_MAX_S)
        self._pause_s[ctr], self._due_s[ctr], self._sent_s[ctr] = pause_s, now_s + pause_s, now_s

    def hurry(self, now_s: float) -> None:
        """The backend was heard: what it should have had by now is due at once, with short pauses again."""
        for ctr, sent_s in self._sent_s.items():
            if now_s - sent_s >= self.first_pause_s:
                self._due_s[ctr] = now_s
                self._pause_s[ctr] = self.first_pause_s / 2

    def forget_up_to(self, ctr: int) -> None:
        """All statements up to `ctr` are acknowledged."""
        for done in [each for each in self._due_s if each <= ctr]:
            self.forget(done)

    def forget(self, ctr: int) -> None:
        """`ctr` shall be sent at once when it is open again."""
        for table in (self._due_s, self._pause_s, self._sent_s):
            table.pop(ctr, None)

    def next_due_s(self) -> float | None:
        """When the earliest of the sent ones is due again."""
        return min(self._due_s.values(), default=None)
