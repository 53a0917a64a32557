"""Where registers stood when a meter was put in or taken out: what an exchange is computed from."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0016"
down_revision = "0015"

_TABLE = "installation_register"


def upgrade() -> None:
    """Add the table: facts, never changed, and part of the registry that caches are told of."""
    op.create_table(
        _TABLE,
        sa.Column("installation_id", sa.String(), nullable=False),
        sa.Column("obis", sa.String(), nullable=False),
        sa.Column("moment", sa.String(), nullable=False),
        sa.Column("register_wh", sa.BigInteger(), nullable=False),
        sa.Column("protocol_digest", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.CheckConstraint("moment IN ('initial', 'final')", name="installation_register_moment"),
        sa.CheckConstraint("register_wh >= 0", name="installation_register_value"),
        sa.ForeignKeyConstraint(["installation_id"], ["installation.id"]),
        sa.PrimaryKeyConstraint("installation_id", "obis", "moment"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {_TABLE}_registry AFTER INSERT ON {_TABLE} "
            "BEGIN UPDATE registry_revision SET number = number + 1; END"
        )
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {_TABLE}_no_{event.lower()} BEFORE {event} ON {_TABLE} "
                f"BEGIN SELECT RAISE(ABORT, '{_TABLE}: rows are never changed'); END"
            )
    else:
        op.execute(
            f"CREATE TRIGGER {_TABLE}_registry AFTER INSERT ON {_TABLE} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_registry_revision()"
        )
        op.execute(
            f"CREATE TRIGGER {_TABLE}_kept BEFORE UPDATE OR DELETE ON {_TABLE} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
