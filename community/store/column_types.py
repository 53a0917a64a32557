"""Column types that mean the same on SQLite and PostgreSQL: instants, uint256 amounts, hex strings."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, Numeric, String
from sqlalchemy.types import TypeDecorator, TypeEngine

from community.clock import as_utc
from community.units import AMOUNT_MAX


class UtcInstant(TypeDecorator[datetime]):
    """An instant in UTC. timestamptz on PostgreSQL; on SQLite fixed-width ISO text, which sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(27) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        instant = as_utc(value)
        return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if dialect.name == "sqlite" else instant

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        return as_utc(value)


class Uint256(TypeDecorator[int]):
    """A token amount, 0 to 2^256 - 1. NUMERIC(78,0) on PostgreSQL, a decimal string on SQLite: never a float."""

    impl = Numeric(78, 0)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(78) if dialect.name == "sqlite" else Numeric(78, 0))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not 0 <= value <= AMOUNT_MAX:
            raise ValueError(f"{value} is not a uint256")
        return str(value) if dialect.name == "sqlite" else Decimal(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int(value)
