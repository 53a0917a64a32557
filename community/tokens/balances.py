"""Balances as a fold of transfers: effects that can be applied, and taken back in a reorg."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from community.errors import FatalError
from community.tokens.supply import Supply
from community.tokens.transfers import ZERO_ADDRESS, Transfer, TransferKind
from community.units import AMOUNT_MAX

Key = TypeVar("Key")
Holding = tuple[str, str]
"""A token's address and a holder's address."""


class BalanceOutOfRange(FatalError):
    """A balance would leave 0 to 2^256 - 1: the index lacks transfers, or holds some that are not on the chain."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What transfers change: base units per holding (of either sign, never 0), and per token minted and burned."""

    balances: Mapping[Holding, int] = field(default_factory=dict)
    minted: Mapping[str, int] = field(default_factory=dict)
    burned: Mapping[str, int] = field(default_factory=dict)

    def reverted(self) -> "Effects":
        """The effects that undo these."""
        return Effects(_negated(self.balances), _negated(self.minted), _negated(self.burned))

    @property
    def tokens(self) -> tuple[str, ...]:
        """Tokens whose supply changes, in order."""
        return tuple(sorted(set(self.minted) | set(self.burned)))


def effects_of(transfers: Iterable[Transfer]) -> Effects:
    """The sum of what `transfers` do, whatever their order."""
    balances: dict[Holding, int] = {}
    minted: dict[str, int] = {}
    burned: dict[str, int] = {}
    for transfer in transfers:
        _add(balances, (transfer.token, transfer.sender), -transfer.amount)
        _add(balances, (transfer.token, transfer.recipient), transfer.amount)
        if transfer.kind is TransferKind.MINT:
            _add(minted, transfer.token, transfer.amount)
        elif transfer.kind is TransferKind.BURN:
            _add(burned, transfer.token, transfer.amount)
    moved = {key: change for key, change in balances.items() if change and key[1] != ZERO_ADDRESS}
    return Effects(moved, _without_zeros(minted), _without_zeros(burned))


def holders_of(transfers: Iterable[Transfer]) -> frozenset[Holding]:
    """Every holding that `transfers` touch, changed in sum or not."""
    touched = {(one.token, address) for one in transfers for address in (one.sender, one.recipient)}
    return frozenset(key for key in touched if key[1] != ZERO_ADDRESS)


def balance_after(amount: int, change: int, holding: Holding) -> int:
    """`amount` changed. Raises BalanceOutOfRange: going on would hide that the index is wrong."""
    after = amount + change
    if not 0 <= after <= AMOUNT_MAX:
        raise BalanceOutOfRange(
            f"The balance of {holding[1]} in token {holding[0]} would become {after} base units: transfers before the "
            "first indexed block are missing, or the node left some out. Index from the token's deployment block "
            "(INDEXER_START_BLOCK) into a new database, and compare with `python -m indexer verify`."
        )
    return after


def supply_after(supply: Supply, effects: Effects, token: str) -> Supply:
    """`supply` of `token` after `effects`. Raises ValueError if a total would become negative."""
    return Supply(supply.minted + effects.minted.get(token, 0), supply.burned + effects.burned.get(token, 0))


def fold(transfers: Iterable[Transfer]) -> dict[Holding, int]:
    """Balances from nothing, without those that are 0. Raises BalanceOutOfRange."""
    return {key: balance_after(0, change, key) for key, change in effects_of(transfers).balances.items()}


def _add(sums: dict[Key, int], key: Key, change: int) -> None:
    sums[key] = sums.get(key, 0) + change


def _negated(changes: Mapping[Key, int]) -> dict[Key, int]:
    return {key: -change for key, change in changes.items()}


def _without_zeros(sums: dict[str, int]) -> dict[str, int]:
    return {token: amount for token, amount in sums.items() if amount}
