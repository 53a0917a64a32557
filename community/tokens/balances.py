"""Balances as a fold of transfers: effects that can be applied, and taken back in a reorg."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from community.errors import FatalError
from community.tokens.supply import Supply
from community.tokens.transfers import ZERO_ADDRESS, Transfer, TransferFields
from community.units import AMOUNT_MAX

Key = TypeVar("Key")
Holding = tuple[str, str]
"""A token's address and a holder's address."""


class BalanceOutOfRange(FatalError):
    """A balance would leave 0 to 2^256 - 1: the index lacks transfers, or holds some that are not on the chain."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What transfers change: base units per holding (of either sign, never 0), and per token minted and burned.

    `last_block` has every holding that was touched, changed in sum or not, and the last block that touched it.
    """

    balances: Mapping[Holding, int] = field(default_factory=dict)
    minted: Mapping[str, int] = field(default_factory=dict)
    burned: Mapping[str, int] = field(default_factory=dict)
    last_block: Mapping[Holding, int] = field(default_factory=dict)

    def reverted(self) -> "Effects":
        """The effects that undo these."""
        return Effects(_negated(self.balances), _negated(self.minted), _negated(self.burned), self.last_block)

    @property
    def tokens(self) -> tuple[str, ...]:
        """Tokens whose supply changes, in order."""
        return tuple(sorted(set(self.minted) | set(self.burned)))


def effects_of(transfers: Iterable[Transfer]) -> Effects:
    """The sum of what `transfers`, in chain order, do."""
    return effects_of_fields(transfer.fields for transfer in transfers)


def effects_of_fields(transfers: Iterable[TransferFields]) -> Effects:
    """`effects_of`, for transfers that are not values yet."""
    moved_by_token: dict[str, dict[str, int]] = {}
    last_by_token: dict[str, dict[str, int]] = {}
    minted: dict[str, int] = {}
    burned: dict[str, int] = {}
    zero, present = ZERO_ADDRESS, ""
    moved: dict[str, int] = {}
    last: dict[str, int] = {}
    for number, _, _, _, token, sender, recipient, amount in transfers:
        if token != present:  # mostly there is one token, and hundreds of thousands of transfers pass here
            moved = moved_by_token.setdefault(token, defaultdict(int))
            last = last_by_token.setdefault(token, {})
            present = token
        moved[sender] -= amount
        moved[recipient] += amount
        last[sender] = last[recipient] = number
        if (sender == zero) != (recipient == zero):
            into = minted if sender == zero else burned
            into[token] = into.get(token, 0) + amount
    changes = _by_holding(moved_by_token)
    return Effects(
        {holding: change for holding, change in changes.items() if change},
        _without_zeros(minted),
        _without_zeros(burned),
        _by_holding(last_by_token),
    )


def _by_holding(by_token: Mapping[str, Mapping[str, int]]) -> dict[Holding, int]:
    """Flat, and without the zero address, which holds nothing."""
    return {
        (token, address): value
        for token, by_address in by_token.items()
        for address, value in by_address.items()
        if address != ZERO_ADDRESS
    }


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


def _negated(changes: Mapping[Key, int]) -> dict[Key, int]:
    return {key: -change for key, change in changes.items()}


def _without_zeros(sums: dict[str, int]) -> dict[str, int]:
    return {token: amount for token, amount in sums.items() if amount}
