"""How devices come into service; trial energy that can never be minted; one reading place for a register at a time."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0012"
down_revision = "0011"

_STAGES = "'created', 'key_bound', 'joined', 'signature_verified', 'plausible', 'approved'"
_TRIAL_FOR_GOOD = ("device", "energy_source")
_NEVER_CHANGED = "source_declaration"
_SAME_REGISTER = (
    "FROM installation other JOIN metering_point there ON there.id = other.metering_point_id "
    "JOIN metering_point here ON here.id = NEW.metering_point_id "
    "WHERE other.meter_id = NEW.meter_id AND other.id <> NEW.id AND there.settled_obis = here.settled_obis "
    "AND (NEW.valid_to IS NULL OR other.valid_from < NEW.valid_to) "
    "AND (other.valid_to IS NULL OR NEW.valid_from < other.valid_to)"
)
_ON_TRIAL = (
    "SELECT 1 FROM energy_source WHERE identity_id = NEW.source_id AND trial "
    "UNION ALL SELECT 1 FROM measurement JOIN device ON device.identity_id = measurement.device_id "
    "WHERE measurement.id = NEW.measurement_id AND device.trial"
)


def upgrade() -> None:
    """Add the columns and tables, then what guards them."""
    _columns()
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_guards()
    else:
        _postgresql_guards()


def _columns() -> None:
    # A CHECK inside ADD COLUMN is the one form that SQLite and PostgreSQL share.
    op.execute(
        "ALTER TABLE device ADD COLUMN onboarding VARCHAR NOT NULL DEFAULT 'created' "
        f"CONSTRAINT device_onboarding CHECK (onboarding IN ({_STAGES}))"
    )
    # What was in service before there were stages had been approved by a person.
    op.execute("UPDATE device SET onboarding = 'approved' WHERE state <> 'pending'")
    for table in _TRIAL_FOR_GOOD:
        op.add_column(table, sa.Column("trial", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("device", sa.Column("serial_confirmed_at", UtcInstant(), nullable=True))
    op.add_column("device", sa.Column("firmware", sa.String(), nullable=True))
    op.add_column("device", sa.Column("hardware", sa.String(), nullable=True))
    op.add_column("device_key", sa.Column("first_ctr", sa.BigInteger(), nullable=True))
    op.add_column("device_key", sa.Column("revoked_from", UtcInstant(), nullable=True))


def _tables() -> None:
    op.create_table(
        "device_challenge",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", UtcInstant(), nullable=False),
        sa.Column("used_at", UtcInstant(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.identity_id"]),
        sa.PrimaryKeyConstraint("device_id"),
    )
    op.create_table(
        "source_declaration",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("signatory", sa.String(), nullable=False),
        sa.Column("declared_at", UtcInstant(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["energy_source.identity_id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_source_declaration_source_id"), "source_declaration", ["source_id"], unique=False)


def _sqlite_guards() -> None:
    for table in _TRIAL_FOR_GOOD:
        op.execute(
            f"CREATE TRIGGER {table}_trial_kept BEFORE UPDATE ON {table} WHEN OLD.trial <> NEW.trial "
            f"BEGIN SELECT RAISE(ABORT, '{table}: trial is set at registration for good'); END"
        )
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {_NEVER_CHANGED}_no_{event.lower()} BEFORE {event} ON {_NEVER_CHANGED} "
            f"BEGIN SELECT RAISE(ABORT, '{_NEVER_CHANGED}: rows are never changed'); END"
        )
    op.execute(
        f"CREATE TRIGGER issuance_no_trial BEFORE INSERT ON issuance WHEN EXISTS ({_ON_TRIAL}) "
        "BEGIN SELECT RAISE(ABORT, 'issuance: trial energy is never minted'); END"
    )
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER installation_register_{event.lower()} AFTER {event} ON installation "
            f"WHEN EXISTS (SELECT 1 {_SAME_REGISTER}) "
            "BEGIN SELECT RAISE(ABORT, 'installation: this register is read at another metering point'); END"
        )


def _postgresql_guards() -> None:
    _postgresql_trigger(
        "refuse_trial_change",
        "IF OLD.trial <> NEW.trial THEN RAISE EXCEPTION '%: trial is set at registration for good', TG_TABLE_NAME "
        "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW;",
        [f"{table}_trial_kept BEFORE UPDATE ON {table}" for table in _TRIAL_FOR_GOOD],
    )
    op.execute(
        f"CREATE TRIGGER {_NEVER_CHANGED}_kept BEFORE UPDATE OR DELETE ON {_NEVER_CHANGED} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    _postgresql_trigger(
        "refuse_trial_issuance",
        f"IF EXISTS ({_ON_TRIAL}) THEN RAISE EXCEPTION 'issuance: trial energy is never minted' "
        "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW;",
        ["issuance_no_trial BEFORE INSERT ON issuance"],
    )
    _postgresql_trigger(
        "refuse_register_twice",
        # The meter's row is the lock: of two installations under way at once the second sees the first.
        "PERFORM 1 FROM meter WHERE id = NEW.meter_id FOR NO KEY UPDATE; "
        f"IF EXISTS (SELECT 1 {_SAME_REGISTER}) THEN "
        "RAISE EXCEPTION 'installation: this register is read at another metering point' "
        "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW;",
        ["installation_register_once BEFORE INSERT OR UPDATE ON installation"],
    )


def _postgresql_trigger(function: str, body: str, triggers: list[str]) -> None:
    op.execute(f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    for trigger in triggers:
        op.execute(f"CREATE TRIGGER {trigger} FOR EACH ROW EXECUTE FUNCTION {function}()")
