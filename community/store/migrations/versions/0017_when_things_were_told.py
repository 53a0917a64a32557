"""When a revocation was told and when an issuance changed its state; samples of auditors with what they found."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0017"
down_revision = "0016"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEPT = ("key_revocation", "issuance_move", "audit_sample", "audit_sample_item", "audit_finding")
_TOLD = """
SELECT min(recorded_at) FROM audit_entry
WHERE (command = 'revoke_device' AND subject = device_id)
   OR (command = 'revoke_key' AND subject = device_id || ' key ' || keyno)
"""


def upgrade() -> None:
    """Create the tables, tell the revocations so far by what the audit log knows of them, then guard all of it."""
    op.create_table(
        "key_revocation",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("device_key_id", sa.String(), sa.ForeignKey("device_key.id"), nullable=False),
        sa.Column("revoked_from", UtcInstant(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
    )
    op.create_index("ix_key_revocation_device_key_id", "key_revocation", ["device_key_id"])
    op.execute(
        "INSERT INTO key_revocation (device_key_id, revoked_from, recorded_at) "
        f"SELECT id, revoked_from, COALESCE(({_TOLD}), revoked_from) FROM device_key WHERE revoked_from IS NOT NULL"
    )
    op.create_table(
        "issuance_move",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("issuance_id", sa.String(), sa.ForeignKey("issuance.id"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
    )
    op.create_index("ix_issuance_move_issuance_id", "issuance_move", ["issuance_id"])
    _samples()
    _guard(_KEPT)


def _samples() -> None:
    op.create_table(
        "audit_sample",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("population_sha256", sa.String(), nullable=False),
        sa.Column("drawn_by", sa.String(), nullable=False),
        sa.Column("drawn_at", UtcInstant(), nullable=False),
    )
    op.create_table(
        "audit_sample_item",
        sa.Column("sample_id", sa.String(), sa.ForeignKey("audit_sample.id"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("issuance_id", sa.String(), sa.ForeignKey("issuance.id"), nullable=False),
        sa.UniqueConstraint("sample_id", "issuance_id", name="audit_sample_item_once"),
    )
    op.create_table(
        "audit_finding",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("sample_id", sa.String(), nullable=False),
        sa.Column("issuance_id", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("found_by", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("verdict IN ('agrees', 'differs', 'unclear')", name="audit_finding_verdict"),
        sa.ForeignKeyConstraint(
            ["sample_id", "issuance_id"],
            ["audit_sample_item.sample_id", "audit_sample_item.issuance_id"],
            name="audit_finding_of_the_sample",
        ),
    )
    op.create_index("ix_audit_finding_sample_id", "audit_finding", ["sample_id"])


def _guard(tables: Sequence[str]) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in tables:
        if not sqlite:
            op.execute(
                f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            continue
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: rows are never changed'); END"
            )
