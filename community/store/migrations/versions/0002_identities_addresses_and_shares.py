"""Identities addresses and shares."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of this slice."""
    _hd_account()
    _identity()
    _coin_address()
    _device()
    _energy_source()
    _user_login()
    _device_key()
    _member()
    _share_table()
    _energy_consumption_unit()
    _share()


def _hd_account() -> None:
    op.create_table(
        "hd_account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("xpub", sa.String(), nullable=False),
        sa.Column("next_index", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("chain", "role", name="hd_account_role"),
    )


def _identity() -> None:
    op.create_table(
        "identity",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('user', 'member', 'device', 'energy_source', 'energy_consumption_unit')", name="identity_kind"
        ),
        sa.PrimaryKeyConstraint("id"),
    )


def _coin_address() -> None:
    op.create_table(
        "coin_address",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("hd_account_id", sa.String(), nullable=True),
        sa.Column("address_index", sa.Integer(), nullable=True),
        sa.Column("path", sa.String(), nullable=True),
        sa.Column("valid_from", UtcInstant(), nullable=False),
        sa.Column("valid_to", UtcInstant(), nullable=True),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("(hd_account_id IS NULL) = (path IS NULL)", name="coin_address_derived"),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="coin_address_validity"),
        sa.ForeignKeyConstraint(
            ["hd_account_id"],
            ["hd_account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identity.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("chain", "address", name="coin_address_once"),
        sa.UniqueConstraint("hd_account_id", "address_index", name="coin_address_index_once"),
    )
    op.create_index("coin_address_identity", "coin_address", ["identity_id", "chain"], unique=False)


def _device() -> None:
    op.create_table(
        "device",
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("eui", sa.String(), nullable=False),
        sa.Column("payload_format", sa.String(), nullable=False),
        sa.Column("profile", sa.Integer(), nullable=True),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("approved_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("payload_format IN ('ecw1', 'legacy')", name="device_payload_format"),
        sa.CheckConstraint("state IN ('pending', 'active', 'revoked')", name="device_state"),
        sa.CheckConstraint("length(eui) = 16 AND eui = lower(eui)", name="device_eui_hex"),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identity.id"],
        ),
        sa.PrimaryKeyConstraint("identity_id"),
        sa.UniqueConstraint("eui"),
    )


def _energy_source() -> None:
    op.create_table(
        "energy_source",
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("source_ref", sa.String(), nullable=False),
        sa.Column("technology", sa.String(), nullable=False),
        sa.Column("nameplate_w", sa.Integer(), nullable=False),
        sa.Column("share_total", sa.Integer(), nullable=False),
        sa.Column("settlement_period", sa.String(), nullable=False),
        sa.Column("evidence_mode", sa.String(), nullable=False),
        sa.Column("metering_point_id", sa.String(), nullable=False),
        sa.Column("opening_register_wh", sa.BigInteger(), nullable=False),
        sa.Column("opening_at", UtcInstant(), nullable=False),
        sa.Column("approved_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("evidence_mode IN ('DEVICE', 'ATTESTED')", name="energy_source_mode"),
        sa.CheckConstraint("settlement_period IN ('interval', 'hour', 'day')", name="energy_source_period"),
        sa.CheckConstraint("nameplate_w > 0", name="energy_source_nameplate"),
        sa.CheckConstraint("share_total > 0", name="energy_source_share_total"),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identity.id"],
        ),
        sa.ForeignKeyConstraint(
            ["metering_point_id"],
            ["metering_point.id"],
        ),
        sa.PrimaryKeyConstraint("identity_id"),
        sa.UniqueConstraint("metering_point_id"),
        sa.UniqueConstraint("source_ref"),
    )


def _user_login() -> None:
    op.create_table(
        "user_login",
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identity.id"],
        ),
        sa.PrimaryKeyConstraint("identity_id"),
        sa.UniqueConstraint("subject"),
    )


def _device_key() -> None:
    op.create_table(
        "device_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("keyno", sa.Integer(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("kid", sa.String(), nullable=False),
        sa.Column("development_key", sa.Boolean(), nullable=False),
        sa.Column("valid_from", UtcInstant(), nullable=False),
        sa.Column("valid_to", UtcInstant(), nullable=True),
        sa.CheckConstraint("length(public_key) = 65", name="device_key_sec1"),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="device_key_validity"),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("device_id", "keyno", name="device_key_number"),
    )
    op.create_index(op.f("ix_device_key_device_id"), "device_key", ["device_id"], unique=False)
    op.create_index(op.f("ix_device_key_kid"), "device_key", ["kid"], unique=False)


def _member() -> None:
    op.create_table(
        "member",
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("is_treasury", sa.Boolean(), nullable=False),
        sa.Column("joined_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identity.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_login.identity_id"],
        ),
        sa.PrimaryKeyConstraint("identity_id"),
    )


def _share_table() -> None:
    op.create_table(
        "share_table",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("share_total", sa.Integer(), nullable=False),
        sa.Column("config_hash", sa.String(), nullable=False),
        sa.Column("valid_from", UtcInstant(), nullable=False),
        sa.Column("valid_to", UtcInstant(), nullable=True),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="share_table_validity"),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["energy_source.identity_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_id", "revision", name="share_table_revision"),
    )


def _energy_consumption_unit() -> None:
    op.create_table(
        "energy_consumption_unit",
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("metering_point_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identity.id"],
        ),
        sa.ForeignKeyConstraint(
            ["member_id"],
            ["member.identity_id"],
        ),
        sa.ForeignKeyConstraint(
            ["metering_point_id"],
            ["metering_point.id"],
        ),
        sa.PrimaryKeyConstraint("identity_id"),
        sa.UniqueConstraint("metering_point_id"),
    )
    op.create_index(
        op.f("ix_energy_consumption_unit_member_id"), "energy_consumption_unit", ["member_id"], unique=False
    )


def _share() -> None:
    op.create_table(
        "share",
        sa.Column("share_table_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("holder_id", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("share_count", sa.Integer(), nullable=False),
        sa.CheckConstraint("share_count > 0", name="share_positive"),
        sa.ForeignKeyConstraint(
            ["holder_id"],
            ["member.identity_id"],
        ),
        sa.ForeignKeyConstraint(
            ["share_table_id"],
            ["share_table.id"],
        ),
        sa.PrimaryKeyConstraint("share_table_id", "position"),
        sa.UniqueConstraint("share_table_id", "holder_id", name="share_holder_once"),
    )
    op.create_index(op.f("ix_share_holder_id"), "share", ["holder_id"], unique=False)
