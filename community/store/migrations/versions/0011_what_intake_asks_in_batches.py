"""A revision of the registry for caches, derivation versions, and only the indexes that somebody asks."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_REGISTRY = ("device", "device_key", "installation", "meter", "register", "metering_point")
_DERIVED = ("measurement", "interval_energy")


def upgrade() -> None:
    """Add and remove what this revision is about."""
    for table in _DERIVED:
        op.add_column(table, sa.Column("derivation", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "registry_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="registry_revision_single"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO registry_revision (id, number) VALUES (1, 0)")
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    for table in _REGISTRY:
        for event in ("INSERT", "UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_registry_{event.lower()} AFTER {event} ON {table} "
                "BEGIN UPDATE registry_revision SET number = number + 1; END"
            )


def _postgresql() -> None:
    op.execute(
        "CREATE FUNCTION count_registry_revision() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE registry_revision SET number = number + 1; RETURN NULL; END $$"
    )
    for table in _REGISTRY:
        op.execute(
            f"CREATE TRIGGER {table}_registry AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_registry_revision()"
        )
