"""Indexes of what the API asks for: a user's members, a member's parts by issuance, a source's settlements, a transaction's."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Each index that goes is the beginning of another."""
    op.create_index("ix_member_user_id", "member", ["user_id"])
    places = ["chain_id", "source_ref", "block_number", "log_index"]
    op.create_index("settled_event_of_source", "settled_event", places)
    op.create_index("settled_event_tx", "settled_event", ["chain_id", "tx_hash"])
    op.create_index("issuance_part_of_holder", "issuance_part", ["holder_id", "issuance_id"])
    op.drop_index("ix_issuance_part_holder_id", "issuance_part")
    op.drop_index("ix_frame_device_eui", "frame")
