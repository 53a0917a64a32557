"""Supplements are minted: the source that they are minted under, and which issuance mints which."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "supplement_source",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["energy_source.identity_id"]),
        sa.ForeignKeyConstraint(["parent_id"], ["energy_source.identity_id"]),
        sa.PrimaryKeyConstraint("source_id"),
        sa.UniqueConstraint("parent_id"),
    )
    op.create_table(
        "supplement_issuance",
        sa.Column("issuance_id", sa.String(), nullable=False),
        sa.Column("correction_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["issuance_id"], ["issuance.id"]),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"]),
        sa.PrimaryKeyConstraint("issuance_id"),
        sa.UniqueConstraint("correction_id"),
    )
