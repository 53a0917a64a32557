"""Carrying a command out: once for its idempotency key, in one unit of work with its audit entry, or not at all."""

from collections.abc import Awaitable, Callable

import strawberry

from api.errors import BAD_REQUEST, Refused
from api.graph.projection import Info
from community.errors import FatalError
from community.store import audit, decisions
from community.store.onboarding import Told
from community.store.unit_of_work import Work

TEXT_MAX = 500
KEY_MIN = 8


@strawberry.type
class Problem:
    """Why a command was not carried out, and what to do."""

    code: str = strawberry.field(
        description="For programs: NOT_FOUND, NOT_POSSIBLE, IDEMPOTENCY_KEY_TAKEN, ALREADY_DONE."
    )
    sentence: str = strawberry.field(description="For people: what to do.")


@strawberry.input
class CommandInput:
    """What every command carries. Repeating one with the same key does nothing again."""

    idempotency_key: str = strawberry.field(
        description="At least 8 characters that are new for each command: a random text."
    )
    reason: str = strawberry.field(description="Why, for the audit log.")


NOT_FOUND = Problem(code="NOT_FOUND", sentence="There is no such thing. Take an id from a list of the API.")
KEY_TAKEN = Problem(
    code="IDEMPOTENCY_KEY_TAKEN",
    sentence="This idempotency key belongs to another command. Make a new one for each command.",
)


def not_possible(sentence: str) -> Problem:
    """A problem of the state that things are in."""
    return Problem(code="NOT_POSSIBLE", sentence=sentence)


class Undone(Exception):
    """Rolls the unit of work back."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def checked_text(name: str, text: str, length_max: int = TEXT_MAX) -> str:
    """`text` without blanks around it. Raises Refused if nothing is left, or too much."""
    if not text.strip() or len(text) > length_max:
        raise Refused(BAD_REQUEST, f"{name} must have 1 to {length_max} characters.")
    return text.strip()


def told_of(info: Info, with_: CommandInput) -> Told:
    """Who commands, why, and under which key. Raises Refused."""
    key = checked_text("idempotencyKey", with_.idempotency_key)
    if len(key) < KEY_MIN:
        raise Refused(BAD_REQUEST, f"idempotencyKey must have at least {KEY_MIN} characters: take a random one.")
    return Told(info.context.asker.credential, checked_text("reason", with_.reason), key)


async def record(info: Info, work: Work, command: str, subject: str, with_: CommandInput) -> audit.Recorded:
    """Write the audit entry. Raises Undone if the key belongs to another command."""
    told = told_of(info, with_)
    recorded = await audit.record(
        work,
        actor=told.actor,
        command=command,
        subject=subject,
        reason=told.reason,
        idempotency_key=told.idempotency_key,
        now=info.context.clock.now(),
    )
    if recorded is audit.Recorded.KEY_TAKEN:
        raise Undone(KEY_TAKEN)
    return recorded


async def carry_out(
    info: Info,
    command: str,
    subject: str,
    with_: CommandInput,
    decide: Callable[[Work], Awaitable[decisions.Outcome]],
) -> Problem | None:
    """Record and decide in one unit of work; None when the decision stands."""
    await info.context.refresh()  # what a command before it read is let go: a command needs one connection, not two
    try:
        async with info.context.store.begin() as work:
            if await record(info, work, command, subject, with_) is audit.Recorded.NEW:
                _require(await decide(work))
    except Undone as undone:
        return undone.problem
    except FatalError as error:
        return not_possible(str(error))
    await info.context.refresh()
    return None


async def carry_out_told(
    info: Info,
    command: str,
    subject: str,
    with_: CommandInput,
    decide: Callable[[Work, Told], Awaitable[decisions.Outcome]],
) -> Problem | None:
    """As `carry_out`, for decisions that write their audit entries themselves, some of them several."""
    told = told_of(info, with_)
    await info.context.refresh()
    try:
        async with info.context.store.begin() as work:
            before = await audit.entry_with(work, told.idempotency_key)
            if before is None:
                _require(await decide(work, told))
            elif (before.actor, before.command, before.subject) != (told.actor, command, subject):
                raise Undone(KEY_TAKEN)
    except Undone as undone:
        return undone.problem
    except (FatalError, ValueError) as error:
        return not_possible(f"{str(error)[:1].upper()}{str(error)[1:]}.".replace("..", "."))
    await info.context.refresh()
    return None


def _require(outcome: decisions.Outcome) -> None:
    match outcome:
        case decisions.NotFound():
            raise Undone(NOT_FOUND)
        case decisions.NotPossible(sentence):
            raise Undone(not_possible(sentence))
        case decisions.Decided():
            pass
