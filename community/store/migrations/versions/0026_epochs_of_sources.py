"""A source's register may begin anew, and what a reverted transaction carried may be sent again.

Each epoch with where it begins, and every issuance with the epoch it is of. Which issuance a transaction carries now stands
in one place alone, and what it carried when it was mined and reverted in another.

SQLite changes no constraint in place: such a table is made anew, with the rows and under the guards of before.
"""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0026"
down_revision = "0025"

_TABLE, _REVERTED = "source_epoch", "reverted_issuance"


def upgrade() -> None:
    """Create the table; every issuance and proposal so far is of the founding epoch."""
    op.create_table(
        _TABLE,
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("register_id", sa.String(), nullable=False),
        sa.Column("opening_register_wh", sa.BigInteger(), nullable=False),
        sa.Column("opening_at", UtcInstant(), nullable=False),
        sa.Column("begins_at", UtcInstant(), nullable=False),
        sa.Column("closing_register_wh", sa.BigInteger(), nullable=False),
        sa.Column("rest_wh", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("number >= 1", name="source_epoch_number"),
        sa.CheckConstraint("opening_register_wh >= 0 AND closing_register_wh >= 0", name="source_epoch_registers"),
        sa.CheckConstraint("rest_wh >= 0", name="source_epoch_rest"),
        sa.CheckConstraint("opening_at >= begins_at", name="source_epoch_instants"),
        sa.ForeignKeyConstraint(["source_id"], ["energy_source.identity_id"]),
        sa.ForeignKeyConstraint(["register_id"], ["register.id"]),
        sa.PrimaryKeyConstraint("source_id", "number"),
    )
    op.create_table(
        _REVERTED,
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("issuance_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(["transaction_id"], ["chain_transaction.id"]),
        sa.ForeignKeyConstraint(["issuance_id"], ["issuance.id"]),
        sa.PrimaryKeyConstraint("transaction_id", "issuance_id"),
    )
    op.add_column("proposal", sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("proposal_live_once", "proposal")
    live = sa.text("superseded_at IS NULL")
    op.create_index(
        "proposal_live_once",
        "proposal",
        ["source_id", "epoch", "from_wh"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    if op.get_bind().dialect.name == "sqlite":
        for table in (_TABLE, _REVERTED):
            for event in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table}: rows are never changed'); END"
                )
        # What refers to the rows finds them again before this unit of work ends.
        op.execute("PRAGMA defer_foreign_keys = ON")
        once = "CONSTRAINT issuance_from_once UNIQUE (source_id, {}from_wh)"
        _make_anew("issuance", once.format(""), once.format("epoch, "), "epoch INTEGER DEFAULT '0' NOT NULL, ")
        _make_anew("chain_transaction", ", \n\tCONSTRAINT chain_transaction_issuance_once UNIQUE (issuance_id)", "")
        op.create_index("ix_chain_transaction_issuance_id", "chain_transaction", ["issuance_id"])
        return
    for table in (_TABLE, _REVERTED):
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.add_column("issuance", sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))
    op.drop_constraint("issuance_from_once", "issuance", type_="unique")
    op.create_unique_constraint("issuance_from_once", "issuance", ["source_id", "epoch", "from_wh"])
    op.drop_constraint("chain_transaction_issuance_once", "chain_transaction", type_="unique")
    op.create_index("ix_chain_transaction_issuance_id", "chain_transaction", ["issuance_id"])


def _make_anew(table: str, constraint: str, instead: str, column: str = "") -> None:
    """A table with `instead` of a constraint, and with one more column before its constraints."""
    connection = op.get_bind()
    found = f"SELECT sql FROM sqlite_master WHERE tbl_name = '{table}' AND sql IS NOT NULL AND type "
    made = str(connection.exec_driver_sql(found + "= 'table'").scalar_one())
    guards = [str(row[0]) for row in connection.exec_driver_sql(found + "IN ('index', 'trigger')")]
    names = ", ".join(str(row[1]) for row in connection.exec_driver_sql(f"PRAGMA table_info({table})"))
    if constraint not in made:
        raise RuntimeError(f"the table {table} is not as migrations made it: compare its constraints")
    place = made.index("PRIMARY KEY (")
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE kept_rows AS SELECT * FROM {table}")
    connection.exec_driver_sql(f"DELETE FROM {table}")
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(made[:place] + column + made[place:].replace(constraint, instead))
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) SELECT {names} FROM kept_rows")
    connection.exec_driver_sql("DROP TABLE kept_rows")
    for guard in guards:
        connection.exec_driver_sql(guard)
