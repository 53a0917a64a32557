"""Comparing every balance with the token itself, a part at a time: where the sweep stands and whom to ask next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from community.store.tables.chain import BalanceRow
from community.store.tables.reconciling import BalanceSweepRow
from community.store.unit_of_work import Work
from community.store.upserts import upsert


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep over the balances in the order of their addresses, and when the one before it was complete."""

    began_at: datetime
    after_address: str = ""
    asked_count: int = 0
    completed_at: datetime | None = None
    completed_block: int | None = None

    def advanced(self, asked: Sequence[str], whole: bool, block_number: int, now: datetime) -> "Sweep":
        """The sweep after `asked` were compared at a block; `whole`: they were the last ones, and a new one begins."""
        if whole:
            return Sweep(now, completed_at=now, completed_block=block_number)
        last = asked[-1] if asked else self.after_address
        return replace(self, after_address=last, asked_count=self.asked_count + len(asked))


async def sweep_of(work: Work, chain_id: int, token: str) -> Sweep | None:
    """How far the sweep has come; None before the first."""
    row = await work.session.get(BalanceSweepRow, (chain_id, token))
    if row is None:
        return None
    return Sweep(row.began_at, row.after_address, row.asked_count, row.completed_at, row.completed_block)


async def holder_count(work: Work, chain_id: int, token: str) -> int:
    """Addresses that ever held the token, also those that hold nothing now: the chain may know better."""
    row = BalanceRow
    statement = select(func.count()).where(col(row.chain_id) == chain_id, col(row.token) == token)
    return (await work.session.execute(statement)).scalar_one()


async def addresses_after(work: Work, chain_id: int, token: str, after: str, limit: int) -> list[str]:
    """The next `limit` addresses behind `after`, in their order."""
    row = BalanceRow
    statement = (
        select(col(row.address))
        .where(col(row.chain_id) == chain_id, col(row.token) == token, col(row.address) > after)
        .order_by(col(row.address))
        .limit(limit)
    )
    return list((await work.session.execute(statement)).scalars())


async def save(work: Work, chain_id: int, token: str, sweep: Sweep) -> None:
    """Remember where the sweep stands."""
    values = {
        "chain_id": chain_id,
        "token": token,
        "began_at": sweep.began_at,
        "after_address": sweep.after_address,
        "asked_count": sweep.asked_count,
        "completed_at": sweep.completed_at,
        "completed_block": sweep.completed_block,
    }
    await upsert(work, BalanceSweepRow, values, ("chain_id", "token"))
