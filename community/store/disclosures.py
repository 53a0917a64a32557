"""Which people an auditor may know by name: asked for with a reason, granted by an operator, ended for good."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import col

from community.ids import named_id
from community.store import outbox
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.persons import why_not_another
from community.store.tables.deciding import DisclosureRow
from community.store.tables.identity import IdentityRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows

DISCLOSED_MAX = 1000


@dataclass(frozen=True, slots=True)
class Disclosure:
    """`credential` is the auditor's API key or login; `state` is requested, granted or ended."""

    id: str
    credential: str
    identity_id: str
    reason: str
    requested_at: datetime
    granted_by: str | None
    granted_at: datetime | None
    ended_at: datetime | None

    @property
    def state(self) -> str:
        return "ended" if self.ended_at else "granted" if self.granted_at else "requested"


async def request(
    work: Work, credential: str, identity_id: str, reason: str, idempotency_key: str, now: datetime
) -> str | None:
    """Ask to know a person by name. Returns the id of the request; None if there is no such person."""
    person = select(col(IdentityRow.id)).where(
        col(IdentityRow.id) == identity_id, col(IdentityRow.kind).in_(("member", "user"))
    )
    if (await work.session.execute(person)).first() is None:
        return None
    made = request_id(credential, identity_id, idempotency_key)
    await work.session.execute(
        insert(DisclosureRow).values(
            id=made, credential=credential, identity_id=identity_id, reason=reason, requested_at=now
        )
    )
    return made


def request_id(credential: str, identity_id: str, idempotency_key: str) -> str:
    """The id of a request, the same whenever it is repeated."""
    return named_id("disc", credential, identity_id, idempotency_key)


async def grant(work: Work, disclosure_id: str, granted_by: str, now: datetime) -> Outcome:
    """Let the auditor know the person by name from now on."""
    row = await work.session.get(DisclosureRow, disclosure_id, with_for_update=True, populate_existing=True)
    if row is None:
        return NotFound()
    if (refused := await why_not_another(work, row.credential, granted_by, "asked for it")) is not None:
        return refused
    if row.ended_at is not None:
        return NotPossible("This disclosure has ended. Let the auditor ask anew.")
    if row.granted_at is None:
        await _change(work, row, granted_by=granted_by, granted_at=now, now=now)
    return Decided()


async def end(work: Work, disclosure_id: str, now: datetime) -> Outcome:
    """From now on the auditor knows the person by pseudonym again; also to refuse a request."""
    row = await work.session.get(DisclosureRow, disclosure_id, with_for_update=True, populate_existing=True)
    if row is None:
        return NotFound()
    if row.ended_at is None:
        await _change(work, row, ended_at=now, now=now)
    return Decided()


async def _change(work: Work, row: DisclosureRow, *, now: datetime, **values: object) -> None:
    await work.session.execute(update(DisclosureRow).where(col(DisclosureRow.id) == row.id).values(**values))
    if "ended_at" in values:  # streams that show the name end, and are opened anew without it
        await outbox.announce(work, "credential_ended", row.credential, now)


async def disclosed_to(work: Work, credential: str) -> tuple[str, ...]:
    """The people whom the credential may know by name now."""
    row = DisclosureRow
    statement = (
        select(col(row.identity_id))
        .where(col(row.credential) == credential, col(row.granted_at).is_not(None), col(row.ended_at).is_(None))
        .distinct()
        .order_by(col(row.identity_id))
        .limit(DISCLOSED_MAX)
    )
    return tuple((await work.session.execute(statement)).scalars())


async def page(work: Work, credential: str | None, first: int, after: str | None) -> Page[Disclosure]:
    """Disclosures, newest first; of one credential, or all."""
    row = DisclosureRow
    statement = select_rows(row, col(row.requested_at).label("key_at"), col(row.id).label("key"))
    if credential is not None:
        statement = statement.where(col(row.credential) == credential)
    keyset = Keyset((col(row.requested_at), col(row.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, _disclosure, first, after)


async def by_id(work: Work, disclosure_id: str) -> Disclosure | None:
    """One disclosure."""
    found = (
        await work.session.execute(select_rows(DisclosureRow).where(col(DisclosureRow.id) == disclosure_id))
    ).first()
    return None if found is None else _disclosure(found)


def _disclosure(found: Any) -> Disclosure:
    row = found[0]
    return Disclosure(
        row.id,
        row.credential,
        row.identity_id,
        row.reason,
        row.requested_at,
        row.granted_by,
        row.granted_at,
        row.ended_at,
    )
