"""Movements of share tokens (ERC-1155): shares of an energy source, one token type per source."""

from dataclasses import dataclass

from community.tokens.transfers import TransferFields
from community.units import AMOUNT_MAX


@dataclass(frozen=True, slots=True)
class ShareTransfer:
    """`amount` shares of one source, moved by log `log_index`; `position` counts the pairs of a batch from 0.

    `source_ref` is the token type's id as 0x and 64 digits, which is the source's id. A mint comes from the zero address.
    """

    block_number: int
    log_index: int
    position: int
    block_hash: str
    tx_hash: str
    contract: str
    operator: str
    sender: str
    recipient: str
    source_ref: str
    amount: int

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= AMOUNT_MAX:
            raise ValueError(f"{self.amount} is no number of shares")
        if min(self.block_number, self.log_index, self.position) < 0:
            raise ValueError("block number, log index and position are not negative")

    @property
    def fields(self) -> TransferFields:
        """As a transfer whose token is the share: the folds are the same."""
        return (
            self.block_number,
            self.log_index,
            self.block_hash,
            self.tx_hash,
            self.source_ref,
            self.sender,
            self.recipient,
            self.amount,
        )
