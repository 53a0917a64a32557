"""Since when who holds which coin address, as known when; challenges to wallets that are used once."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0015"
down_revision = "0014"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, tell the history so far as events, then guard them."""
    _tables()
    op.execute(
        "INSERT INTO coin_address_event (address_id, reason, holds, effective_at, recorded_at) "
        "SELECT id, CASE WHEN path IS NULL THEN 'linked' ELSE 'given' END, true, valid_from, recorded_at "
        "FROM coin_address ORDER BY recorded_at, id"
    )
    op.execute(
        "INSERT INTO coin_address_event (address_id, reason, holds, effective_at, recorded_at) "
        "SELECT id, 'unlinked', false, valid_to, valid_to FROM coin_address WHERE valid_to IS NOT NULL ORDER BY valid_to, id"
    )
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER coin_address_event_no_{event.lower()} BEFORE {event} ON coin_address_event "
                "BEGIN SELECT RAISE(ABORT, 'coin_address_event: rows are never changed'); END"
            )
        op.execute(
            "CREATE TRIGGER wallet_challenge_used_once BEFORE UPDATE ON wallet_challenge WHEN OLD.used_at IS NOT NULL "
            "BEGIN SELECT RAISE(ABORT, 'wallet_challenge: a challenge is used once'); END"
        )
        op.execute(
            "CREATE TRIGGER coin_address_index_kept BEFORE DELETE ON coin_address "
            "BEGIN SELECT RAISE(ABORT, 'coin_address: an index is never given out again'); END"
        )
        op.execute(
            "CREATE TRIGGER hd_account_index_rises BEFORE UPDATE ON hd_account WHEN NEW.next_index < OLD.next_index "
            "BEGIN SELECT RAISE(ABORT, 'hd_account: an index is never given out again'); END"
        )
    else:
        op.execute(
            "CREATE TRIGGER coin_address_event_kept BEFORE UPDATE OR DELETE ON coin_address_event "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER coin_address_index_kept BEFORE DELETE ON coin_address "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER wallet_challenge_used_once BEFORE UPDATE ON wallet_challenge FOR EACH ROW "
            "WHEN (OLD.used_at IS NOT NULL) EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER hd_account_index_rises BEFORE UPDATE ON hd_account FOR EACH ROW "
            "WHEN (NEW.next_index < OLD.next_index) EXECUTE FUNCTION refuse_change()"
        )


def _tables() -> None:
    op.create_table(
        "coin_address_event",
        sa.Column("seq", _BIG, nullable=False),
        sa.Column("address_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("effective_at", UtcInstant(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("reason IN ('given', 'linked', 'unlinked')", name="coin_address_event_reason"),
        sa.CheckConstraint("holds = (reason <> 'unlinked')", name="coin_address_event_holds"),
        sa.ForeignKeyConstraint(["address_id"], ["coin_address.id"]),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("coin_address_event_history", "coin_address_event", ["address_id", "effective_at"], unique=False)
    op.create_table(
        "wallet_challenge",
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", UtcInstant(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=False),
        sa.Column("used_at", UtcInstant(), nullable=True),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("expires_at > issued_at", name="wallet_challenge_lifetime"),
        sa.CheckConstraint("(used_at IS NULL) = (signature IS NULL)", name="wallet_challenge_use"),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"]),
        sa.PrimaryKeyConstraint("nonce"),
    )
    op.create_index(op.f("ix_wallet_challenge_identity_id"), "wallet_challenge", ["identity_id"], unique=False)
