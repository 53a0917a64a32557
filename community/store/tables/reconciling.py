"""Both sides compared: runs, pairs that agree, disagreements with their story."""

from datetime import datetime

from sqlalchemy import Column, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from community.store.tables.columns import BigId, base_units, big, instant, one_of

BREAK_ACTIONS = ("opened", "changed", "assigned", "noted", "disposed", "closed", "reopened")
BREAK_ITEMS = ("issuance", "event", "interval")
VERDICTS = ("agrees", "differs", "unclear")


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
    break_count: int = Field(description="findings that are open: without those a person has closed")
    accepted_count: int = Field(default=0, description="findings that a person has closed with a reason")
    digest: str | None = Field(default=None, description="SHA-256 over the whole result: the same facts give the same")


class MatchRow(SQLModel, table=True):
    """An issuance, its settlement on chain and its verified energy agree to the unit."""

    __tablename__ = "reconciliation_match"
    __table_args__ = (
        Index("reconciliation_match_place", "block_number", "log_index"),
        Index("reconciliation_match_source", "source_id", "block_number", "log_index"),
    )
    issuance_id: str = Field(primary_key=True, foreign_key="issuance.id")
    source_id: str = Field(foreign_key="energy_source.identity_id")
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
    __table_args__ = (
        Index("reconciliation_break_open", "closed_at"),
        Index("reconciliation_break_newest", "opened_at", "id"),
        Index("reconciliation_break_source", "source_id", "opened_at", "id"),
        Index("reconciliation_break_name", "kind", "subject"),
    )
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
    closed_by: str | None = Field(default=None, description="who closed it; None where both sides came to agree")
    owner: str | None = None
    disposition: str | None = None


class BreakItemRow(SQLModel, table=True):
    """An issuance, event or interval that stands in a break, and therefore in no match."""

    __tablename__ = "reconciliation_break_item"
    __table_args__ = (
        one_of("kind", BREAK_ITEMS, "reconciliation_break_item_kind"),
        Index("reconciliation_break_item_key", "kind", "key"),
    )
    break_id: str = Field(primary_key=True, foreign_key="reconciliation_break.id")
    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True, description="issuance id, block:log index, or interval key")


class BreakEntryRow(SQLModel, table=True):
    """The story of a break: who did what, when and why. It only grows."""

    __tablename__ = "reconciliation_break_entry"
    __table_args__ = (
        one_of("action", BREAK_ACTIONS, "reconciliation_break_entry_action"),
        Index("reconciliation_break_entry_break", "break_id", "id"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    break_id: str = Field(foreign_key="reconciliation_break.id")
    at: datetime = instant()
    actor: str
    action: str
    text: str


class AttributionRow(SQLModel, table=True):
    """What the mints of one transaction most likely stand for, where the token has no issuer. Never verified energy."""

    __tablename__ = "reconciliation_attribution"
    __table_args__ = (Index("reconciliation_attribution_source", "source_id", "ends_at"),)
    chain_id: int = big(primary_key=True)
    tx_hash: str = Field(primary_key=True)
    block_number: int = big()
    source_id: str = Field(foreign_key="energy_source.identity_id")
    starts_at: datetime = instant()
    ends_at: datetime = instant()
    energy_wh: int = big()
    amount: int = base_units()
    residual: int = base_units(description="base units that the energy has and the mints lack")
    method: str
    confidence: str
    run_id: str = Field(foreign_key="reconciliation_run.id")


class BalanceSweepRow(SQLModel, table=True):
    """How far the comparison of every balance with the token itself has come. One sweep takes less than a day."""

    __tablename__ = "balance_sweep"
    chain_id: int = big(primary_key=True)
    token: str = Field(primary_key=True)
    began_at: datetime = instant()
    after_address: str = Field(default="", description="the last address asked, in their order")
    asked_count: int = big()
    completed_at: datetime | None = instant(nullable=True, default=None)
    completed_block: int | None = big(nullable=True, default=None)


class AuditSampleRow(SQLModel, table=True):
    """A sample that an auditor drew of the settlements that agreed then; its id is named by seed, size and what was there."""

    __tablename__ = "audit_sample"
    id: str = Field(primary_key=True)
    seed: str
    population: int
    population_sha256: str = Field(description="over the sorted ids that were drawn from, one a line")
    drawn_by: str
    drawn_at: datetime = instant()


class AuditSampleItemRow(SQLModel, table=True):
    __tablename__ = "audit_sample_item"
    __table_args__ = (UniqueConstraint("sample_id", "issuance_id", name="audit_sample_item_once"),)
    sample_id: str = Field(primary_key=True, foreign_key="audit_sample.id")
    position: int = Field(primary_key=True)
    issuance_id: str = Field(foreign_key="issuance.id")


class AuditFindingRow(SQLModel, table=True):
    """What an auditor found of one item. Who thinks otherwise later adds another; the last one counts."""

    __tablename__ = "audit_finding"
    __table_args__ = (
        one_of("verdict", VERDICTS, "audit_finding_verdict"),
        ForeignKeyConstraint(
            ["sample_id", "issuance_id"],
            ["audit_sample_item.sample_id", "audit_sample_item.issuance_id"],
            name="audit_finding_of_the_sample",
        ),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    sample_id: str = Field(index=True)
    issuance_id: str
    verdict: str
    text: str
    found_by: str
    recorded_at: datetime = instant()
