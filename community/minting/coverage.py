"""How much of what a member consumed his shares of production covered, quarter-hour by quarter-hour. Pure.

The community's energy counts where it is consumed while it is produced: per interval the lesser of both (the quarter-hour
is the unit of ElWOG 2010 section 16e). What he has too much in one interval covers nothing in another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from community.identity.shares import ShareTable
from community.minting.apportionment import apportion
from community.units import TokenAmount, WattHours, base_units


@dataclass(frozen=True, slots=True)
class IntervalEnergy:
    """One quarter-hour of a member: None for what is not known. The share of production is in base units."""

    consumption_wh: WattHours | None
    production_share: TokenAmount | None

    @property
    def covered(self) -> TokenAmount:
        """What his share of production covered, in base units; nothing where either side is not known."""
        if self.consumption_wh is None or self.production_share is None:
            return TokenAmount(0)
        return min(base_units(self.consumption_wh), self.production_share)


@dataclass(slots=True)
class Account:
    """Quarter-hours added up. `consumption_missing` and `production_missing` count those that are not known."""

    consumption_wh: int = 0
    production_share: int = 0
    covered: int = 0
    intervals: int = 0
    consumption_missing: int = 0
    production_missing: int = 0

    def add(self, one: IntervalEnergy) -> None:
        """Count one quarter-hour."""
        self.intervals += 1
        self.covered += one.covered
        if one.consumption_wh is None:
            self.consumption_missing += 1
        else:
            self.consumption_wh += one.consumption_wh
        if one.production_share is None:
            self.production_missing += 1
        else:
            self.production_share += one.production_share

    @property
    def from_grid(self) -> int:
        """What is left of the consumption, in base units."""
        return base_units(WattHours(self.consumption_wh)) - self.covered

    @property
    def surplus(self) -> int:
        """What is left of his share of production, in base units."""
        return self.production_share - self.covered


@dataclass(frozen=True, slots=True)
class Holding:
    """What a holder has of a source for the quarter-hours that start in [valid_from, valid_to).

    `before` are the shares of those who stand before him in the table, if he is its last: he takes what rounding leaves.
    """

    valid_from: datetime
    valid_to: datetime | None
    count: int
    total: int
    before: tuple[int, ...] = ()

    def is_valid_at(self, starts_at: datetime) -> bool:
        return self.valid_from <= starts_at and (self.valid_to is None or starts_at < self.valid_to)

    def part_of(self, energy: WattHours) -> TokenAmount:
        """His part of the source's energy in base units, as `apportion` gives it."""
        if self.before:
            return apportion(energy, (*self.before, self.count))[-1]
        return TokenAmount(base_units(energy) * self.count // self.total)


def holdings_of(holder_id: str, tables: Iterable[ShareTable]) -> list[Holding]:
    """What the holder has by each revision of a share register in which he stands."""
    found = []
    for table in tables:
        for position, share in enumerate(table.shares):
            if share.holder_id == holder_id:
                is_last = position == len(table.shares) - 1
                before = tuple(each.count for each in table.shares[:-1]) if is_last else ()
                found.append(Holding(table.valid_from, table.valid_to, share.count, table.share_total, before))
    return found


def summed(known: Iterable[int | None]) -> int | None:
    """The sum; None where one of them is not known, and where there are none."""
    values = list(known)
    return None if not values or None in values else sum(value for value in values if value is not None)
