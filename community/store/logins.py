"""Sign-ins at an issuer, each bound to one user: by issuer and subject, never by an e-mail address, which changes hands."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from community.errors import FatalError
from community.identity.identities import User
from community.ids import named_id
from community.store import outbox
from community.store.identities import add_user
from community.store.tables.identity import IdentityRow, MemberRow, UserRow
from community.store.unit_of_work import Work

LOGINS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class BoundLogin:
    """A login, the user behind it, and one of the members he stands for, if there is any."""

    login: str
    user_id: str
    name: str
    member_id: str | None


async def identity_of(work: Work, login: str) -> str | None:
    """The user that the login (issuer, `#`, subject) is bound to."""
    statement = select(col(UserRow.identity_id)).where(col(UserRow.subject) == login)
    return (await work.session.execute(statement)).scalar_one_or_none()


async def bind(work: Work, member_id: str, login: str, now: datetime) -> str:
    """Bind a login to the user behind a member, who is recorded where he is new. Returns the user's id.

    A login that was bound before is replaced, and its open streams end. Raises FatalError for an unknown member, and for
    a login that is another user's.
    """
    issuer, found, subject = login.partition("#")
    if not (issuer and found and subject):
        raise FatalError(
            f"{login!r} is no sign-in. It looks like https://issuer/realms/name#subject; the person sees it."
        )
    member = (
        await work.session.execute(
            select(col(IdentityRow.name), col(MemberRow.user_id))
            .join(MemberRow, col(MemberRow.identity_id) == col(IdentityRow.id))
            .where(col(IdentityRow.id) == member_id)
        )
    ).first()
    if member is None:
        raise FatalError(f"There is no member {member_id!r}.")
    owner = await identity_of(work, login)
    user_id = member.user_id or owner
    if owner is not None and owner != user_id:
        raise FatalError(f"{login} is bound to another user, {owner}. Unbind it there first.")
    if user_id is None:
        user_id = named_id("usr", login)
        await add_user(work, User(user_id, member.name, login), now)
    else:
        await _replace(work, user_id, login, now)
    await work.session.execute(update(MemberRow).where(col(MemberRow.identity_id) == member_id).values(user_id=user_id))
    return user_id


async def unbind(work: Work, login: str, now: datetime) -> bool:
    """Take a login from its user, and end its open streams. Says whether it was bound."""
    user_id = await identity_of(work, login)
    if user_id is None:
        return False
    await _replace(work, user_id, None, now)
    return True


async def bound(work: Work) -> list[BoundLogin]:
    """Every login that is bound, by user."""
    statement = (
        select(col(UserRow.subject), col(UserRow.identity_id), col(IdentityRow.name), col(MemberRow.identity_id))
        .join(IdentityRow, col(IdentityRow.id) == col(UserRow.identity_id))
        .outerjoin(MemberRow, col(MemberRow.user_id) == col(UserRow.identity_id))
        .where(col(UserRow.subject).is_not(None))
        .order_by(col(UserRow.identity_id), col(MemberRow.identity_id))
        .limit(LOGINS_MAX)
    )
    return [
        BoundLogin(str(login), user, name, member)
        for login, user, name, member in await work.session.execute(statement)
    ]


async def _replace(work: Work, user_id: str, login: str | None, now: datetime) -> None:
    row = UserRow
    before = (await work.session.execute(select(col(row.subject)).where(col(row.identity_id) == user_id))).scalar_one()
    if before == login:
        return
    await work.session.execute(update(row).where(col(row.identity_id) == user_id).values(subject=login))
    if before is not None:
        await outbox.announce(work, "credential_ended", before, now)
