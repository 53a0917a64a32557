"""What two people decide together, what an auditor was shown, and sign-ins with a wallet that are under way."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from community.store.tables.columns import big, instant


class ShareRevisionRow(SQLModel, table=True):
    """A revision of a share register that somebody proposed. It holds once another operator has approved it."""

    __tablename__ = "share_revision"
    __table_args__ = (
        CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="share_revision_two_people"),
        CheckConstraint(
            "(decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (is_approved IS NULL)",
            name="share_revision_decided",
        ),
        Index("share_revision_proposed", "proposed_at", "id"),
    )
    id: str = Field(primary_key=True)
    source_id: str = Field(foreign_key="energy_source.identity_id")
    valid_from: datetime = instant()
    shares: str = Field(description="JSON: pairs of a member's id and his share count, in their order")
    reason: str
    proposed_by: str
    proposed_at: datetime = instant()
    is_approved: bool | None = None
    decided_by: str | None = None
    decided_at: datetime | None = instant(nullable=True, default=None)
    share_table_id: str | None = Field(default=None, foreign_key="share_table.id")


class DisclosureRow(SQLModel, table=True):
    """That an auditor may know a person by name, from when on, why, and until when."""

    __tablename__ = "disclosure"
    __table_args__ = (
        CheckConstraint("granted_by IS NULL OR granted_by <> credential", name="disclosure_two_people"),
        CheckConstraint("(granted_at IS NULL) = (granted_by IS NULL)", name="disclosure_granted"),
        Index("disclosure_credential", "credential", "identity_id"),
    )
    id: str = Field(primary_key=True)
    credential: str = Field(description="the auditor's API key or login")
    identity_id: str = Field(foreign_key="identity.id")
    reason: str
    requested_at: datetime = instant()
    granted_by: str | None = None
    granted_at: datetime | None = instant(nullable=True, default=None)
    ended_at: datetime | None = instant(nullable=True, default=None)


class WalletSignInRow(SQLModel, table=True):
    """A message that a wallet was asked to sign. Used once, or never; deleted some time after it ends."""

    __tablename__ = "wallet_sign_in"
    __table_args__ = (
        CheckConstraint("expires_at > issued_at", name="wallet_sign_in_lifetime"),
        Index("wallet_sign_in_expires", "expires_at"),
    )
    nonce: str = Field(primary_key=True)
    site: str
    address: str
    chain_id: int = big()
    issued_at: datetime = instant()
    expires_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True, default=None)
