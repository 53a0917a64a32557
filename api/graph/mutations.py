"""Operators' commands: each carries an idempotency key and a reason, and leaves an audit entry with what it changed."""

from typing import Annotated

import strawberry

from api.errors import BAD_REQUEST, Refused
from api.graph.access import ApiKey
from api.graph.audit_samples import AuditSampleCommands
from api.graph.carrying_out import (
    NOT_FOUND,
    CommandInput,
    Problem,
    Undone,
    carry_out,
    checked_text,
    not_possible,
    record,
)
from api.graph.correction_commands import CorrectionCommands
from api.graph.device_commands import DeviceCommands
from api.graph.disclosure_commands import DisclosureCommands
from api.graph.import_commands import ImportCommands
from api.graph.metering import QuarantineEntry, quarantine_entry_of
from api.graph.notifications import NotificationCommands
from api.graph.projection import Info, given_id, projected
from api.graph.proposals import ProposalCommands
from api.graph.reconciliation import Break
from api.graph.share_commands import ShareCommands
from api.graph.sign_in_commands import SignInCommands
from api.graph.wallet_commands import WalletCommands
from community.errors import FatalError
from community.store import api_keys, audit, decisions, persons
from community.store.unit_of_work import Work
from community.store.views import exceptions, reconciliation


@strawberry.type
class BreakDisposed:
    """The break after a command."""

    break_: Break = strawberry.field(name="break")


@strawberry.type
class QuarantineResolved:
    """The entry after a command."""

    entry: QuarantineEntry


@strawberry.type
class ApiKeyCreated:
    """The new key. `secret` is the whole text to send; it is shown this once."""

    api_key: ApiKey
    secret: str


@strawberry.type
class ApiKeyRevoked:
    """The key that has ended."""

    api_key: ApiKey


BreakResult = Annotated[BreakDisposed | Problem, strawberry.union("DisposeBreakResult")]
QuarantineResult = Annotated[QuarantineResolved | Problem, strawberry.union("ResolveQuarantineResult")]
CreateKeyResult = Annotated[ApiKeyCreated | Problem, strawberry.union("CreateApiKeyResult")]
RevokeKeyResult = Annotated[ApiKeyRevoked | Problem, strawberry.union("RevokeApiKeyResult")]


async def _break(info: Info, break_id: str) -> BreakDisposed | Problem:
    async with info.context.reading() as work:
        found = await reconciliation.break_by_id(work, break_id)
    return NOT_FOUND if found is None else BreakDisposed(break_=projected(Break, found))


@strawberry.type
class Mutation(
    DeviceCommands,
    ImportCommands,
    ShareCommands,
    ProposalCommands,
    CorrectionCommands,
    WalletCommands,
    DisclosureCommands,
    SignInCommands,
    NotificationCommands,
    AuditSampleCommands,
):
    """Commands. Each is carried out once for its idempotency key and leaves an entry in the audit log."""

    @strawberry.mutation
    async def dispose_break(
        self, info: Info, break_id: strawberry.ID, owner: str, disposition: str, command: CommandInput
    ) -> BreakResult:
        """Give a break an owner and say what is done about it. It closes when both sides agree."""
        subject, now = given_id(break_id), info.context.clock.now()
        who, what = checked_text("owner", owner), checked_text("disposition", disposition)
        problem = await carry_out(
            info,
            "dispose_break",
            subject,
            command,
            lambda work: decisions.dispose_break(work, subject, who, what, now, actor=info.context.asker.credential),
        )
        return problem or await _break(info, subject)

    @strawberry.mutation
    async def assign_break(self, info: Info, break_id: strawberry.ID, owner: str, command: CommandInput) -> BreakResult:
        """Give a break an owner."""
        subject, now, who = given_id(break_id), info.context.clock.now(), checked_text("owner", owner)
        actor = info.context.asker.credential
        problem = await carry_out(
            info, "assign_break", subject, command, lambda work: decisions.assign_break(work, subject, who, actor, now)
        )
        return problem or await _break(info, subject)

    @strawberry.mutation
    async def note_break(self, info: Info, break_id: strawberry.ID, text: str, command: CommandInput) -> BreakResult:
        """Add a comment to a break's story."""
        subject, now, said = given_id(break_id), info.context.clock.now(), checked_text("text", text)
        actor = info.context.asker.credential
        problem = await carry_out(
            info, "note_break", subject, command, lambda work: decisions.note_break(work, subject, said, actor, now)
        )
        return problem or await _break(info, subject)

    @strawberry.mutation
    async def close_break(self, info: Info, break_id: strawberry.ID, command: CommandInput) -> BreakResult:
        """Close a break though both sides differ, for the command's reason. It opens anew when the finding changes."""
        subject, now, reason = given_id(break_id), info.context.clock.now(), checked_text("reason", command.reason)
        actor = info.context.asker.credential
        problem = await carry_out(
            info, "close_break", subject, command, lambda work: decisions.close_break(work, subject, reason, actor, now)
        )
        return problem or await _break(info, subject)

    @strawberry.mutation
    async def resolve_quarantine(
        self, info: Info, entry_id: strawberry.ID, resolution: str, command: CommandInput
    ) -> QuarantineResult:
        """Note what became of a quarantined frame."""
        subject, now = given_id(entry_id), info.context.clock.now()
        what = checked_text("resolution", resolution)
        problem = await carry_out(
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
        self,
        info: Info,
        role: str,
        label: str,
        command: CommandInput,
        identity_id: strawberry.ID | None = None,
        person_name: str | None = None,
    ) -> CreateKeyResult:
        """Make an API key for a role: member, operator, auditor or device. Where two people must agree, only keys count
        that stand for somebody: give `identityId`, or the name of an operator or auditor.
        """
        owner, person = None if identity_id is None else given_id(identity_id), None
        if person_name is not None:
            person = checked_text("personName", person_name)
            if owner is not None or role not in ("operator", "auditor"):
                raise Refused(BAD_REQUEST, "personName is for operators and auditors without an identityId.")
        subject = f"{role}:{owner or person or ''}:{checked_text('label', label)}"
        await info.context.refresh()
        try:
            async with info.context.store.begin() as work:
                if await record(info, work, "create_api_key", subject, command) is not audit.Recorded.NEW:
                    sentence = "This key was made before and its secret is not kept. Revoke it and make another."
                    return Problem(code="ALREADY_DONE", sentence=sentence)
                now = info.context.clock.now()
                who = owner if person is None else await persons.user_named(work, person, now)
                made = await api_keys.create(work, role=role, label=label.strip(), identity_id=who, now=now)
        except Undone as undone:
            return undone.problem
        except FatalError as error:
            return not_possible(str(error))
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

        problem = await carry_out(info, "revoke_api_key", subject, command, decide)
        if problem is not None:
            return problem
        async with info.context.reading() as work:
            found = await api_keys.by_id(work, subject)
        return NOT_FOUND if found is None else ApiKeyRevoked(api_key=projected(ApiKey, found))
