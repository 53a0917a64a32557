"""Coin addresses of identities and the HD accounts they are derived from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
