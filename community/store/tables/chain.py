"""What the indexer read from the chain. Rows above the finalised block may vanish in a reorg; below it never."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from community.store.tables.columns import base_units, big, instant, one_of


class IndexCheckpointRow(SQLModel, table=True):
    """How far the index has come: the last applied and the last finalised block."""

    __tablename__ = "index_checkpoint"
    chain_id: int = big(primary_key=True)
    start_block: int = big()
    head_number: int = big()
    head_hash: str
    finalised_number: int = big()
    finalised_hash: str
    node_head_number: int = big(description="the newest head seen at the node: the lag is the difference")
    updated_at: datetime = instant()


class BlockRow(SQLModel, table=True):
    __tablename__ = "chain_block"
    __table_args__ = (
        Index("chain_block_hash", "chain_id", "hash", unique=True),
        Index("chain_block_time", "chain_id", "at"),
    )
    chain_id: int = big(primary_key=True)
    number: int = big(primary_key=True)
    hash: str
    parent_hash: str
    at: datetime = instant()
    digest: str = Field(description="hash chained over the rows of this block and the one before")


class TransferRow(SQLModel, table=True):
    __tablename__ = "transfer"
    __table_args__ = (
        one_of("kind", ("mint", "transfer", "burn"), "transfer_kind"),
        Index("transfer_sender", "chain_id", "sender", "block_number", "log_index"),
        Index("transfer_recipient", "chain_id", "recipient", "block_number", "log_index"),
        Index("transfer_tx", "chain_id", "tx_hash"),
    )
    chain_id: int = big(primary_key=True)
    block_number: int = big(primary_key=True)
    log_index: int = big(primary_key=True)
    block_hash: str
    tx_hash: str
    token: str
    sender: str
    recipient: str
    amount: int = base_units()
    kind: str


class BalanceRow(SQLModel, table=True):
    """Balance of an address at the indexed head: the fold of its transfers."""

    __tablename__ = "balance"
    chain_id: int = big(primary_key=True)
    token: str = Field(primary_key=True)
    address: str = Field(primary_key=True)
    amount: int = base_units()
    final_amount: int = base_units(description="the fold of its finalised transfers only")
    block_number: int = big()


class ShareTransferRow(SQLModel, table=True):
    """Shares of a source that moved: a pair of an ERC-1155 log, which may have several."""

    __tablename__ = "share_transfer"
    __table_args__ = (
        Index("share_transfer_source", "chain_id", "source_ref", "block_number", "log_index"),
        Index("share_transfer_sender", "chain_id", "sender", "block_number"),
        Index("share_transfer_recipient", "chain_id", "recipient", "block_number"),
    )
    chain_id: int = big(primary_key=True)
    block_number: int = big(primary_key=True)
    log_index: int = big(primary_key=True)
    position: int = Field(primary_key=True, description="which pair of a batch, from 0")
    block_hash: str
    tx_hash: str
    contract: str
    operator: str
    sender: str
    recipient: str
    source_ref: str
    amount: int = base_units()


class ShareBalanceRow(SQLModel, table=True):
    """Share tokens of an address at the indexed head; `token` is the source's id, as in `source_ref`."""

    __tablename__ = "share_balance"
    chain_id: int = big(primary_key=True)
    token: str = Field(primary_key=True)
    address: str = Field(primary_key=True)
    amount: int = base_units()
    final_amount: int = base_units(description="the fold of its finalised transfers only")
    block_number: int = big()


class SupplyRow(SQLModel, table=True):
    __tablename__ = "supply"
    chain_id: int = big(primary_key=True)
    token: str = Field(primary_key=True)
    minted: int = base_units()
    burned: int = base_units()
    final_minted: int = base_units()
    final_burned: int = base_units()


class SettledEventRow(SQLModel, table=True):
    """A settlement on chain: the issuer contract minted a source's energy between two register values."""

    __tablename__ = "settled_event"
    __table_args__ = (
        CheckConstraint("to_wh >= from_wh", name="settled_event_register"),
        Index("settled_event_source", "chain_id", "source_ref", "seq"),
        Index("settled_event_of_source", "chain_id", "source_ref", "block_number", "log_index"),
        Index("settled_event_tx", "chain_id", "tx_hash"),
    )
    chain_id: int = big(primary_key=True)
    block_number: int = big(primary_key=True)
    log_index: int = big(primary_key=True)
    block_hash: str
    tx_hash: str
    issuer: str
    source_ref: str
    seq: int
    from_wh: int = big()
    to_wh: int = big()
    read_at: datetime = instant()
    minted_wh: int = big()
    mode: str
    evidence: str


class IssuerEventRow(SQLModel, table=True):
    """Other events of the issuer and the token: configuration, corrections, activity, roles, pauses, retirements."""

    __tablename__ = "issuer_event"
    chain_id: int = big(primary_key=True)
    block_number: int = big(primary_key=True)
    log_index: int = big(primary_key=True)
    block_hash: str
    tx_hash: str
    contract: str
    name: str
    source_ref: str | None = None
    fields: str = Field(description="canonical JSON")
