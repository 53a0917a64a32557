"""A token's movements as its Transfer logs tell them."""

from dataclasses import dataclass
from enum import StrEnum

from community.units import AMOUNT_MAX

ZERO_ADDRESS = "0x" + "00" * 20


class TransferKind(StrEnum):
    """The three token movements."""

    MINT = "mint"
    TRANSFER = "transfer"
    BURN = "burn"


@dataclass(frozen=True, slots=True)
class Transfer:
    """`amount` base units moved by log `log_index` of a block. Addresses are 0x and lower-case hexadecimal."""

    block_number: int
    log_index: int
    block_hash: str
    tx_hash: str
    token: str
    sender: str
    recipient: str
    amount: int

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= AMOUNT_MAX:
            raise ValueError(f"{self.amount} is no token amount")
        if self.block_number < 0 or self.log_index < 0:
            raise ValueError("block number and log index are not negative")

    @property
    def kind(self) -> TransferKind:
        """A mint comes from the zero address, a burn goes to it; between the zero address and itself nothing moves."""
        if (self.sender == ZERO_ADDRESS) == (self.recipient == ZERO_ADDRESS):
            return TransferKind.TRANSFER
        return TransferKind.MINT if self.sender == ZERO_ADDRESS else TransferKind.BURN
