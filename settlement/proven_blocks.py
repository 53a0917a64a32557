"""Which final issuances lie in blocks that were canonical when looked at last: so that looking again costs one call.

A block's hash covers all blocks below it. As long as the highest block noted is still there under its hash, everything
noted below it is where it was.
"""

from dataclasses import dataclass, field

from community.clients.evm import EvmNode


@dataclass(slots=True)
class ProvenBlocks:
    """Only a memory: a new process, or a chain that took back a block, begins with none and everything is looked at."""

    issuances: set[str] = field(default_factory=set)
    hashes: dict[int, str] = field(default_factory=dict)
    """Hash by number of the blocks that are not yet known to lie below another one."""

    def note(self, issuance_id: str, block: int, block_hash: str) -> None:
        """An issuance was seen in this block of the canonical chain."""
        if self.hashes.setdefault(block, block_hash) != block_hash:
            self.forget()
            self.hashes[block] = block_hash
        self.issuances.add(issuance_id)

    async def look_again(self, node: EvmNode) -> None:
        """Forget everything unless each block is still canonical. Raises RetryableError if the node is away."""
        for number in sorted(self.hashes):
            block = await node.block(number)
            if block is None or block.get("hash") != self.hashes[number]:
                self.forget()
                return
        for number in sorted(self.hashes)[:-1]:
            del self.hashes[number]

    def forget(self) -> None:
        """Begin with none."""
        self.issuances.clear()
        self.hashes.clear()
