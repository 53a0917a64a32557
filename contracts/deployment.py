"""What puts the contracts on a chain, as a list to be looked at before anything is sent. Pure: no network, no keys.

The first admin of every contract is the administrator (a multi-signature account) from its constructor on, so the
account that creates them has no power over them at any time. The administrator gives the roles afterwards.
"""

from dataclasses import dataclass
from typing import Final

from eth_utils.crypto import keccak

from contracts import abi, shares
from contracts.values import ZERO_ADDRESS, address, unsigned

ADMIN_DELAY_S: Final = 2 * 86_400
"""Between the start of a transfer of the administrator's role and its earliest acceptance, in production."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Who holds which role. Raises ValueError if the administrator or the settler holds another one too."""

    admin: str
    settler: str
    registrar: str
    corrector: str
    pauser: str

    def __post_init__(self) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, address(getattr(self, name)))
        everyone = [self.admin, self.settler, self.registrar, self.corrector, self.pauser]
        if ZERO_ADDRESS in everyone:
            raise ValueError("the zero address cannot hold a role")
        for role, holder in (("administrator", self.admin), ("settler", self.settler)):
            if everyone.count(holder) != 1:
                raise ValueError(f"the {role} {holder} holds another role too; give each an account of its own")


@dataclass(frozen=True, slots=True)
class ShareTokens:
    """Where the share types are described, and the seconds between two boundaries from which transfers count."""

    uri: str
    period_s: int


@dataclass(frozen=True, slots=True)
class Creation:
    """One contract: creation code with arguments, and the address it gets if the creator's nonce is `nonce`."""

    name: str
    nonce: int
    data: bytes
    address: str


@dataclass(frozen=True, slots=True)
class Grant:
    """One call of the administrator, and what it is for."""

    to: str
    data: bytes
    why: str
    role: bytes
    account: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Creations in their order, then the administrator's calls. `shares` is zero without share tokens."""

    creations: tuple[Creation, ...]
    grants: tuple[Grant, ...]
    token: str
    issuer: str
    shares: str


def created_address(creator: str, nonce: int) -> str:
    """Address of what `creator` creates with this nonce: the last 20 bytes of keccak256(rlp([creator, nonce]))."""
    number = unsigned("nonce", nonce, 64).to_bytes((nonce.bit_length() + 7) // 8, "big")
    item = number if 0 < nonce < 0x80 else bytes([0x80 + len(number)]) + number
    payload = b"\x94" + bytes.fromhex(address(creator)[2:]) + item
    return "0x" + keccak(bytes([0xC0 + len(payload)]) + payload)[12:].hex()


def plan(
    creator: str,
    nonce: int,
    holders: Holders,
    share_tokens: ShareTokens | None = None,
    admin_delay_s: int = ADMIN_DELAY_S,
) -> Plan:
    """Everything that is to be sent, by `creator` with its next `nonce`, and then by the administrator."""
    creations: list[Creation] = []

    def create(name: str, data: bytes) -> str:
        number = nonce + len(creations)
        creations.append(Creation(name, number, data, created_address(creator, number)))
        return creations[-1].address

    token = create("KwhToken", abi.encode_deploy_token(holders.admin, admin_delay_s))
    tokens = ZERO_ADDRESS
    if share_tokens is not None:
        code = shares.encode_deploy_shares(share_tokens.uri, share_tokens.period_s, holders.admin, admin_delay_s)
        tokens = create("EnergyShares", code)
    issuer = create("EnergyIssuer", abi.encode_deploy_issuer(token, holders.admin, admin_delay_s, tokens))
    wanted = [
        (token, abi.MINTER_ROLE, issuer, "the issuer mints"),
        (issuer, abi.SETTLER_ROLE, holders.settler, "the signer's account settles"),
        (issuer, abi.REGISTRAR_ROLE, holders.registrar, "the operator configures sources"),
        (issuer, abi.CORRECTOR_ROLE, holders.corrector, "another person puts debts on sources"),
        (issuer, abi.PAUSER_ROLE, holders.pauser, "operations stop settlements"),
    ]
    if tokens != ZERO_ADDRESS:
        wanted.append((tokens, abi.REGISTRAR_ROLE, holders.registrar, "the operator creates the shares of a source"))
    grants = [Grant(to, abi.encode_grant_role(role, account), why, role, account) for to, role, account, why in wanted]
    return Plan(tuple(creations), tuple(grants), token, issuer, tokens)
