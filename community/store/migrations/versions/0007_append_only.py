"""What the database itself forbids: changing evidence, overlapping validity, two installations at one place."""

from alembic import op

revision = "0007"
down_revision = "0006"

_NEVER_CHANGED = ("frame", "statement", "measurement", "interval_energy", "share", "issuance_part", "audit_entry")
"""Tables whose rows are facts: a correction is a new row."""

_NEVER_EDITED = ("chain_block", "transfer", "settled_event", "issuer_event")
"""Rows that a reorg may take away before they are final, but that are never edited."""

_OVERLAPS = {
    "share_table": "source_id",
    "installation": "metering_point_id",
}
"""Tables whose half-open validity may not overlap for the same key."""


def upgrade() -> None:
    """Create the guards."""
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    for table in _NEVER_CHANGED:
        _sqlite_refusal(table, "DELETE", "rows are never deleted")
    for table in _NEVER_CHANGED + _NEVER_EDITED:
        _sqlite_refusal(table, "UPDATE", "rows are never changed")
    for table, key in _OVERLAPS.items():
        for event in ("INSERT", "UPDATE"):
            op.execute(
                f"CREATE TRIGGER {table}_overlap_{event.lower()} AFTER {event} ON {table} WHEN EXISTS ("
                f"SELECT 1 FROM {table} other WHERE other.{key} = NEW.{key} AND other.rowid <> NEW.rowid "
                "AND (NEW.valid_to IS NULL OR other.valid_from < NEW.valid_to) "
                "AND (other.valid_to IS NULL OR NEW.valid_from < other.valid_to)) "
                f"BEGIN SELECT RAISE(ABORT, '{table}: validity overlaps'); END"
            )


def _sqlite_refusal(table: str, event: str, sentence: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table}: {sentence}'); END"
    )


def _postgresql() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION '%: rows are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table in _NEVER_CHANGED:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table in _NEVER_EDITED:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table, key in _OVERLAPS.items():
        # An UPDATE that closes the old row and an INSERT of the new one meet in one unit of work.
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_overlap EXCLUDE USING gist "
            f"({key} WITH =, tstzrange(valid_from, valid_to) WITH &&)"
        )
