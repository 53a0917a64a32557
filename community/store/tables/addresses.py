"""Since when who holds which coin address, as known when; challenges to wallets that identities bring."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from community.store.tables.columns import BigId, big, instant, octets, one_of

ADDRESS_REASONS = ("given", "linked", "unlinked")


class CoinAddressEventRow(SQLModel, table=True):
    """Never changed: what was wrong is followed by another event."""

    __tablename__ = "coin_address_event"
    __table_args__ = (
        one_of("reason", ADDRESS_REASONS, "coin_address_event_reason"),
        CheckConstraint("holds = (reason <> 'unlinked')", name="coin_address_event_holds"),
        Index("coin_address_event_history", "address_id", "effective_at"),
    )
    seq: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    address_id: str = Field(foreign_key="coin_address.id")
    reason: str
    holds: bool
    effective_at: datetime = instant()
    recorded_at: datetime = instant()


class WalletChallengeRow(SQLModel, table=True):
    """A challenge is used once, or never."""

    __tablename__ = "wallet_challenge"
    __table_args__ = (
        CheckConstraint("expires_at > issued_at", name="wallet_challenge_lifetime"),
        CheckConstraint("(used_at IS NULL) = (signature IS NULL)", name="wallet_challenge_use"),
    )
    nonce: str = Field(primary_key=True)
    identity_id: str = Field(foreign_key="identity.id", index=True)
    address: str
    chain_id: int = big()
    issued_at: datetime = instant()
    expires_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True, default=None)
    signature: bytes | None = octets(nullable=True, default=None)
