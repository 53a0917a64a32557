"""Meter keys that the grid operator changed: each with the instant from which it counts."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0013"
down_revision = "0012"

_TABLE = "meter_key_change"


def upgrade() -> None:
    """Add the table; a change of it is one of the registry, which caches are told of."""
    op.create_table(
        _TABLE,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("meter_id", sa.String(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", UtcInstant(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("meter_id", "valid_from", name="meter_key_change_once"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for event in ("INSERT", "UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {_TABLE}_registry_{event.lower()} AFTER {event} ON {_TABLE} "
                "BEGIN UPDATE registry_revision SET number = number + 1; END"
            )
    else:
        op.execute(
            f"CREATE TRIGGER {_TABLE}_registry AFTER INSERT OR UPDATE OR DELETE ON {_TABLE} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_registry_revision()"
        )
