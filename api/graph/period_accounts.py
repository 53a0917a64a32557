"""Statements of account: what was there at the beginning of a period, what came and went, what is left."""

from datetime import datetime
from typing import Any

import strawberry

from api.errors import BAD_REQUEST, Refused
from api.graph.projection import Info
from community.reconciliation.statements import HolderStatement, SourceStatement
from community.store.views import period_accounts as views
from community.units import TokenAmount, WattHours


@strawberry.type
class SourcePeriodAccount:
    """A source's energy over a period: opening + verified - settled = closing."""

    starts_at: datetime
    ends_at: datetime
    opening_wh: WattHours = strawberry.field(description="Verified and not settled at the beginning.")
    verified_wh: WattHours = strawberry.field(description="Verified production of the period.")
    issued_wh: WattHours = strawberry.field(description="Decided to be minted, by periods that end in it.")
    settled_wh: WattHours = strawberry.field(description="Settled on chain in finalised blocks.")
    minted_wh: WattHours = strawberry.field(description="Minted: settled less netted debts.")
    closing_wh: WattHours = strawberry.field(description="Verified and not settled at the end.")
    open_wh: WattHours = strawberry.field(description="Verified in the period and in no issuance.")


@strawberry.type
class MemberPeriodAccount:
    """A member's tokens over a period, in base units of finalised blocks: opening + minted + received - sent - retired = closing."""

    starts_at: datetime
    ends_at: datetime
    opening: TokenAmount = strawberry.field(description="Held at the beginning.")
    minted: TokenAmount = strawberry.field(description="Minted to him.")
    received: TokenAmount = strawberry.field(description="Sent to him by others.")
    sent: TokenAmount = strawberry.field(description="Sent by him to others.")
    retired: TokenAmount = strawberry.field(description="Burned by him.")
    closing: TokenAmount = strawberry.field(description="Held at the end.")


def _checked(since: datetime, until: datetime) -> None:
    if until <= since:
        raise Refused(BAD_REQUEST, "A period ends after it begins: let until be later than since.")


async def load_source_account(
    info: Info, source_id: str, since: datetime, until: datetime
) -> SourcePeriodAccount | None:
    """The account of a source; null for an unknown one."""
    _checked(since, until)
    async with info.context.reading() as work:
        found = await views.of_source(work, source_id, since, until, info.context.now())
    return None if found is None else _of_source(found)


async def load_member_account(
    info: Info, member_id: str, since: datetime, until: datetime
) -> MemberPeriodAccount | None:
    """The account of a member whom the viewer may see."""
    _checked(since, until)
    context = info.context
    async with context.reading() as work:
        found = await views.of_member(work, context.scope, context.options.token, member_id, since, until)
    return None if found is None else _of_member(found)


def _of_source(found: SourceStatement) -> SourcePeriodAccount:
    names = ("opening_wh", "verified_wh", "issued_wh", "settled_wh", "minted_wh", "closing_wh", "open_wh")
    energies: dict[str, Any] = {name: WattHours(getattr(found, name)) for name in names}
    return SourcePeriodAccount(starts_at=found.starts_at, ends_at=found.ends_at, **energies)


def _of_member(found: HolderStatement) -> MemberPeriodAccount:
    names = ("opening", "minted", "received", "sent", "retired", "closing")
    amounts: dict[str, Any] = {name: TokenAmount(getattr(found, name)) for name in names}
    return MemberPeriodAccount(starts_at=found.starts_at, ends_at=found.ends_at, **amounts)
