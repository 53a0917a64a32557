"""Column shapes that many tables share."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Integer, LargeBinary
from sqlmodel import Field

from community.store.column_types import Uint256, UtcInstant

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
BigId = BigInteger().with_variant(Integer(), "sqlite")


def instant(**options: Any) -> Any:
    """A NOT NULL instant in UTC; `nullable=True` for one that may not have happened."""
    return Field(sa_type=UtcInstant, **options)


def base_units(**options: Any) -> Any:
    """A token amount in base units."""
    return Field(sa_type=Uint256, **options)


def big(**options: Any) -> Any:
    """A 64-bit integer: watt-hours, block numbers, counters."""
    return Field(sa_type=BigInteger, **options)


def octets(**options: Any) -> Any:
    """Bytes kept exactly as they were."""
    return Field(sa_type=LargeBinary, **options)


def one_of(column: str, values: Iterable[str], name: str) -> CheckConstraint:
    """A CHECK that `column` holds one of `values`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)
