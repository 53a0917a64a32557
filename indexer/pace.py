"""How many blocks the next range has: as many as the provider allows and as fit the wanted amount of logs."""

from dataclasses import dataclass

from indexer.provider_limits import BatchTooLarge, Limit, RangeTooLong, TooFast, TooManyLogs

BLOCKS_FIRST = 500
BLOCKS_MAX = 10_000
LOGS_WANTED = 20_000
"""Per range: enough to make a unit of work worth its while, few enough to keep memory flat."""
CALLS_FIRST = 100
_GROWTH = 2
_AGAIN_AFTER = 64
"""Ranges without a refusal after which a learnt limit is tried anew: providers change them."""


@dataclass(slots=True)
class Pace:
    """What one provider was found to allow. `blocks` is the length of the next range, `calls` that of a batch."""

    blocks: int = BLOCKS_FIRST
    calls: int = CALLS_FIRST
    logs_wanted: int = LOGS_WANTED
    blocks_allowed: int = BLOCKS_MAX
    in_flight: int = 3
    _since_refusal: int = 0

    def read(self, blocks: int, logs: int) -> None:
        """A range of `blocks` was read and had `logs`."""
        self._since_refusal += 1
        if self._since_refusal >= _AGAIN_AFTER:
            self._since_refusal = 0
            self.blocks_allowed = min(BLOCKS_MAX, self.blocks_allowed * _GROWTH)
            self.in_flight = min(3, self.in_flight + 1)
        fitting = max(1, blocks * self.logs_wanted // logs) if logs else blocks * _GROWTH
        self.blocks = max(1, min(fitting, blocks * _GROWTH, self.blocks_allowed))

    def refused(self, limit: Limit, blocks: int) -> bool:
        """A range of `blocks` was refused. False if nothing smaller can be asked: then the refusal means something else."""
        self._since_refusal = 0
        match limit:
            case TooFast():
                self.in_flight = 1
                return True
            case BatchTooLarge(calls_max):
                if self.calls == 1:
                    return False
                self.calls = min(calls_max or self.calls, max(1, self.calls // _GROWTH))
                return True
            case RangeTooLong(blocks_max) | TooManyLogs(blocks_max):
                smaller = max(1, blocks // _GROWTH) if blocks_max is None else max(1, min(blocks_max, blocks - 1))
                if isinstance(limit, RangeTooLong):
                    self.blocks_allowed = smaller
                self.blocks = smaller
                return blocks > 1
