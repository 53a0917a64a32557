"""Operators' commands: each carries an idempotency key and a reason, and leaves an audit entry with what it changed."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import strawberry

from api.errors import BAD_REQUEST, Refused
from api.graph.access import ApiKey
from api.graph.identities import Device, identity_of
from api.graph.metering import QuarantineEntry, quarantine_entry_of
from api.graph.projection import Info, given_id, projected
from api.graph.reconciliation import Break
from community.errors import FatalError
from community.store import api_keys, audit, decisions
from community.store.unit_of_work import Work
from community.store.views import exceptions, identities, reconciliation

TEXT_MAX = 500
_KEY_MIN = 8


@strawberry.type
class Problem:
    """Why a command was not carried out, and what to do."""

    code: str
    sentence: str


@strawberry.type
class DeviceDecided:
    device: Device


@strawberry.type
class BreakDisposed:
    break_: Break = strawberry.field(name="break")


@strawberry.type
class QuarantineResolved:
    entry: QuarantineEntry


@strawberry.type
class ApiKeyCreated:
    """The new key. `secret` is the whole text to send; it is shown this once."""

    api_key: ApiKey
    secret: str


@strawberry.type
class ApiKeyRevoked:
    api_key: ApiKey


DeviceResult = Annotated[DeviceDecided | Problem, strawberry.union("DeviceResult")]
BreakResult = Annotated[BreakDisposed | Problem, strawberry.union("DisposeBreakResult")]
QuarantineResult = Annotated[QuarantineResolved | Problem, strawberry.union("ResolveQuarantineResult")]
CreateKeyResult = Annotated[ApiKeyCreated | Problem, strawberry.union("CreateApiKeyResult")]
RevokeKeyResult = Annotated[ApiKeyRevoked | Problem, strawberry.union("RevokeApiKeyResult")]

NOT_FOUND = Problem(code="NOT_FOUND", sentence="There is no such thing. Take an id from a list of the API.")
KEY_TAKEN = Problem(
    code="IDEMPOTENCY_KEY_TAKEN",
    sentence="This idempotency key belongs to another command. Make a new one for each command.",
)


class _Undone(Exception):
    """Rolls the unit of work back."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


@strawberry.input
class CommandInput:
    """What every command carries. Repeating one with the same key does nothing again."""

    idempotency_key: str
    reason: str


def _checked_text(name: str, text: str) -> str:
    if not text.strip() or len(text) > TEXT_MAX:
        raise Refused(BAD_REQUEST, f"{name} must have 1 to {TEXT_MAX} characters.")
    return text.strip()


async def _carry_out(
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
            if await _record(info, work, command, subject, with_) is audit.Recorded.NEW:
                match await decide(work):
                    case decisions.NotFound():
                        raise _Undone(NOT_FOUND)
                    case decisions.NotPossible(sentence):
                        raise _Undone(Problem(code="NOT_POSSIBLE", sentence=sentence))
                    case decisions.Decided():
                        pass
    except _Undone as undone:
        return undone.problem
    await info.context.refresh()
    return None


async def _record(info: Info, work: Work, command: str, subject: str, with_: CommandInput) -> audit.Recorded:
    key = _checked_text("idempotencyKey", with_.idempotency_key)
    if len(key) < _KEY_MIN:
        raise Refused(BAD_REQUEST, f"idempotencyKey must have at least {_KEY_MIN} characters: take a random one.")
    recorded = await audit.record(
        work,
        actor=info.context.asker.credential,
        command=command,
        subject=subject,
        reason=_checked_text("reason", with_.reason),
        idempotency_key=key,
        now=info.context.clock.now(),
    )
    if recorded is audit.Recorded.KEY_TAKEN:
        raise _Undone(KEY_TAKEN)
    return recorded


async def _device(info: Info, device_id: str) -> DeviceDecided | Problem:
    async with info.context.reading() as work:
        found = (await identities.by_ids(work, info.context.scope, [device_id])).get(device_id)
    device = None if found is None else identity_of(found)
    return DeviceDecided(device=device) if isinstance(device, Device) else NOT_FOUND


async def _break(info: Info, break_id: str) -> BreakDisposed | Problem:
    async with info.context.reading() as work:
        found = await reconciliation.break_by_id(work, break_id)
    return NOT_FOUND if found is None else BreakDisposed(break_=projected(Break, found))


@strawberry.type
class Mutation:
    """Commands for operators."""

    @strawberry.mutation
    async def approve_device(self, info: Info, device_id: strawberry.ID, command: CommandInput) -> DeviceResult:
        """Let a pending device measure."""
        subject, now = given_id(device_id), info.context.clock.now()
        problem = await _carry_out(
            info, "approve_device", subject, command, lambda work: decisions.approve_device(work, subject, now)
        )
        return problem or await _device(info, subject)

    @strawberry.mutation
    async def revoke_device(self, info: Info, device_id: strawberry.ID, command: CommandInput) -> DeviceResult:
        """End a device and its keys now, for good."""
        subject, now = given_id(device_id), info.context.clock.now()
        problem = await _carry_out(
            info, "revoke_device", subject, command, lambda work: decisions.revoke_device(work, subject, now)
        )
        return problem or await _device(info, subject)

    @strawberry.mutation
    async def dispose_break(
        self, info: Info, break_id: strawberry.ID, owner: str, disposition: str, command: CommandInput
    ) -> BreakResult:
        """Give a break an owner and say what is done about it. It closes when both sides agree."""
        subject, now = given_id(break_id), info.context.clock.now()
        who, what = _checked_text("owner", owner), _checked_text("disposition", disposition)
        problem = await _carry_out(
            info,
            "dispose_break",
            subject,
            command,
            lambda work: decisions.dispose_break(work, subject, who, what, now, actor=info.context.asker.credential),
        )
        return problem or await _break(info, subject)

    @strawberry.mutation
    async def note_break(self, info: Info, break_id: strawberry.ID, text: str, command: CommandInput) -> BreakResult:
        """Add a comment to a break's story."""
        subject, now, said = given_id(break_id), info.context.clock.now(), _checked_text("text", text)
        actor = info.context.asker.credential
        problem = await _carry_out(
            info, "note_break", subject, command, lambda work: decisions.note_break(work, subject, said, actor, now)
        )
        return problem or await _break(info, subject)

    @strawberry.mutation
    async def close_break(self, info: Info, break_id: strawberry.ID, command: CommandInput) -> BreakResult:
        """Close a break though both sides differ, for the command's reason. It opens anew when the finding changes."""
        subject, now, reason = given_id(break_id), info.context.clock.now(), _checked_text("reason", command.reason)
        actor = info.context.asker.credential
        problem = await _carry_out(
            info, "close_break", subject, command, lambda work: decisions.close_break(work, subject, reason, actor, now)
        )
        return problem or await _break(info, subject)

    @strawberry.mutation
    async def resolve_quarantine(
        self, info: Info, entry_id: strawberry.ID, resolution: str, command: CommandInput
    ) -> QuarantineResult:
        """Note what became of a quarantined frame."""
        subject, now = given_id(entry_id), info.context.clock.now()
        what = _checked_text("resolution", resolution)
        problem = await _carry_out(
            info,
            "resolve_quarantine",
            subject,
            command,
            lambda work: decisions.resolve_quarantine(work, subject, what, now),
        )
        if problem is not None:
            return problem
        async with info.context.reading() as work:
            found = await exceptions.quarantine_by_id(work, subject)
        return NOT_FOUND if found is None else QuarantineResolved(entry=quarantine_entry_of(found))

    @strawberry.mutation
    async def create_api_key(
        self, info: Info, role: str, label: str, command: CommandInput, identity_id: strawberry.ID | None = None
    ) -> CreateKeyResult:
        """Make an API key for a role: member, operator, auditor or device."""
        owner = None if identity_id is None else given_id(identity_id)
        subject = f"{role}:{owner or ''}:{_checked_text('label', label)}"
        await info.context.refresh()
        try:
            async with info.context.store.begin() as work:
                if await _record(info, work, "create_api_key", subject, command) is not audit.Recorded.NEW:
                    sentence = "This key was made before and its secret is not kept. Revoke it and make another."
                    return Problem(code="ALREADY_DONE", sentence=sentence)
                made = await api_keys.create(
                    work, role=role, label=label.strip(), identity_id=owner, now=info.context.clock.now()
                )
        except _Undone as undone:
            return undone.problem
        except FatalError as error:
            return Problem(code="NOT_POSSIBLE", sentence=str(error))
        await info.context.refresh()
        return ApiKeyCreated(api_key=projected(ApiKey, made.key), secret=made.text)

    @strawberry.mutation
    async def revoke_api_key(self, info: Info, key_id: strawberry.ID, command: CommandInput) -> RevokeKeyResult:
        """End a key; what is open with it is closed."""
        subject, now = given_id(key_id), info.context.clock.now()

        async def decide(work: Work) -> decisions.Outcome:
            if await api_keys.by_id(work, subject) is None:
                return decisions.NotFound()
            await api_keys.revoke(work, subject, now)
            return decisions.Decided()

        problem = await _carry_out(info, "revoke_api_key", subject, command, decide)
        if problem is not None:
            return problem
        async with info.context.reading() as work:
            found = await api_keys.by_id(work, subject)
        return NOT_FOUND if found is None else ApiKeyRevoked(api_key=projected(ApiKey, found))
