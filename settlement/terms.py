"""The terms under which settlement sends: which chain, contract and account, and what a transaction may offer."""

from dataclasses import dataclass

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class SettlementTerms:
    """Addresses are lower-case 0x hex. `account` is the signer's; its key is never here."""

    chain_id: int
    issuer: str
    account: str
    requester_id: str = "settlement"
    tip_wei_min: int = 30 * GWEI
    max_fee_wei_max: int = 2_000 * GWEI
    bump_after_s: int = 20

    def __post_init__(self) -> None:
        for name, text in (("issuer", self.issuer), ("account", self.account)):
            if len(text) != 42 or not text.startswith("0x") or any(c not in "0123456789abcdef" for c in text[2:]):
                raise ValueError(f"the {name} must be an address: 0x and 40 lower-case hex digits")
        if not 0 < self.tip_wei_min <= self.max_fee_wei_max:
            raise ValueError("the least tip must be above zero and not exceed the fee ceiling")
