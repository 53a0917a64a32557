"""The chain as this index holds it: offer it a header, and it says what that header means here.

The window runs from the finalised block to the head, each block the parent of the next. Blocks below the window are
beyond change; a header that contradicts the finalised block is a contradiction, never a reorg.
"""

from dataclasses import dataclass
from itertools import pairwise

from community.chain.blocks import BlockHeader, BlockRef


@dataclass(frozen=True, slots=True)
class LocalChain:
    """Blocks from the finalised one (first) to the head (last). Raises ValueError if a number is left out."""

    blocks: tuple[BlockRef, ...]

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ValueError("a local chain has at least its finalised block")
        if any(above.number != below.number + 1 for below, above in pairwise(self.blocks)):
            raise ValueError("the blocks of a local chain follow one another without a gap")

    @property
    def finalised(self) -> BlockRef:
        return self.blocks[0]

    @property
    def head(self) -> BlockRef:
        return self.blocks[-1]

    def at(self, number: int) -> BlockRef | None:
        """Our block at `number`, None outside the window."""
        offset = number - self.finalised.number
        return self.blocks[offset] if 0 <= offset < len(self.blocks) else None

    def cut(self, head: BlockRef) -> "LocalChain":
        """This chain up to `head`. Raises ValueError if `head` is not in it."""
        if self.at(head.number) != head:
            raise ValueError(f"block {head.number} {head.hash} is not in the local chain")
        return LocalChain(self.blocks[: head.number - self.finalised.number + 1])

    def finalise(self, block: BlockRef) -> "LocalChain":
        """This chain with `block` as its finalised one. Raises ValueError if `block` is not in it."""
        if self.at(block.number) != block:
            raise ValueError(f"block {block.number} {block.hash} is not in the local chain")
        return LocalChain(self.blocks[block.number - self.finalised.number :])


@dataclass(frozen=True, slots=True)
class Extended:
    """The header is the child of our head; `chain` has it as its head."""

    chain: LocalChain


@dataclass(frozen=True, slots=True)
class Forked:
    """The header is on another branch. `ancestor` is the last block both have, None if it lies further down."""

    ancestor: BlockRef | None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The header is in our chain already."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The header is further ahead; `number` is the block we need next."""

    number: int


@dataclass(frozen=True, slots=True)
class Lagging:
    """The header is below our finalised block: the node is behind, or old."""


@dataclass(frozen=True, slots=True)
class Contradicted:
    """The header contradicts a block that was final. Nothing may be rewritten; a person must look."""

    finalised: BlockRef
    claimed_hash: str


Offer = Extended | Forked | Duplicate | Missing | Lagging | Contradicted


def offer(chain: LocalChain, header: BlockHeader) -> Offer:
    """What `header` means for `chain`. A header of the head's height or below never changes the head by itself."""
    final, head = chain.finalised, chain.head
    if header.number < final.number:
        return Lagging()
    if header.number == final.number:
        return Duplicate() if header.hash == final.hash else Contradicted(final, header.hash)
    if header.number > head.number + 1:
        return Missing(head.number + 1)
    if chain.at(header.number) == header.ref:
        return Duplicate()
    parent = chain.at(header.number - 1)
    if parent is not None and parent.hash == header.parent_hash:
        extends = parent == head
        return Extended(LocalChain((*chain.blocks, header.ref))) if extends else Forked(parent)
    if header.number == final.number + 1:
        return Contradicted(final, header.parent_hash)
    return Forked(None)
