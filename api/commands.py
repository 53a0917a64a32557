"""Commands of the API's command line beside `run`: keys, and the binding of sign-ins to members."""

import json
from argparse import Namespace
from dataclasses import asdict
from datetime import datetime

from api.roles import Role
from community.errors import FatalError
from community.runtime.system_clock import SystemClock
from community.store import api_keys, audit, logins, persons
from community.store.unit_of_work import Store


async def create_key(url: str, chosen: Namespace) -> None:
    """Make an API key and print it, this once."""
    store = Store.open(url)
    try:
        async with store.begin() as work:
            now, owner = SystemClock().now(), chosen.identity
            if chosen.person is not None:
                owner = await persons.user_named(work, chosen.person.strip(), now)
            made = await api_keys.create(work, role=chosen.role, label=chosen.label, identity_id=owner, now=now)
    finally:
        await store.close()
    print(made.text)


async def first_operator_key(store: Store, now: datetime) -> str | None:
    """The first operator's key, made where there is none and none was ever made so; of two processes one makes it."""
    async with store.begin() as work:
        if await api_keys.any_of_role(work, Role.OPERATOR.value):
            return None
        recorded = await audit.record(
            work,
            actor="api",
            command="create_api_key",
            subject="first operator",
            reason="the first start: nobody could command anything",
            idempotency_key="first-operator-key",
            now=now,
        )
        if recorded is not audit.Recorded.NEW:
            return None
        made = await api_keys.create(work, role=Role.OPERATOR.value, label="first operator", identity_id=None, now=now)
    return made.text


async def bind_login(url: str, chosen: Namespace) -> None:
    """Bind a sign-in at an issuer to a member. Raises FatalError."""
    store = Store.open(url)
    try:
        async with store.begin() as work:
            user_id = await logins.bind(work, chosen.member, chosen.login, SystemClock().now())
    finally:
        await store.close()
    print(f"{chosen.login} is now {user_id}, who stands for {chosen.member}.")


async def unbind_login(url: str, chosen: Namespace) -> None:
    """Take a sign-in from its user. Raises FatalError if it is bound to nobody."""
    store = Store.open(url)
    try:
        async with store.begin() as work:
            was_bound = await logins.unbind(work, chosen.login, SystemClock().now())
    finally:
        await store.close()
    if not was_bound:
        raise FatalError(f"{chosen.login} is bound to nobody: see `python -m api login list`.")
    print(f"{chosen.login} is bound to nobody any more.")


async def list_logins(url: str, chosen: Namespace) -> None:
    """Print every binding."""
    store = Store.open(url)
    try:
        async with store.read() as work:
            found = await logins.bound(work)
    finally:
        await store.close()
    if chosen.json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    for each in found:
        print(f"{each.member_id or '-':<24}  {each.user_id:<38}  {each.name:<24}  {each.login}")
    if not found:
        print("No sign-in is bound. Bind one: python -m api login bind --member mem_… --login https://issuer#subject")
