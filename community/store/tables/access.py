"""Who may ask, who did what, and what changed."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column
from sqlmodel import Field, SQLModel

from community.store.tables.columns import BigId, instant, one_of

ROLES = ("member", "operator", "auditor", "device")


class ApiKeyRow(SQLModel, table=True):
    __tablename__ = "api_key"
    __table_args__ = (
        one_of("role", ROLES, "api_key_role"),
        CheckConstraint("length(secret_sha256) = 64", name="api_key_hashed"),
    )
    id: str = Field(primary_key=True)
    secret_sha256: str
    role: str
    identity_id: str | None = Field(default=None, foreign_key="identity.id")
    label: str
    created_at: datetime = instant()
    revoked_at: datetime | None = instant(nullable=True, default=None)


class AuditEntryRow(SQLModel, table=True):
    """Who did what, when and why. Its idempotency key makes a repeated command harmless."""

    __tablename__ = "audit_entry"
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    actor: str
    command: str
    subject: str
    reason: str
    idempotency_key: str = Field(unique=True)
    recorded_at: datetime = instant()


class OutboxRow(SQLModel, table=True):
    """What changed, written in the unit of work that changed it. Readers follow it by id."""

    __tablename__ = "outbox"
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    topic: str
    subject: str
    recorded_at: datetime = instant()
