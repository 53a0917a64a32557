"""Metering points meters and registers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables of this slice."""
    _meter()
    _metering_point()
    _register()


def _meter() -> None:
    op.create_table(
        "meter",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("maker", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("meter_key_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("serial"),
    )


def _metering_point() -> None:
    op.create_table(
        "metering_point",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("settled_obis", sa.String(), nullable=False),
        sa.CheckConstraint("direction IN ('production', 'consumption')", name="metering_point_direction"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )


def _register() -> None:
    op.create_table(
        "register",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("meter_id", sa.String(), nullable=False),
        sa.Column("obis", sa.String(), nullable=False),
        sa.Column("modulus_wh", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["meter_id"],
            ["meter.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("meter_id", "obis", name="register_of_meter"),
    )
