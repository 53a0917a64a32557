"""${message}."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import Uint256, UtcInstant
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Apply this revision."""
    ${upgrades if upgrades else "pass"}
