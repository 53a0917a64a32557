"""The share register: who holds how many shares of an energy source, for which intervals."""

from dataclasses import dataclass
from datetime import datetime

from community.clock import is_boundary


@dataclass(frozen=True, slots=True)
class Share:
    """One holder's shares, with the EVM address that his tokens go to (lower-case 0x hex)."""

    holder_id: str
    address: str
    count: int

    def __post_init__(self) -> None:
        if self.count <= 0:
            raise ValueError(f"{self.holder_id} must hold at least one share to stand in a share table")


@dataclass(frozen=True, slots=True)
class ShareTable:
    """One revision of a source's share register, valid for intervals in `[valid_from, valid_to)`.

    The order of `shares` is part of it: the last holder takes the remainder of every apportionment.
    Raises ValueError unless the shares add up to `share_total` and the validity lies on the quarter-hour grid.
    """

    id: str
    source_id: str
    revision: int
    share_total: int
    shares: tuple[Share, ...]
    config_hash: str
    valid_from: datetime
    valid_to: datetime | None = None

    def __post_init__(self) -> None:
        held = sum(share.count for share in self.shares)
        if held != self.share_total:
            raise ValueError(f"the shares add up to {held}, not to {self.share_total}: the treasury must hold the rest")
        if len({share.holder_id for share in self.shares}) != len(self.shares):
            raise ValueError("a holder stands twice in the share table: add his shares together")
        for bound in (self.valid_from, self.valid_to):
            if bound is not None and not is_boundary(bound):
                raise ValueError(f"shares change at a quarter-hour boundary, not at {bound.isoformat()}")
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("a share table must be valid for at least one interval")

    def is_valid_at(self, start: datetime) -> bool:
        """Whether this revision holds for the interval that starts at `start`."""
        return self.valid_from <= start and (self.valid_to is None or start < self.valid_to)
