"""What reconciliation compares: verified energy, our decisions, and what the finalised chain says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from community.clock import QUARTER_HOUR, as_utc
from community.minting.issuances import IssuanceState
from community.tokens.issuer_events import SettledEvent
from community.tokens.supply import Supply
from community.tokens.transfers import Transfer

Part = tuple[str, int]
"""A holder's address and base units."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """An energy source and where its counting begins. `collects` is how long it gathers energy before it settles."""

    id: str
    ref: str
    name: str
    opening_register_wh: int
    opening_at: datetime
    collects: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class EvidenceFacts:
    """What an issuance rests on: the reading, its statement's digest (0x hex), and whether its key was valid then."""

    digest: str
    mode: str
    read_at: datetime
    register_wh: int
    key_valid: bool


@dataclass(frozen=True, slots=True)
class IssuanceFacts:
    """An issuance with its parts. `planned_at` is when it was recorded."""

    id: str
    source_id: str
    from_wh: int
    to_wh: int
    period_start: datetime
    period_end: datetime
    amount: int
    parts: tuple[Part, ...]
    state: IssuanceState
    planned_at: datetime
    evidence: EvidenceFacts
    mined_block: int | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class IntervalFacts:
    """Verified production of one quarter-hour, latest revision. `recorded_at` is when it was taken in.

    `rest_wh` of the energy is what an exchanged meter still counted: no register settles it, a supplement mints it.
    """

    source_id: str
    starts_at: datetime
    energy_wh: int
    recorded_at: datetime
    rest_wh: int = 0

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + QUARTER_HOUR

    @property
    def settled_wh(self) -> int:
        """What the source's register settles of it."""
        return self.energy_wh - self.rest_wh

    @property
    def key(self) -> str:
        """What names the interval."""
        return interval_key(self.source_id, self.starts_at)


def interval_key(source_id: str, starts_at: datetime) -> str:
    """The name of a source's interval that starts then."""
    return f"{source_id}@{starts_at:%Y-%m-%dT%H:%MZ}"


@dataclass(frozen=True, slots=True)
class AlteredReading:
    """A stored reading that its own signed statement contradicts. `signed_wh` is None where the proof leads nowhere."""

    source_id: str
    measurement_id: str
    at: datetime
    stored_wh: int
    signed_wh: int | None


@dataclass(frozen=True, slots=True)
class AlteredInterval:
    """A stored interval whose energy is not what the readings at its two ends give; `stored_wh` None: it is gone."""

    source_id: str
    starts_at: datetime
    stored_wh: int | None
    registers_wh: int

    @property
    def key(self) -> str:
        """What names the interval, as in `IntervalFacts`."""
        return interval_key(self.source_id, self.starts_at)


@dataclass(frozen=True, slots=True)
class ShareTableFacts:
    """One revision of a source's share register. `shares` are (address, count) in their order.

    `config_hash` is what the books name as committed, `rows_hash` what the rows themselves give with the key of the
    device that the source had then; None where that key is unknown. `key_hashes` are what they give with every key that
    ever signed at the source: with a new key the same shares are committed anew.
    """

    id: str
    source_id: str
    share_total: int
    shares: tuple[tuple[str, int], ...]
    config_hash: str
    rows_hash: str | None
    valid_from: datetime
    recorded_at: datetime
    valid_to: datetime | None = None
    key_hashes: frozenset[str] = frozenset()

    def holds_over(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether this revision is the valid one for all of [starts_at, ends_at)."""
        return self.valid_from <= starts_at and (self.valid_to is None or ends_at <= self.valid_to)


@dataclass(frozen=True, slots=True)
class ShareTokens:
    """A source's share tokens by their holders' addresses, and when the last of them moved."""

    held: Mapping[str, int]
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class Configured:
    """The issuer was told to count a source from `opening_wh` on; the register before was `closing_wh`."""

    block_number: int
    log_index: int
    source_ref: str
    closing_wh: int
    opening_wh: int
    config_hash: str = ""


@dataclass(frozen=True, slots=True)
class SourceOnChain:
    """State of a source at the finalised block, asked from the contract."""

    register_wh: int
    debt_wh: int


@dataclass(frozen=True, slots=True)
class AskedTotals:
    """Answers of the contracts themselves at the finalised block: supply, balances, and sources by their reference."""

    total_supply: int
    balances: Mapping[str, int]
    sources: Mapping[str, SourceOnChain]


@dataclass(frozen=True, slots=True)
class Facts:
    """Both sides as known at `now`; of the chain only what is in finalised blocks up to `finalised_block`.

    `has_issuer` is false for a plain ERC-20 token: nothing on chain says then what a mint is for, and `block_times`
    (of the blocks with mints) stand in for it.
    """

    now: datetime
    grace: timedelta
    finalised_block: int
    token: str
    sources: tuple[SourceFacts, ...] = ()
    issuances: tuple[IssuanceFacts, ...] = ()
    intervals: tuple[IntervalFacts, ...] = ()
    settled: tuple[SettledEvent, ...] = ()
    mints: tuple[Transfer, ...] = ()
    configured: tuple[Configured, ...] = ()
    corrected_wh: Mapping[str, int] = field(default_factory=dict)
    """Debt booked in total per source reference."""
    supply: Supply = field(default_factory=Supply)
    balances: Mapping[str, int] = field(default_factory=dict)
    asked: AskedTotals | None = None
    share_tables: tuple[ShareTableFacts, ...] = ()
    shares_on_chain: Mapping[str, ShareTokens] = field(default_factory=dict)
    """Share tokens per source id, of the sources that have them."""
    altered_readings: tuple[AlteredReading, ...] = ()
    altered_intervals: tuple[AlteredInterval, ...] = ()
    has_issuer: bool = True
    has_totals: bool = True
    """Whether supply and balances are those of all mints here: not so for a part of the time."""
    block_times: Mapping[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        as_utc(self.now)
        if any(event.block_number > self.finalised_block for event in self.settled):
            raise ValueError("only finalised settlements are reconciled")
        if not self.has_issuer and (self.issuances or self.settled):
            raise ValueError("without an issuer there are neither issuances nor settlements")

    def is_old(self, recorded_at: datetime, more: timedelta = timedelta(0)) -> bool:
        """Whether something recorded then has had its time. Counted from the record: late data gets its time too."""
        return self.now - recorded_at > self.grace + more
