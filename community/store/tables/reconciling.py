"""Both sides compared: runs, pairs that agree, disagreements with their story."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from community.store.tables.columns import base_units, big, instant


class ReconciliationRunRow(SQLModel, table=True):
    __tablename__ = "reconciliation_run"
    id: str = Field(primary_key=True)
    started_at: datetime = instant(index=True)
    finalised_block: int = big()
    finalised_hash: str
    verified_wh: int = big()
    issued_wh: int = big()
    settled_wh: int = big()
    supply: int = base_units()
    match_count: int
    break_count: int


class MatchRow(SQLModel, table=True):
    """An issuance, its settlement on chain and its verified energy agree to the unit."""

    __tablename__ = "reconciliation_match"
    issuance_id: str = Field(primary_key=True, foreign_key="issuance.id")
    source_id: str = Field(foreign_key="energy_source.identity_id", index=True)
    chain_id: int = big()
    tx_hash: str
    block_number: int = big()
    log_index: int = big()
    energy_wh: int = big()
    amount: int = base_units()
    run_id: str = Field(foreign_key="reconciliation_run.id")
    matched_at: datetime = instant()


class BreakRow(SQLModel, table=True):
    """A disagreement. `kind` and `subject` name it, so the same finding is one row with an age."""

    __tablename__ = "reconciliation_break"
    __table_args__ = (Index("reconciliation_break_open", "closed_at"),)
    id: str = Field(primary_key=True)
    kind: str
    severity: str
    subject: str
    source_id: str | None = Field(default=None, foreign_key="energy_source.identity_id")
    detail: str = Field(description="what happened and what to do, in words")
    expected: str | None = None
    found: str | None = None
    opened_run_id: str = Field(foreign_key="reconciliation_run.id")
    opened_at: datetime = instant()
    closed_at: datetime | None = instant(nullable=True, default=None)
    owner: str | None = None
    disposition: str | None = None
