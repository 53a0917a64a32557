"""How Alembic reaches the database: over the connection that `schema.migrate` opened."""

from alembic import context
from sqlalchemy import Connection

from community.store import tables


def _include(_object: object, name: str | None, type_: str, _reflected: bool, _compare_to: object) -> bool:
    return not (type_ == "table" and name == "alembic_version")


connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=tables.metadata,
    include_object=_include,
    compare_type=False,
    render_as_batch=False,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
