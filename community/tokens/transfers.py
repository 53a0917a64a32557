"""A token's movements as its Transfer logs tell them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from community.units import AMOUNT_MAX

ZERO_ADDRESS = "0x" + "00" * 20


TransferFields = tuple[int, int, str, str, str, str, str, int]
"""The fields of a Transfer in their order, for the hundred thousands that a backfill decodes: `Transfer(*fields)`."""


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
        return kind_of(self.sender, self.recipient)

    @property
    def fields(self) -> TransferFields:
        return (
            self.block_number,
            self.log_index,
            self.block_hash,
            self.tx_hash,
            self.token,
            self.sender,
            self.recipient,
            self.amount,
        )


def kind_of(sender: str, recipient: str) -> TransferKind:
    """Which movement it is between these two."""
    if (sender == ZERO_ADDRESS) == (recipient == ZERO_ADDRESS):
        return TransferKind.TRANSFER
    return TransferKind.MINT if sender == ZERO_ADDRESS else TransferKind.BURN


def transfer_lines(chain_id: int, transfers: Iterable[TransferFields]) -> bytes:
    """One line a transfer, fields between tabs, the kind last: what digests are taken over and what COPY is given."""
    mint, burn, plain = TransferKind.MINT.value, TransferKind.BURN.value, TransferKind.TRANSFER.value
    zero = ZERO_ADDRESS
    lines: list[str] = []
    begin, middle, of_block, of_tx, of_token = "", "", "", "", ""
    for number, index, block, tx, token, sender, recipient, amount in transfers:
        # the mints of a settlement share all of this, and writing it once is a third of the time
        if tx != of_tx or block != of_block or token != of_token:
            of_block, of_tx, of_token = block, tx, token
            begin, middle = f"{chain_id}\t{number}\t", f"\t{block}\t{tx}\t{token}\t"
        kind = plain if (sender == zero) == (recipient == zero) else mint if sender == zero else burn
        lines.append(f"{begin}{index}{middle}{sender}\t{recipient}\t{amount}\t{kind}\n")
    return "".join(lines).encode()
