"""Issuances, their parts, and the transactions that carry them to the chain."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from community.store.tables.columns import BigId, base_units, big, instant, octets, one_of

ISSUANCE_STATES = ("planned", "requested", "signed", "broadcast", "mined", "final", "stopped")
ATTEMPT_STATES = ("requested", "signed", "broadcast")


class IssuanceRow(SQLModel, table=True):
    """The decision to mint a source's energy between two register values. Its id is a hash of what it mints."""

    __tablename__ = "issuance"
    __table_args__ = (
        UniqueConstraint("source_id", "epoch", "from_wh", name="issuance_from_once"),
        CheckConstraint("to_wh > from_wh", name="issuance_energy"),
        CheckConstraint("period_end > period_start", name="issuance_period"),
        one_of("state", ISSUANCE_STATES, "issuance_state"),
        Index("issuance_source_period", "source_id", "period_end", "id"),
        Index("issuance_period", "period_end", "id"),
        Index("issuance_planned", "planned_at", "id"),
        Index("issuance_open", "state"),
    )
    id: str = Field(primary_key=True, description="0x hex of 32 bytes")
    chain_id: int = big()
    issuer: str
    source_id: str = Field(foreign_key="energy_source.identity_id")
    from_wh: int = big()
    to_wh: int = big()
    period_start: datetime = instant()
    period_end: datetime = instant()
    amount: int = base_units()
    measurement_id: str = Field(foreign_key="measurement.id")
    share_table_id: str = Field(foreign_key="share_table.id")
    state: str = "planned"
    failure: str | None = None
    planned_at: datetime = instant()
    mined_block: int | None = big(nullable=True, default=None)
    tx_hash: str | None = Field(default=None, index=True, description="of the attempt that was mined")
    final_at: datetime | None = instant(nullable=True, default=None)
    epoch: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class IssuanceMoveRow(SQLModel, table=True):
    """That an issuance came into a state, and when: how it stood at an earlier time is the last row by then."""

    __tablename__ = "issuance_move"
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    issuance_id: str = Field(foreign_key="issuance.id", index=True)
    state: str
    recorded_at: datetime = instant()


class IssuancePartRow(SQLModel, table=True):
    __tablename__ = "issuance_part"
    __table_args__ = (Index("issuance_part_of_holder", "holder_id", "issuance_id"),)
    issuance_id: str = Field(primary_key=True, foreign_key="issuance.id")
    position: int = Field(primary_key=True)
    holder_id: str = Field(foreign_key="member.identity_id")
    address: str = Field(index=True)
    share_count: int
    amount: int = base_units()


class SourceEpochRow(SQLModel, table=True):
    """From `opening_at` on another register counts for a source, or the same one anew. Never changed.

    `begins_at` is where the epoch before was settled, up to `closing_register_wh`; `rest_wh` is what its register still
    counted, as the document with the SHA-256 `evidence` (0x hex) says.
    """

    __tablename__ = "source_epoch"
    __table_args__ = (
        CheckConstraint("number >= 1", name="source_epoch_number"),
        CheckConstraint("opening_register_wh >= 0 AND closing_register_wh >= 0", name="source_epoch_registers"),
        CheckConstraint("rest_wh >= 0", name="source_epoch_rest"),
        CheckConstraint("opening_at >= begins_at", name="source_epoch_instants"),
    )
    source_id: str = Field(primary_key=True, foreign_key="energy_source.identity_id")
    number: int = Field(primary_key=True)
    register_id: str = Field(foreign_key="register.id")
    opening_register_wh: int = big()
    opening_at: datetime = instant()
    begins_at: datetime = instant()
    closing_register_wh: int = big()
    rest_wh: int = big()
    evidence: str
    recorded_by: str
    recorded_at: datetime = instant()


class ChainAccountRow(SQLModel, table=True):
    """An account that sends transactions. Its nonce is decided here, in the unit of work of the intent."""

    __tablename__ = "chain_account"
    chain_id: int = big(primary_key=True)
    address: str = Field(primary_key=True)
    next_nonce: int = big()
    frozen: bool = False
    balance_wei: int | None = base_units(nullable=True, default=None)
    balance_at: datetime | None = instant(nullable=True, default=None)


class ChainTransactionRow(SQLModel, table=True):
    __tablename__ = "chain_transaction"
    __table_args__ = (UniqueConstraint("chain_id", "account", "nonce", name="chain_transaction_nonce_once"),)
    id: str = Field(primary_key=True)
    issuance_id: str = Field(foreign_key="issuance.id", index=True)
    chain_id: int = big()
    account: str
    nonce: int = big()
    to_address: str
    calldata: bytes = octets()
    gas_limit: int = big()
    created_at: datetime = instant()


class CarriedIssuanceRow(SQLModel, table=True):
    """Which transaction carries an issuance; position 0 is the one that the transaction names."""

    __tablename__ = "carried_issuance"
    __table_args__ = (
        UniqueConstraint("transaction_id", "position", name="carried_issuance_place_once"),
        CheckConstraint("position >= 0", name="carried_issuance_place"),
    )
    issuance_id: str = Field(primary_key=True, foreign_key="issuance.id")
    transaction_id: str = Field(foreign_key="chain_transaction.id")
    position: int


class RevertedIssuanceRow(SQLModel, table=True):
    """That a transaction carried an issuance when it was mined and reverted, and why. Its nonce is spent for ever."""

    __tablename__ = "reverted_issuance"
    transaction_id: str = Field(primary_key=True, foreign_key="chain_transaction.id")
    issuance_id: str = Field(primary_key=True, foreign_key="issuance.id")
    position: int
    reason: str
    recorded_at: datetime = instant()


class TransactionAttemptRow(SQLModel, table=True):
    __tablename__ = "transaction_attempt"
    __table_args__ = (one_of("state", ATTEMPT_STATES, "transaction_attempt_state"),)
    transaction_id: str = Field(primary_key=True, foreign_key="chain_transaction.id")
    number: int = Field(primary_key=True)
    max_fee_wei: int = base_units()
    tip_wei: int = base_units()
    state: str = "requested"
    raw: bytes | None = octets(nullable=True, default=None)
    tx_hash: str | None = Field(default=None, unique=True)
    requested_at: datetime = instant()
    signed_at: datetime | None = instant(nullable=True, default=None)
    broadcast_at: datetime | None = instant(nullable=True, default=None)


class SettlementPolicyRow(SQLModel, table=True):
    """When a source settles. The newest revision counts; without one, the source's founding period does."""

    __tablename__ = "settlement_policy"
    __table_args__ = (
        one_of("period", ("interval", "hour", "day", "base_fee"), "settlement_policy_period"),
        CheckConstraint("(period = 'base_fee') = (base_fee_wei_max IS NOT NULL)", name="settlement_policy_base_fee"),
        CheckConstraint("proposal_window_s >= 0", name="settlement_policy_window"),
    )
    source_id: str = Field(primary_key=True, foreign_key="energy_source.identity_id")
    revision: int = Field(primary_key=True)
    period: str
    base_fee_wei_max: int | None = base_units(nullable=True, default=None)
    proposal_window_s: int = 0
    recorded_at: datetime = instant()
    recorded_by: str


class ProposalRow(SQLModel, table=True):
    """An announced issuance. One that was overtaken (other shares, revoked evidence) stays, marked as superseded."""

    __tablename__ = "proposal"
    __table_args__ = (
        CheckConstraint("to_wh > from_wh", name="proposal_energy"),
        CheckConstraint("period_end > period_start", name="proposal_period"),
        CheckConstraint("due_at >= proposed_at", name="proposal_window"),
        Index(
            "proposal_live_once",
            "source_id",
            "epoch",
            "from_wh",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index("proposal_issuance", "issuance_id"),
    )
    id: str = Field(primary_key=True)
    issuance_id: str
    source_id: str = Field(foreign_key="energy_source.identity_id")
    from_wh: int = big()
    to_wh: int = big()
    period_start: datetime = instant()
    period_end: datetime = instant()
    measurement_id: str = Field(foreign_key="measurement.id")
    share_table_id: str = Field(foreign_key="share_table.id")
    proposed_at: datetime = instant()
    due_at: datetime = instant()
    superseded_at: datetime | None = instant(nullable=True, default=None)
    superseded_because: str | None = None
    epoch: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class ObjectionRow(SQLModel, table=True):
    """Why somebody objects to a proposal. Never changed; the answer is a row of its own."""

    __tablename__ = "objection"
    id: str = Field(primary_key=True)
    proposal_id: str = Field(foreign_key="proposal.id", index=True)
    raised_by: str
    reason: str
    raised_at: datetime = instant()


class ObjectionAnswerRow(SQLModel, table=True):
    """An operator's answer, after which the proposal goes its way."""

    __tablename__ = "objection_answer"
    objection_id: str = Field(primary_key=True, foreign_key="objection.id")
    answer: str
    answered_by: str
    answered_at: datetime = instant()


class CorrectionRow(SQLModel, table=True):
    """A decision that a source's verified energy is less or more than its register says. Never changed."""

    __tablename__ = "correction"
    __table_args__ = (
        UniqueConstraint("source_id", "evidence", name="correction_evidence_once"),
        CheckConstraint("energy_wh > 0", name="correction_energy"),
        one_of("kind", ("debt", "supplement"), "correction_kind"),
    )
    id: str = Field(primary_key=True)
    source_id: str = Field(foreign_key="energy_source.identity_id")
    kind: str
    energy_wh: int = big()
    evidence: str = Field(description="SHA-256 of the document that proves it, 0x hex")
    reason: str
    recorded_by: str
    recorded_at: datetime = instant()


class SupplementSourceRow(SQLModel, table=True):
    """The source of mode ATTESTED under which a plant's supplements are minted."""

    __tablename__ = "supplement_source"
    source_id: str = Field(primary_key=True, foreign_key="energy_source.identity_id")
    parent_id: str = Field(foreign_key="energy_source.identity_id", unique=True)


class SupplementIssuanceRow(SQLModel, table=True):
    """Which issuance mints a supplement: one each, for ever."""

    __tablename__ = "supplement_issuance"
    issuance_id: str = Field(primary_key=True, foreign_key="issuance.id")
    correction_id: str = Field(foreign_key="correction.id", unique=True)
