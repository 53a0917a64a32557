"""The terms under which settlement sends: which chain, contract and account, and what a transaction may offer."""

from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo

GWEI = 10**9
BATCH_SOURCES_MAX = 64
"""The signer takes no more in one transaction."""


@dataclass(frozen=True, slots=True)
class SettlementTerms:
    """Addresses are lower-case 0x hex. `account` is the signer's; its key is never here.

    `accounts` are those of all signers of this issuer, among which sources are shared out; empty means `account` alone.
    `batch_sources_max` sources at most are settled by one transaction, and of at most `batch_gas_max` gas; 1 makes each
    settlement a transaction of its own.
    `code_hash` (0x hex) is keccak256 of the issuer's code where it is not the contract of this release.
    """

    chain_id: int
    issuer: str
    account: str
    requester_id: str = "settlement"
    tip_wei_min: int = 30 * GWEI
    max_fee_wei_max: int = 2_000 * GWEI
    bump_after_s: int = 20
    zone: tzinfo = UTC
    accounts: tuple[str, ...] = ()
    code_hash: str | None = None
    watch_after_final: timedelta = timedelta(hours=1)
    batch_sources_max: int = 16
    batch_gas_max: int = 2_500_000

    def __post_init__(self) -> None:
        named = [("issuer", self.issuer), ("account", self.account), *(("account", one) for one in self.accounts)]
        for name, text in named:
            if len(text) != 42 or not text.startswith("0x") or any(c not in "0123456789abcdef" for c in text[2:]):
                raise ValueError(f"the {name} must be an address: 0x and 40 lower-case hex digits")
        if self.accounts and (self.account not in self.accounts or len(set(self.accounts)) != len(self.accounts)):
            raise ValueError("the list of all accounts must name each once, and this process's account among them")
        if self.code_hash is not None and (len(self.code_hash) != 66 or not self.code_hash.startswith("0x")):
            raise ValueError("the issuer's code hash must be 0x and 64 lower-case hex digits")
        if not 1 <= self.batch_sources_max <= BATCH_SOURCES_MAX:
            raise ValueError(f"one transaction settles 1 to {BATCH_SOURCES_MAX} sources, not {self.batch_sources_max}")
        if not 0 < self.tip_wei_min <= self.max_fee_wei_max:
            raise ValueError("the least tip must be above zero and not exceed the fee ceiling")
