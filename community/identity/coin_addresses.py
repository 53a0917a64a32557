"""Coin addresses of identities, the HD accounts they are derived from, and since when who holds what, as known when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from community.identity.identities import IdentityKind


class CoinChain(StrEnum):
    """The kinds of chain we hold addresses on. All EVM chains, Polygon too, share coin type 60, as wallets do."""

    EVM = "evm"
    BITCOIN = "bitcoin"


class AccountRole(StrEnum):
    """What kind of identity an account's addresses belong to: the `account'` level of the HD tree (BIP-44)."""

    MEMBER = "member"
    DEVICE = "device"
    ENERGY_SOURCE = "energy_source"
    OPERATOR = "operator"


ROLE_OF_KIND = {
    IdentityKind.USER: AccountRole.MEMBER,
    IdentityKind.MEMBER: AccountRole.MEMBER,
    IdentityKind.DEVICE: AccountRole.DEVICE,
    IdentityKind.ENERGY_SOURCE: AccountRole.ENERGY_SOURCE,
    IdentityKind.ENERGY_CONSUMPTION_UNIT: AccountRole.MEMBER,
}
"""The account from which an identity's addresses are derived. A consumption unit is its member's."""


@dataclass(frozen=True, slots=True)
class HdAccount:
    """An account-level extended public key, exported once by the signer. It is confidential."""

    id: str
    chain: CoinChain
    role: AccountRole
    path: str
    xpub: str


@dataclass(frozen=True, slots=True)
class CoinAddress:
    """An identity's address on one chain. `path` is absent for an address that its owner brought."""

    identity_id: str
    chain: CoinChain
    address: str
    path: str | None
    valid_from: datetime
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class AddressEvent:
    """From `effective_at` on the identity holds the address, or no longer does; the books know it since `recorded_at`.

    Events are never changed: what was wrong is followed by another one. `seq` is their order in the books.
    """

    seq: int
    identity_id: str
    chain: CoinChain
    address: str
    path: str | None
    holds: bool
    effective_at: datetime
    recorded_at: datetime


def held_at(events: Iterable[AddressEvent], at: datetime, known_at: datetime | None = None) -> list[CoinAddress]:
    """The addresses held at `at`, as the books knew at `known_at` (at first: as they know now), by identity, oldest first.

    Of an address's events up to `at` the latest decides; of two for the same instant the one recorded last.
    """
    latest: dict[tuple[CoinChain, str], AddressEvent] = {}
    for event in sorted(events, key=lambda each: (each.effective_at, each.seq)):
        if event.effective_at <= at and (known_at is None or event.recorded_at <= known_at):
            latest[event.chain, event.address] = event
    held = [event for event in latest.values() if event.holds]
    held.sort(key=lambda event: (event.identity_id, event.effective_at, event.seq))
    return [CoinAddress(each.identity_id, each.chain, each.address, each.path, each.effective_at) for each in held]


def receiving_at(
    events: Iterable[AddressEvent], at: datetime, known_at: datetime | None = None
) -> dict[str, CoinAddress]:
    """Where each identity's tokens of an interval that ends at `at` go: of the addresses held then the newest."""
    return {held.identity_id: held for held in held_at(events, at, known_at)}
