"""A token's supply: what was minted less what was burned, nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Supply:
    """Base units ever minted and ever burned. Raises ValueError if either, or their difference, is negative."""

    minted: int = 0
    burned: int = 0

    def __post_init__(self) -> None:
        if self.minted < 0 or self.burned < 0 or self.burned > self.minted:
            raise ValueError(f"no supply: {self.minted} minted, {self.burned} burned")

    @property
    def outstanding(self) -> int:
        """What the token contract calls totalSupply."""
        return self.minted - self.burned
