"""Issuances, their parts, and the transactions that carry them to the chain."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from community.store.tables.columns import base_units, big, instant, octets, one_of

ISSUANCE_STATES = ("planned", "requested", "signed", "broadcast", "mined", "final", "stopped")
ATTEMPT_STATES = ("requested", "signed", "broadcast")


class IssuanceRow(SQLModel, table=True):
    """The decision to mint a source's energy between two register values. Its id is a hash of what it mints."""

    __tablename__ = "issuance"
    __table_args__ = (
        UniqueConstraint("source_id", "from_wh", name="issuance_from_once"),
        CheckConstraint("to_wh > from_wh", name="issuance_energy"),
        CheckConstraint("period_end > period_start", name="issuance_period"),
        one_of("state", ISSUANCE_STATES, "issuance_state"),
        Index("issuance_source_period", "source_id", "period_end"),
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


class IssuancePartRow(SQLModel, table=True):
    __tablename__ = "issuance_part"
    issuance_id: str = Field(primary_key=True, foreign_key="issuance.id")
    position: int = Field(primary_key=True)
    holder_id: str = Field(foreign_key="member.identity_id", index=True)
    address: str = Field(index=True)
    share_count: int
    amount: int = base_units()


class ChainAccountRow(SQLModel, table=True):
    """An account that sends transactions. Its nonce is decided here, in the unit of work of the intent."""

    __tablename__ = "chain_account"
    chain_id: int = big(primary_key=True)
    address: str = Field(primary_key=True)
    next_nonce: int = big()
    frozen: bool = False


class ChainTransactionRow(SQLModel, table=True):
    __tablename__ = "chain_transaction"
    __table_args__ = (
        UniqueConstraint("chain_id", "account", "nonce", name="chain_transaction_nonce_once"),
        UniqueConstraint("issuance_id", name="chain_transaction_issuance_once"),
    )
    id: str = Field(primary_key=True)
    issuance_id: str = Field(foreign_key="issuance.id")
    chain_id: int = big()
    account: str
    nonce: int = big()
    to_address: str
    calldata: bytes = octets()
    gas_limit: int = big()
    created_at: datetime = instant()


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
