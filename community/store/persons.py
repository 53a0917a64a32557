"""The person behind a credential: where two people must agree, two keys of one person are one person."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from community.identity.identities import User
from community.ids import named_id
from community.store import api_keys, logins
from community.store.decisions import NotPossible
from community.store.identities import add_user
from community.store.tables.identity import MemberRow, UserRow
from community.store.unit_of_work import Work

UNBOUND = (
    "Two people must agree on this, and your key stands for nobody in particular. Have a key made for you by name "
    "(createApiKey with personName, or `python -m api key create --person`), or sign in at the community's issuer."
)


async def person_behind(work: Work, credential: str) -> str | None:
    """The user, member or login that an API key or sign-in stands for; None for a key that is bound to nobody.

    A sign-in at an issuer is a person also where nobody has bound it to a user here.
    """
    if "#" in credential:
        identity = await logins.identity_of(work, credential)
        return credential if identity is None else await _user_of(work, identity)
    key = await api_keys.by_id(work, credential)
    return None if key is None or key.identity_id is None else await _user_of(work, key.identity_id)


async def why_not_another(work: Work, first: str, second: str, what: str = "proposed it") -> NotPossible | None:
    """Why the credential `second` cannot decide what `first` proposed; None where two people stand behind them."""
    if first == second:
        return NotPossible(f"You {what}: another operator must decide.")
    person, proposer = await person_behind(work, second), await person_behind(work, first)
    if person is None:
        return NotPossible(UNBOUND)
    if proposer is None:
        return NotPossible(
            f"The key that {what} stands for nobody in particular, so nobody can tell that you are another person. "
            "Let it be done anew with a key that was made for somebody by name."
        )
    if person == proposer:
        return NotPossible(f"You {what}, with another key of yours: another person must decide.")
    return None


async def user_named(work: Work, name: str, now: datetime) -> str:
    """The user of this name for whom keys are made; recorded where he is new. Returns his id."""
    user_id = named_id("usr", "person", name.casefold())
    if (
        await work.session.execute(select(col(UserRow.identity_id)).where(col(UserRow.identity_id) == user_id))
    ).first():
        return user_id
    await add_user(work, User(user_id, name), now)
    return user_id


async def _user_of(work: Work, identity_id: str) -> str:
    """A member is the user who stands behind him, where that is known."""
    statement = select(col(MemberRow.user_id)).where(col(MemberRow.identity_id) == identity_id)
    return (await work.session.execute(statement)).scalar_one_or_none() or identity_id
