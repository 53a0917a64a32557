"""Proposed issuances: what will be minted once the window for objections is over and nobody has an open one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from community.ids import named_id
from community.minting.issuances import Issuance
from community.units import WattHours


@dataclass(frozen=True, slots=True)
class Proposal:
    """An issuance that is announced, not decided. It is sent after `due_at`, unless somebody objects."""

    issuance_id: str
    source_id: str
    from_wh: WattHours
    to_wh: WattHours
    period_start: datetime
    period_end: datetime
    measurement_id: str
    share_table_id: str
    proposed_at: datetime
    due_at: datetime
    epoch: int = 0

    def __post_init__(self) -> None:
        if self.to_wh <= self.from_wh or self.period_end <= self.period_start:
            raise ValueError("a proposal needs energy and a period above zero")
        if self.due_at < self.proposed_at:
            raise ValueError("a proposal cannot be due before it is made")

    @property
    def id(self) -> str:
        """The same energy under other shares, or proposed anew, is another proposal with a window of its own."""
        return named_id("prop", self.issuance_id, self.share_table_id, self.proposed_at.isoformat())

    @classmethod
    def of(cls, issuance: Issuance, due_at: datetime) -> "Proposal":
        """The announcement of `issuance`, planned just now."""
        return cls(
            issuance_id=issuance.id,
            source_id=issuance.source_id,
            from_wh=issuance.from_wh,
            to_wh=issuance.to_wh,
            period_start=issuance.period_start,
            period_end=issuance.period_end,
            measurement_id=issuance.measurement_id,
            share_table_id=issuance.share_table_id,
            proposed_at=issuance.planned_at,
            epoch=issuance.epoch,
            due_at=due_at,
        )


@dataclass(frozen=True, slots=True)
class Objection:
    """Why somebody does not want a proposal minted as it is. It holds it, and what follows it, until it is answered."""

    proposal_id: str
    raised_by: str
    reason: str
    raised_at: datetime
    answer: str | None = None

    def __post_init__(self) -> None:
        if not self.raised_by.strip() or not self.reason.strip():
            raise ValueError("an objection needs a reason and the name of who raises it")

    @property
    def id(self) -> str:
        """One person's objection to a proposal with the same words is one objection."""
        return named_id("obj", self.proposal_id, self.raised_by, self.reason)


@dataclass(frozen=True, slots=True)
class Due:
    """The proposal may be minted now."""


@dataclass(frozen=True, slots=True)
class Held:
    """It waits: for the end of its window, or for answers to objections. `reason` is a sentence for people."""

    reason: str
    by_objection: bool


def judge_proposal(proposal: Proposal, objections: Sequence[Objection], now: datetime) -> Due | Held:
    """Whether a proposal may be minted at `now`. An open objection holds it also after the window is over."""
    unanswered = [one for one in objections if one.proposal_id == proposal.id and one.answer is None]
    if unanswered:
        who = ", ".join(sorted({one.raised_by for one in unanswered}))
        return Held(f"{len(unanswered)} objection(s) by {who} must be answered first", by_objection=True)
    if now < proposal.due_at:
        return Held(f"open to objections until {proposal.due_at.isoformat()}", by_objection=False)
    return Due()
