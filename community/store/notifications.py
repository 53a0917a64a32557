"""Marking notifications as read. The mark goes forward only, so that repeating an old one changes nothing."""

from datetime import datetime

from community.store import outbox
from community.store.decisions import Decided, NotFound, Outcome
from community.store.tables.telling import NotificationMarkRow
from community.store.unit_of_work import Work
from community.store.upserts import upsert
from community.store.views.notifications import by_id
from community.store.views.scope import Scope


async def mark_read(work: Work, scope: Scope, member_id: str, upto: str, now: datetime) -> Outcome:
    """Everything up to the notification `upto` has been read by the member."""
    told = await by_id(work, scope, member_id, upto)
    if told is None:
        return NotFound()
    mark = await work.session.get(NotificationMarkRow, member_id)
    if mark is not None and (mark.upto_at, mark.upto_id) >= (told.at, told.id):
        return Decided()
    values = {"member_id": member_id, "upto_at": told.at, "upto_id": told.id, "read_at": now}
    await upsert(work, NotificationMarkRow, values, ["member_id"])
    await outbox.announce(work, "notification", member_id, now)
    return Decided()
