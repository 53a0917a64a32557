"""What a reconciliation comes to: a partition into pairs that agree, breaks, and what is still on its way."""

from collections.abc import Sequence
from dataclasses import dataclass

from community.reconciliation.attribution import Attribution
from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.settlements import RegisterState
from community.tokens.issuer_events import SettledEvent


@dataclass(frozen=True, slots=True)
class Match:
    """An issuance, its settlement on chain and its verified energy agree to the unit."""

    issuance_id: str
    source_id: str
    event: SettledEvent
    energy_wh: int
    amount: int
    intervals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """What is still on its way and has time left."""

    issuances: tuple[str, ...] = ()
    intervals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The partition, with totals in Wh. `idle` intervals made no energy, so there is nothing to mint for them.

    `attributions` are guesses for a token whose contract does not say what a mint is for: no total counts them, and the
    intervals that they explain, `attributed`, are no match.
    """

    matches: tuple[Match, ...]
    breaks: tuple[Break, ...]
    pending: Pending
    idle: tuple[str, ...]
    verified_wh: int
    issued_wh: int
    settled_wh: int
    attributions: tuple[Attribution, ...] = ()
    attributed: tuple[str, ...] = ()
    undecided: tuple[BreakKind, ...] = ()
    """Kinds of which this run can find, but not rule out a break: the contracts were not asked."""


@dataclass(frozen=True, slots=True)
class Part:
    """The partition of one window of one source; `after` is where its register's way stands at the end. Energy in Wh."""

    source_id: str
    matches: Sequence[Match]
    breaks: Sequence[Break]
    pending: Pending
    idle: Sequence[str]
    verified_wh: int
    issued_wh: int
    settled_wh: int
    after: RegisterState


@dataclass(frozen=True, slots=True)
class Outcome:
    """A reconciliation without its pairs, which may be many: what is kept of a run. `digest`: see `ResultDigest`."""

    breaks: Sequence[Break]
    pending: Pending
    match_count: int
    verified_wh: int
    issued_wh: int
    settled_wh: int
    digest: str
    attributions: Sequence[Attribution] = ()
    undecided: tuple[BreakKind, ...] = ()
