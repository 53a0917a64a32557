"""Coin addresses of identities and the HD accounts they are derived from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Chain(StrEnum):
    """The chains an identity can hold addresses on."""

    POLYGON = "polygon"
    BITCOIN = "bitcoin"


class AccountRole(StrEnum):
    """Which branch of the HD tree an address comes from: the `account'` level (BIP-44)."""

    MEMBERS = "members"
    DEVICES = "devices"
    ENERGY_SOURCES = "energy_sources"
    OPERATORS = "operators"


ACCOUNT_NUMBERS = {
    AccountRole.MEMBERS: 0,
    AccountRole.DEVICES: 1,
    AccountRole.ENERGY_SOURCES: 2,
    AccountRole.OPERATORS: 9,
}


@dataclass(frozen=True, slots=True)
class HdAccount:
    """An account-level extended public key, exported once by the signer. It is confidential."""

    id: str
    chain: Chain
    role: AccountRole
    path: str
    xpub: str


@dataclass(frozen=True, slots=True)
class CoinAddress:
    """An identity's address on one chain. `path` is absent for an address that its owner brought."""

    identity_id: str
    chain: Chain
    address: str
    path: str | None
    valid_from: datetime
    valid_to: datetime | None = None
