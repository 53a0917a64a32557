"""The asker in a plan's text: his identities are a parameter, or a column where one statement serves many askers."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, any_, bindparam, exists, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import String

from community.store.plans.sources import Asking, alias
from community.store.tables.access import ApiKeyRow
from community.store.tables.identity import MemberRow
from community.store.views.scope import Scope

IDS = "asker_ids"
"""PostgreSQL takes an array of text, SQLite a JSON array."""
BATCH = "v"
"""The askers' alias where there are many: each row has the ids of one, and his number."""


@dataclass(frozen=True, slots=True)
class PlannedScope(Scope):
    """A scope whose identities are filled in when the plan runs."""

    on_sqlite: bool = False
    batch: bool = False

    def among(self, column: Any) -> ColumnElement[bool]:
        if self.on_sqlite:
            ids = literal_column(f"{BATCH}.value") if self.batch else bindparam(IDS, type_=String())
            inside: ColumnElement[bool] = column.in_(select(func.json_each(ids).table_valued("value").c.value))
            return inside
        listed: Any
        if self.batch:
            listed = literal_column(f"ARRAY(SELECT json_array_elements_text({BATCH}.ids))", ARRAY(String()))
        else:
            listed = bindparam(IDS, type_=ARRAY(String()))
        found: ColumnElement[bool] = column == any_(listed)
        return found


def guard(asking: Asking) -> Any:
    """That the API key is valid still, and that nobody has come to or gone from the members behind it.

    Part of the plan's own statement: what is remembered of a key costs no question of its own, and ends when the key does.
    """
    key, member = alias(ApiKeyRow), alias(MemberRow)
    valid = exists(
        select(key.id).where(
            key.id == asking.parameter("credential"), key.revoked_at.is_(None), key.role == asking.parameter("role")
        )
    )
    if asking.scope.everything:
        return valid
    behind = select(func.count()).where(member.user_id == asking.parameter("identity"))
    known = behind.where(asking.scope.among(member.identity_id))
    count = asking.parameter("behind")
    return and_(valid, behind.scalar_subquery() == count, known.scalar_subquery() == count)
