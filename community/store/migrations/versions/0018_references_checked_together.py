"""What intake writes by the hundred is checked by the hundred: one question a batch instead of eleven a message.

PostgreSQL checks a foreign key by a query of its own for every row. The same rule stands here as a trigger on the whole
insert, and as one on the other end: what is referred to is neither deleted nor renamed. Both take the lock that SQLite checks its keys in place and keeps
them. Two indexes that nothing asks go. A statement keeps the hashes of its leaves, from which the path of each reading
follows; readings of before keep the path they were stored with.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_REFERENCES = {
    "seen_message": (("device_id", "device", "identity_id"),),
    "statement": (
        ("device_id", "device", "identity_id"),
        ("device_key_id", "device_key", "id"),
        ("frame_digest", "frame", "digest"),
    ),
    "measurement": (
        ("register_id", "register", "id"),
        ("installation_id", "installation", "id"),
        ("device_id", "device", "identity_id"),
        ("statement_digest", "statement", "digest"),
    ),
    "interval_energy": (
        ("metering_point_id", "metering_point", "id"),
        ("from_measurement_id", "measurement", "id"),
        ("to_measurement_id", "measurement", "id"),
    ),
}
_INTAKE_LOCK = 0x0EC0_1A7E
_NESTED_LOOPS = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
"""A plan is made once a session and must serve when the other table has grown a thousandfold."""


def upgrade() -> None:
    """Replace the keys, drop the indexes."""
    op.add_column("statement", sa.Column("leaves", sa.LargeBinary(), nullable=True))
    op.drop_index("ix_measurement_statement_digest", "measurement")
    op.drop_index("ix_measurement_device_id", "measurement")
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, references in _REFERENCES.items():
        for found in sa.inspect(op.get_bind()).get_foreign_keys(table):
            op.drop_constraint(str(found["name"]), table, type_="foreignkey")
        _check_what_is_inserted(table, references)
    referred: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for table, references in _REFERENCES.items():
        for column, parent, key in references:
            referred.setdefault((parent, key), []).append((table, column))
    for (parent, key), children in referred.items():
        _keep_what_is_referred_to(parent, key, children)


def _check_what_is_inserted(table: str, references: tuple[tuple[str, str, str], ...]) -> None:
    by_parent: dict[tuple[str, str], list[str]] = {}
    for column, parent, key in references:
        by_parent.setdefault((parent, key), []).append(column)
    checks = "".join(
        f"SELECT a.id INTO missing FROM ({' UNION '.join(f'SELECT {column} AS id FROM fresh' for column in columns)}) a "
        f"WHERE NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.{key} = a.id) LIMIT 1; "
        f"IF FOUND THEN RAISE EXCEPTION '{table}: there is no {parent} %', missing "
        "USING ERRCODE = 'foreign_key_violation'; END IF; "
        for (parent, key), columns in by_parent.items()
    )
    op.execute(
        f"CREATE FUNCTION check_references_of_{table}() RETURNS trigger LANGUAGE plpgsql {_NESTED_LOOPS} AS $$ "
        f"DECLARE missing text; BEGIN PERFORM pg_advisory_xact_lock({_INTAKE_LOCK}); {checks} RETURN NULL; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_references AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh "
        f"FOR EACH STATEMENT EXECUTE FUNCTION check_references_of_{table}()"
    )


def _keep_what_is_referred_to(parent: str, key: str, children: list[tuple[str, str]]) -> None:
    checks = "".join(
        f"IF EXISTS (SELECT 1 FROM {table} WHERE {column} = OLD.{key}) THEN "
        f"RAISE EXCEPTION '{parent}: {table} refers to %', OLD.{key} USING ERRCODE = 'foreign_key_violation'; END IF; "
        for table, column in children
    )
    op.execute(
        f"CREATE FUNCTION keep_referred_{parent}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"PERFORM pg_advisory_xact_lock({_INTAKE_LOCK}); {checks} "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {parent}_referred_kept BEFORE DELETE ON {parent} "
        f"FOR EACH ROW EXECUTE FUNCTION keep_referred_{parent}()"
    )
    op.execute(
        f"CREATE TRIGGER {parent}_referred_named BEFORE UPDATE OF {key} ON {parent} "
        f"FOR EACH ROW WHEN (OLD.{key} IS DISTINCT FROM NEW.{key}) EXECUTE FUNCTION keep_referred_{parent}()"
    )
