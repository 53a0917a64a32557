"""Share revisions that two people decide, what auditors were shown, and sign-ins with a wallet."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Create the tables, then guard what was decided."""
    _tables()
    guards = {
        "share_revision": "OLD.decided_at IS NOT NULL",
        "disclosure": "OLD.ended_at IS NOT NULL",
        "wallet_sign_in": "OLD.used_at IS NOT NULL",
    }
    for table, condition in guards.items():
        if op.get_bind().dialect.name == "sqlite":
            op.execute(
                f"CREATE TRIGGER {table}_decided_once BEFORE UPDATE ON {table} WHEN {condition} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: what was decided is never changed'); END"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_decided_once BEFORE UPDATE ON {table} FOR EACH ROW "
                f"WHEN ({condition}) EXECUTE FUNCTION refuse_change()"
            )
    for table in ("share_revision", "disclosure"):
        if op.get_bind().dialect.name == "sqlite":
            op.execute(
                f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: rows are never deleted'); END"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )


def _tables() -> None:
    op.create_table(
        "share_revision",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("valid_from", UtcInstant(), nullable=False),
        sa.Column("shares", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", UtcInstant(), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", UtcInstant(), nullable=True),
        sa.Column("share_table_id", sa.String(), nullable=True),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="share_revision_two_people"),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (is_approved IS NULL)",
            name="share_revision_decided",
        ),
        sa.ForeignKeyConstraint(["source_id"], ["energy_source.identity_id"]),
        sa.ForeignKeyConstraint(["share_table_id"], ["share_table.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("share_revision_proposed", "share_revision", ["proposed_at", "id"], unique=False)
    op.create_table(
        "disclosure",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("credential", sa.String(), nullable=False),
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("requested_at", UtcInstant(), nullable=False),
        sa.Column("granted_by", sa.String(), nullable=True),
        sa.Column("granted_at", UtcInstant(), nullable=True),
        sa.Column("ended_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("granted_by IS NULL OR granted_by <> credential", name="disclosure_two_people"),
        sa.CheckConstraint("(granted_at IS NULL) = (granted_by IS NULL)", name="disclosure_granted"),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("disclosure_credential", "disclosure", ["credential", "identity_id"], unique=False)
    op.create_table(
        "wallet_sign_in",
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", UtcInstant(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=False),
        sa.Column("used_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("expires_at > issued_at", name="wallet_sign_in_lifetime"),
        sa.PrimaryKeyConstraint("nonce"),
    )
    op.create_index("wallet_sign_in_expires", "wallet_sign_in", ["expires_at"], unique=False)
