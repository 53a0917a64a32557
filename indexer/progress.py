"""How far a backfill has come, how fast it goes, and when it will be done."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """After `elapsed_s` seconds: blocks read of those wanted since this process began, and logs in them."""

    blocks_done: int
    blocks_left: int
    logs: int
    elapsed_s: float

    @property
    def logs_per_s(self) -> int:
        return round(self.logs / self.elapsed_s) if self.elapsed_s > 0 else 0

    @property
    def left_s(self) -> int | None:
        """Seconds until the end at the present rate; None before there is a rate."""
        if self.elapsed_s <= 0 or not self.blocks_done:
            return None
        return round(self.elapsed_s * self.blocks_left / self.blocks_done)

    def sentence(self) -> str:
        """For a person: where it stands, the rate, the time left."""
        share = 100 * self.blocks_done // max(1, self.blocks_done + self.blocks_left)
        left = "" if self.left_s is None else f", {_duration(self.left_s)} left"
        return f"{share} %: {self.blocks_done} blocks, {self.logs} logs, {self.logs_per_s} logs/s{left}"


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
