"""Settlements of one source in chain order: each with its mints, and whether it continues the register's way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from community.reconciliation.breaks import BreakKind
from community.reconciliation.facts import Configured, Part
from community.tokens.issuer_events import SettledEvent
from community.tokens.transfers import Transfer


@dataclass(frozen=True, slots=True)
class Settlement:
    """A Settled event with the mints it made. `fault` says how it fails to continue the register's way."""

    event: SettledEvent
    mints: tuple[Part, ...]
    fault: BreakKind | None = None
    continues_from_wh: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        return self.event.block_number, self.event.log_index

    @property
    def minted(self) -> int:
        """Base units its mints add up to."""
        return sum(amount for _, amount in self.mints)


@dataclass(frozen=True, slots=True)
class RegisterState:
    """Where a source's way stands: the next settlement goes on from `register_wh`, with the number after `seq`."""

    register_wh: int
    seq: int | None = None


def assign_mints(
    events: Iterable[SettledEvent], mints: Iterable[Transfer]
) -> tuple[dict[tuple[int, int], tuple[Part, ...]], tuple[Transfer, ...]]:
    """Mints per event, and mints of no event. The issuer tells first and mints then, within one transaction."""
    by_tx: dict[str, list[SettledEvent]] = {}
    for event in events:
        by_tx.setdefault(event.tx_hash, []).append(event)
    assigned: dict[tuple[int, int], tuple[Part, ...]] = {}
    foreign: list[Transfer] = []
    for mint in mints:
        before = [event for event in by_tx.get(mint.tx_hash, ()) if event.log_index < mint.log_index]
        if not before:
            foreign.append(mint)
            continue
        cause = max(before, key=lambda event: event.log_index)
        key = (cause.block_number, cause.log_index)
        assigned[key] = (*assigned.get(key, ()), (mint.recipient, mint.amount))
    return assigned, tuple(foreign)


def chained(
    events: Sequence[SettledEvent],
    configured: Sequence[Configured],
    mints: Mapping[tuple[int, int], tuple[Part, ...]],
    before: RegisterState,
) -> tuple[list[Settlement], RegisterState]:
    """The settlements of one source in chain order, each judged against the one before and the configurations between.

    `before` is where the way stood before them; where it stands after them is the second value.
    """
    steps: list[SettledEvent | Configured] = [*events, *configured]
    steps.sort(key=lambda step: (step.block_number, step.log_index))
    register, seq = before.register_wh, before.seq
    seen: set[tuple[int, int]] = set()
    result = []
    for step in steps:
        if isinstance(step, Configured):
            register = step.opening_wh
            seen.clear()  # a new epoch may run over the same register values
            continue
        fault = _fault(step, register, seq, seen)
        result.append(Settlement(step, mints.get((step.block_number, step.log_index), ()), fault, register))
        seen.add((step.from_wh, step.to_wh))
        register, seq = max(register, step.to_wh), max(step.seq, seq or 0)
    return result, RegisterState(register, seq)


def _fault(event: SettledEvent, register: int, seq: int | None, seen: set[tuple[int, int]]) -> BreakKind | None:
    if (event.from_wh, event.to_wh) in seen:
        return BreakKind.DUPLICATE
    if event.from_wh < register:
        return BreakKind.MINTED_TWICE
    if event.from_wh > register or (seq is not None and event.seq > seq + 1):
        return BreakKind.GAP_IN_REGISTER_CHAIN
    return None
