"""Which energy a mint stands for, where the token's contract does not say it: a guess with its method and confidence.

Nothing here counts as verified. A transaction's mints are compared, as a multiset of recipients and amounts, with what
every run of verified quarter-hours of a source would have given its holders, if it ended in the week before the mint.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from community.minting.apportionment import apportion
from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.facts import Facts, IntervalFacts, Part, ShareTableFacts
from community.tokens.transfers import Transfer
from community.units import BASE_UNITS_PER_WH, WattHours

REACH = timedelta(days=7)
"""A mint follows the reading it stands for by at most this."""


class Method(StrEnum):
    """How the parts came about. EXACT: split to the base unit; FLOORED: each holder cut to whole Wh, as older issuers did."""

    EXACT = "exact"
    FLOORED = "floored"


class Confidence(StrEnum):
    """HIGH: exact, and goes on where the mint before ended. MEDIUM: one of the two. LOW: neither."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Attribution:
    """The mints of one transaction stand, most likely, for `energy_wh` of a source from `starts_at` to `ends_at`.

    `residual` are the base units that the energy has and the mints lack: what cutting to whole Wh loses.
    """

    tx_hash: str
    block_number: int
    source_id: str
    starts_at: datetime
    ends_at: datetime
    energy_wh: int
    amount: int
    method: Method
    confidence: Confidence

    @property
    def residual(self) -> int:
        return self.energy_wh * BASE_UNITS_PER_WH - self.amount


@dataclass(frozen=True, slots=True)
class _Boundary:
    """The end of a producing quarter-hour, and the energy of the source up to it."""

    at: datetime
    starts_at: datetime
    energy_wh: int


class _Path:
    """The verified energy of one source as a rising line, and how far mints have used it up."""

    def __init__(self, source_id: str, intervals: Iterable[IntervalFacts], tables: Sequence[ShareTableFacts]) -> None:
        self.source_id = source_id
        self.tables = tables
        self.used_wh = 0
        self.boundaries: list[_Boundary] = []
        self.next_start: dict[int, datetime] = {}
        total = 0
        for interval in sorted(intervals, key=lambda one: one.starts_at):
            if not interval.energy_wh:
                continue
            self.next_start[total] = interval.starts_at
            total += interval.energy_wh
            self.boundaries.append(_Boundary(interval.ends_at, interval.starts_at, total))

    def candidates(self, parts: Counter[Part], minted_at: datetime) -> Iterator[tuple[Attribution, int]]:
        """What these parts may stand for, with the energy used up afterwards. Tx hash and block are the caller's."""
        amount = sum(value * times for (_, value), times in parts.items())
        if amount % BASE_UNITS_PER_WH:
            return
        whole_wh, holders = amount // BASE_UNITS_PER_WH, sum(parts.values())
        for end in self.boundaries:
            if not minted_at - REACH <= end.at <= minted_at:
                continue
            # cutting to whole Wh loses less than one Wh for each holder
            for energy_wh in range(whole_wh, whole_wh + holders + 1):
                begin_wh = end.energy_wh - energy_wh
                starts_at = self.next_start.get(begin_wh)
                if starts_at is None or begin_wh < self.used_wh or energy_wh == 0:
                    continue
                method = self._method(parts, energy_wh, starts_at, end.at)
                if method is not None:
                    confidence = _confidence(method, begin_wh == self.used_wh)
                    yield (
                        Attribution(
                            "", 0, self.source_id, starts_at, end.at, energy_wh, amount, method, confidence
                        ),
                        end.energy_wh,
                    )  # fmt: skip

    def _method(self, parts: Counter[Part], energy_wh: int, starts_at: datetime, ends_at: datetime) -> Method | None:
        table = next((one for one in self.tables if one.holds_over(starts_at, ends_at)), None)
        if table is None:
            return None
        counts = [count for _, count in table.shares]
        exact = apportion(WattHours(energy_wh), counts)
        if parts == _parts(table, exact):
            return Method.EXACT
        total = sum(counts)
        floored = [energy_wh * count // total * BASE_UNITS_PER_WH for count in counts]
        return Method.FLOORED if parts == _parts(table, floored) else None


def attribute(facts: Facts) -> tuple[tuple[Attribution, ...], tuple[Break, ...]]:
    """Attributions in chain order, and a break for each transaction whose mints fit nothing, or fit several equally."""
    paths = [
        _Path(
            source.id,
            [one for one in facts.intervals if one.source_id == source.id and one.starts_at >= source.opening_at],
            [table for table in facts.share_tables if table.source_id == source.id],
        )
        for source in facts.sources
    ]
    found: list[Attribution] = []
    breaks: list[Break] = []
    for mints in _by_transaction(facts.mints):
        parts = Counter((mint.recipient, mint.amount) for mint in mints if mint.amount)
        minted_at = facts.block_times.get(mints[0].block_number)
        fits = [] if minted_at is None else [
            (candidate, used_wh, path) for path in paths for candidate, used_wh in path.candidates(parts, minted_at)
        ]  # fmt: skip
        best = _best(fits)
        if len(best) != 1:
            breaks.append(_unattributed(facts, mints, len(best)))
            continue
        ((candidate, used_wh, path),) = best
        path.used_wh = used_wh
        found.append(
            Attribution(
                mints[0].tx_hash, mints[0].block_number, candidate.source_id, candidate.starts_at, candidate.ends_at,
                candidate.energy_wh, candidate.amount, candidate.method, candidate.confidence,
            )
        )  # fmt: skip
    return tuple(found), tuple(breaks)


_RANK = {Confidence.HIGH: 0, Confidence.MEDIUM: 1, Confidence.LOW: 2}


def _best(fits: list[tuple[Attribution, int, _Path]]) -> list[tuple[Attribution, int, _Path]]:
    rank = min((_RANK[candidate.confidence] for candidate, _, _ in fits), default=0)
    return [fit for fit in fits if _RANK[fit[0].confidence] == rank]


def _confidence(method: Method, goes_on: bool) -> Confidence:
    if method is Method.EXACT:
        return Confidence.HIGH if goes_on else Confidence.MEDIUM
    return Confidence.MEDIUM if goes_on else Confidence.LOW


def _parts(table: ShareTableFacts, amounts: Sequence[int]) -> Counter[Part]:
    return Counter(
        (address, amount) for (address, _), amount in zip(table.shares, amounts, strict=True) if amount
    )  # fmt: skip


def _by_transaction(mints: Iterable[Transfer]) -> list[list[Transfer]]:
    groups: dict[str, list[Transfer]] = {}
    for mint in sorted(mints, key=lambda one: (one.block_number, one.log_index)):
        groups.setdefault(mint.tx_hash, []).append(mint)
    return list(groups.values())


def _unattributed(facts: Facts, mints: Sequence[Transfer], fits: int) -> Break:
    amount = sum(mint.amount for mint in mints)
    why = "fit no period of any source" if not fits else f"fit {fits} periods equally well"
    return Break(
        BreakKind.UNATTRIBUTED,
        mints[0].tx_hash,
        f"{amount} base units of {facts.token} were minted in block {mints[0].block_number} to "
        f"{len({mint.recipient for mint in mints})} holders; they {why}.",
        expected="one period of a source",
        found=f"{fits} periods",
    )
