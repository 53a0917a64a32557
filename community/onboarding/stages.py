"""The way of a device from its record to tokens: a table of transitions, and what each of them needs.

    created -> key bound -> joined -> signature verified -> plausible -> approved

Facts move a device on; a person approves. Nothing is minted before `approved`. Going out of service is another matter
(`device.state`): it can happen at every stage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from community.onboarding.plausibility_week import NotPlausible, Plausible, WeekVerdict

WAIVER_MIN = 10
"""Characters that the reason for doing without the week must have."""


class Stage(StrEnum):
    """How far a device has come."""

    CREATED = "created"
    KEY_BOUND = "key_bound"
    JOINED = "joined"
    SIGNATURE_VERIFIED = "signature_verified"
    PLAUSIBLE = "plausible"
    APPROVED = "approved"


class Event(StrEnum):
    """What moves a device on."""

    BIND_KEY = "bind_key"
    FIRST_UPLINK = "first_uplink"
    FIRST_STATEMENT = "first_statement"
    PLAUSIBLE_WEEK = "plausible_week"
    WAIVE_WEEK = "waive_week"
    APPROVE = "approve"


TRANSITIONS: dict[tuple[Stage, Event], Stage] = {
    (Stage.CREATED, Event.BIND_KEY): Stage.KEY_BOUND,
    (Stage.KEY_BOUND, Event.FIRST_UPLINK): Stage.JOINED,
    (Stage.JOINED, Event.FIRST_STATEMENT): Stage.SIGNATURE_VERIFIED,
    (Stage.SIGNATURE_VERIFIED, Event.PLAUSIBLE_WEEK): Stage.PLAUSIBLE,
    (Stage.SIGNATURE_VERIFIED, Event.WAIVE_WEEK): Stage.PLAUSIBLE,
    (Stage.PLAUSIBLE, Event.APPROVE): Stage.APPROVED,
}


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """The energy source whose energy a device measures, as far as approval asks."""

    id: str
    nameplate_w: int
    trial: bool
    declared: bool
    """Whether somebody signed that this plant is in no other programme of certificates."""


@dataclass(frozen=True, slots=True)
class OnboardingFacts:
    """What the books know of a device on its way."""

    stage: Stage
    state: str
    trial: bool
    key_bound_at: datetime | None = None
    key_id: str | None = None
    first_uplink_at: datetime | None = None
    first_statement_at: datetime | None = None
    serial_confirmed_at: datetime | None = None
    week: WeekVerdict | None = None
    source: SourceFacts | None = None
    """None where the device measures consumption, or nothing yet."""


@dataclass(frozen=True, slots=True)
class Step:
    """A transition that is due: why, and since when."""

    event: Event
    stage: Stage
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Approvable:
    """Nothing stands in the way. `steps` lead to APPROVED; none where the device is there."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class NotYet:
    """What is missing, each a sentence that says what to do."""

    missing: tuple[str, ...]


def steps_due(facts: OnboardingFacts, now: datetime) -> list[Step]:
    """The transitions that the facts bring about by themselves, in order. Safe to ask again: none is given twice."""
    steps: list[Step] = []
    stage = facts.stage
    while (step := _step_from(stage, facts, now)) is not None:
        steps.append(step)
        stage = step.stage
    return steps


def judge_approval(facts: OnboardingFacts, now: datetime, waiver: str | None = None) -> Approvable | NotYet:
    """Whether the device may be approved for issuance; `waiver` is a reason for doing without the plausible week."""
    if facts.stage is Stage.APPROVED:
        return Approvable(())
    steps = steps_due(facts, now)
    stage = steps[-1].stage if steps else facts.stage
    if waiver is not None and stage is Stage.SIGNATURE_VERIFIED and len(waiver.strip()) >= WAIVER_MIN:
        steps.append(_step(stage, Event.WAIVE_WEEK, now, f"without the plausible week: {waiver.strip()}"))
        stage = steps[-1].stage
    missing = [*_missing_before(stage, facts, waiver), *_missing_beside(facts)]
    if missing:
        return NotYet(tuple(missing))
    return Approvable((*steps, _step(stage, Event.APPROVE, now, "approved for issuance")))


def _step_from(stage: Stage, facts: OnboardingFacts, now: datetime) -> Step | None:
    match stage:
        case Stage.CREATED if facts.key_bound_at is not None:
            return _step(stage, Event.BIND_KEY, facts.key_bound_at, f"key {facts.key_id} is on file")
        case Stage.KEY_BOUND if facts.first_uplink_at is not None:
            return _step(stage, Event.FIRST_UPLINK, facts.first_uplink_at, "its first uplink came")
        case Stage.JOINED if facts.first_statement_at is not None:
            why = "its first statement verified: it holds the private key"
            return _step(stage, Event.FIRST_STATEMENT, facts.first_statement_at, why)
        case Stage.SIGNATURE_VERIFIED if isinstance(facts.week, Plausible):
            return _step(stage, Event.PLAUSIBLE_WEEK, now, facts.week.text)
        case _:
            return None


def _step(stage: Stage, event: Event, since: datetime, why: str) -> Step:
    return Step(event, TRANSITIONS[stage, event], since, why)


def _missing_before(stage: Stage, facts: OnboardingFacts, waiver: str | None) -> Sequence[str]:
    match stage:
        case Stage.CREATED:
            return ("no key is bound: take the device's proof of possession, or bind its public key",)
        case Stage.KEY_BOUND:
            return ("no uplink has come: check that the device reaches the broker or the network",)
        case Stage.JOINED:
            return ("no statement of it verified: look into the quarantine for the reason",)
        case Stage.SIGNATURE_VERIFIED if waiver is not None:
            return (f"the reason for doing without the plausible week needs {WAIVER_MIN} characters or more",)
        case Stage.SIGNATURE_VERIFIED:
            week = facts.week
            return week.reasons if isinstance(week, NotPlausible) else ("no reading is on the books yet",)
        case Stage.PLAUSIBLE | Stage.APPROVED:
            return ()


def _missing_beside(facts: OnboardingFacts) -> Sequence[str]:
    missing = []
    if facts.state == "revoked":
        missing.append("the device was revoked: register it again with a new key")
    if facts.serial_confirmed_at is None:
        missing.append("nobody has confirmed the meter's serial number: compare it on site and confirm it")
    if facts.trial:
        missing.append("the device is on trial: what it measures is never minted; register it anew for service")
    source = facts.source
    if source is not None and source.trial:
        missing.append(f"source {source.id} is on trial: its energy is never minted")
    if source is not None and not source.declared:
        missing.append(
            f"no declaration for source {source.id} is on file that it is registered for no other certificates"
        )
    return missing
