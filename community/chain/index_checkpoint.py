"""How far the index of one chain has come."""

from dataclasses import dataclass
from datetime import datetime

from community.chain.blocks import BlockRef


@dataclass(frozen=True, slots=True)
class IndexCheckpoint:
    """`head` is the last block whose effects are committed, `finalised` the last that is final here."""

    chain_id: int
    start_block: int
    head: BlockRef
    finalised: BlockRef
    node_head: int
    updated_at: datetime

    def __post_init__(self) -> None:
        if self.finalised.number > self.head.number:
            raise ValueError("the finalised block cannot be above the indexed head")

    @property
    def behind(self) -> int:
        """Blocks between the indexed head and the newest one seen at the node."""
        return max(0, self.node_head - self.head.number)


@dataclass(frozen=True, slots=True)
class IndexedBlock:
    """A block that stands in the index. `digest` is chained over the rows of all indexed blocks up to it."""

    ref: BlockRef
    parent_hash: str
    at: datetime
    digest: str
