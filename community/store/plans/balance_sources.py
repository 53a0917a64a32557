"""A member's three numbers as a source of plans: SQL gathers what they are made of, marks add it up.

The same tables and conditions as in `community.store.views.balances`; there is how the numbers are meant.
"""

from typing import Any

from sqlalchemy import Text, and_, case, cast, func, literal_column, or_, select, type_coerce
from sqlalchemy.types import String

from community.store.plans import marks
from community.store.plans.rendering import marked
from community.store.plans.sources import Asking, Opened, alias, one, source
from community.store.plans.token_sources import the_chain
from community.store.tables.chain import BalanceRow, SupplyRow
from community.store.tables.identity import CoinAddressRow, MemberRow, ShareRow, ShareTableRow
from community.store.tables.minting import IssuancePartRow, IssuanceRow
from community.store.views import balances as views


class _Texts:
    """Lists as text: digits and separators only, so that no JSON escape can change them."""

    def __init__(self, asking: Asking) -> None:
        self.sqlite = asking.sqlite

    def of(self, value: Any) -> Any:
        return type_coerce(value, String()) if self.sqlite else cast(value, Text())

    def joined(self, value: Any, separator: str) -> Any:
        between: Any = literal_column(f"'{separator}'")
        return func.group_concat(value, between) if self.sqlite else func.string_agg(value, between)

    def row(self, *values: Any) -> Any:
        whole = self.of(values[0])
        for value in values[1:]:
            whole = whole.op("||")(literal_column("','")).op("||")(value)
        return whole


def _balance(asking: Asking) -> Opened:
    row, texts = alias(MemberRow), _Texts(asking)
    amounts, reach = _amounts(asking, row, texts), _reach(asking)
    earned = func.coalesce(_parts(row, reach, texts), "").op("||")(literal_column("'|'"))
    earned = earned.op("||")(func.coalesce(_rests(row, reach, texts), ""))
    columns = {
        "member_id": row.identity_id,
        "final": marked(marks.SUM, amounts),
        "minted_not_final": marked(marks.REST, amounts),
        "earned_not_yet_minted": marked(marks.EARNED, earned),
        "verified_until": select(func.max(reach.c.at, type_=reach.c.at.type)).scalar_subquery(),
    }
    return Opened(row, (row,), columns, (asking.scope.holders(row.identity_id),))


def _amounts(asking: Asking, member: Any, texts: _Texts) -> Any:
    address, balance, supply = alias(CoinAddressRow), alias(BalanceRow), alias(SupplyRow)
    tokens = select(supply.token).where(supply.chain_id == the_chain())
    counted = balance.token == asking.parameter("token") if asking.token else balance.token.in_(tokens)
    pairs = texts.joined(texts.row(balance.amount, texts.of(balance.final_amount)), ";")
    found = (
        select(pairs)
        .select_from(address)
        .join(balance, balance.address == address.address)
        .where(address.identity_id == member.identity_id, balance.chain_id == the_chain(), counted)
    )
    return func.coalesce(found.correlate(member).scalar_subquery(), "")


def _reach(asking: Asking) -> Any:
    """How far each source has come; worked out once a statement, however many members are asked for."""
    if "reach" not in asking.shared:
        asking.shared["reach"] = _every_reach()
    return asking.shared["reach"]


def _every_reach() -> Any:
    every = views.reaches_statement().subquery("every_reach")
    number = func.row_number().over(partition_by=every.c.source_id, order_by=every.c.at.desc())
    ranked = select(*every.c, number.label("place")).where(every.c.at.is_not(None)).subquery("ranked_reach")
    return select(*[each for each in ranked.c if each.name != "place"]).where(ranked.c.place == 1).cte("reach")


def _parts(member: Any, reach: Any, texts: _Texts) -> Any:
    part, issuance = alias(IssuancePartRow), alias(IssuanceRow)
    found = (
        select(texts.joined(texts.of(part.amount), ";"))
        .select_from(reach)
        .join(
            issuance,
            and_(
                issuance.source_id == reach.c.source_id,
                issuance.epoch == reach.c.epoch,
                issuance.from_wh >= reach.c.minted_wh,
            ),
        )
        .join(part, part.issuance_id == issuance.id)
        .where(part.holder_id == member.identity_id)
    )
    return found.correlate(member).scalar_subquery()


def _rests(member: Any, reach: Any, texts: _Texts) -> Any:
    """Energy that no issuance covers, with the member's weight among the shares valid at its end."""
    table, share, other, every = alias(ShareTableRow), alias(ShareRow), alias(ShareRow), alias(ShareRow)
    covered = case((reach.c.issued_wh > reach.c.minted_wh, reach.c.issued_wh), else_=reach.c.minted_wh)
    rest = reach.c.verified_wh - covered
    after = select(other.position).where(other.share_table_id == table.id, other.position > share.position)
    before = select(texts.joined(cast(every.share_count, Text()), " ")).where(
        every.share_table_id == table.id, every.position < share.position
    )
    others = case((after.correlate(table, share).exists(), ""), else_=before.correlate(table, share).scalar_subquery())
    line = texts.row(
        cast(rest, Text()),
        cast(share.share_count, Text()),
        cast(table.share_total, Text()),
        func.coalesce(others, ""),
    )
    found = (
        select(texts.joined(line, ";"))
        .select_from(reach)
        .join(
            table,
            and_(
                table.source_id == reach.c.source_id,
                table.valid_from < reach.c.at,
                or_(table.valid_to.is_(None), table.valid_to >= reach.c.at),
            ),
        )
        .join(share, and_(share.share_table_id == table.id, share.holder_id == member.identity_id))
        .where(rest > 0)
    )
    return found.correlate(member).scalar_subquery()


source("balance", _balance, {"member": one("member", "member_id")})
