"""Which codec read a statement, and the digest of what was inside its ciphering; unknown of statements from before."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("statement", sa.Column("codec", sa.String(), nullable=True))
    op.add_column("statement", sa.Column("plaintext_digest", sa.String(), nullable=True))
