"""Token and issuer on a private chain, and an index of it whose rows can be compared with another's."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from community.clients.evm import EvmNode
from community.store.tables.chain import (
    BalanceRow,
    BlockRow,
    IssuerEventRow,
    SettledEventRow,
    ShareBalanceRow,
    ShareTransferRow,
    SupplyRow,
    TransferRow,
)
from community.store.unit_of_work import Store
from contracts import abi, shares
from contracts.calls import call
from indexer.decode import Contracts
from indexer.follow import Follower
from tests.support.anvil import CHAIN_ID, AnvilChain

SOURCE_ID = bytes.fromhex("ab" * 32)
SOURCE_REF = "0x" + SOURCE_ID.hex()
START_WH = 1_000
SHARED = (bytes.fromhex("c1" * 32), bytes.fromhex("c2" * 32))
"""Sources that have share tokens."""
_KEY = ec.derive_private_key(77, ec.SECP256R1()).public_key().public_numbers()
_INDEXED = (
    BlockRow,
    TransferRow,
    SettledEventRow,
    IssuerEventRow,
    BalanceRow,
    SupplyRow,
    ShareTransferRow,
    ShareBalanceRow,
)


def now() -> datetime:
    """A fixed instant: what the index holds of the chain must not depend on when it was read."""
    return datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class Ledger:
    """The contracts on a chain. Account 0 has every role; accounts 1 to 3 hold shares of one source."""

    chain: AnvilChain
    accounts: tuple[str, ...]
    contracts: Contracts
    config: abi.ShareConfig

    @classmethod
    def deploy(cls, chain: AnvilChain) -> "Ledger":
        """Deploy both contracts and configure one ATTESTED source of 3 MW at `START_WH`."""
        accounts = tuple(address.lower() for address in chain.rpc("eth_accounts"))
        point = (_KEY.x.to_bytes(32, "big"), _KEY.y.to_bytes(32, "big"))
        config = abi.ShareConfig(*point, accounts[1:4], (300, 200, 500))
        self = cls(chain, accounts, Contracts("", None), config)
        token = str(self.send(None, abi.encode_deploy_token(accounts[0], 0))["contractAddress"])
        issuer = str(self.send(None, abi.encode_deploy_issuer(token, accounts[0], 0))["contractAddress"])
        tokens = self.send(None, shares.encode_deploy_shares("https://example.org/{id}", 900, accounts[0], 0))
        self.contracts = Contracts(token.lower(), issuer.lower(), str(tokens["contractAddress"]).lower())
        self.send(self.share_tokens, abi.encode_grant_role(abi.REGISTRAR_ROLE, accounts[0]))
        for source_id in SHARED:
            self.send(self.share_tokens, shares.encode_create(source_id, 1_000, accounts[0]))
        self.send(token, abi.encode_grant_role(abi.MINTER_ROLE, issuer))
        for role in (abi.SETTLER_ROLE, abi.REGISTRAR_ROLE, abi.CORRECTOR_ROLE):
            self.send(issuer, abi.encode_grant_role(role, accounts[0]))
        started = (self.chain_time() - 100_000) // 900 * 900
        setup = abi.SourceSetup(SOURCE_ID, bytes(7) + b"\1", 1, 0, 3_000_000, START_WH, started, 2, config)
        self.send(issuer, abi.encode_configure(setup))
        return self

    def chain_time(self) -> int:
        return int(self.chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def head(self) -> int:
        return int(self.chain.rpc("eth_blockNumber"), 16)

    def send(self, to: str | None, data: bytes, sender: int = 0) -> dict[str, Any]:
        """The receipt of a transaction that was mined at once. Fails if it reverted."""
        request = {"from": self.accounts[sender], "data": "0x" + data.hex(), "gas": hex(8_000_000)}
        sent = self.chain.rpc("eth_sendTransaction", request | ({} if to is None else {"to": to}))
        deadline = time.monotonic() + 20
        receipt: dict[str, Any] | None = None
        while receipt is None:
            assert time.monotonic() < deadline, f"{sent} was not mined"
            receipt = self.chain.rpc("eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def source(self) -> abi.SourceState:
        """State of the source at the head."""
        return abi.decode_source(self._call(self.issuer, abi.encode_source(SOURCE_ID)))

    def settle(self, energy_wh: int, evidence: bytes = bytes(31) + b"\7") -> dict[str, Any]:
        """Settle `energy_wh` more, read a quarter-hour after the last reading."""
        state = self.source()
        settlement = abi.AttestedSettlement(
            SOURCE_ID, state.register_wh + energy_wh, state.read_at + 900, evidence, self.config
        )
        return self.send(self.issuer, abi.encode_settle_attested(settlement))

    def transfer(self, sender: int, recipient: int, amount: int) -> None:
        self.send(self.contracts.token, abi.encode_transfer(self.accounts[recipient], amount), sender)

    def burn(self, sender: int, amount: int) -> None:
        self.send(self.contracts.token, abi.encode_burn(amount), sender)

    def give_shares(self, recipient: int, counts: Sequence[int]) -> None:
        """Shares of the first sources of `SHARED` from account 0: a single transfer, or a batch where there are several."""
        sender, to = self.accounts[0], self.accounts[recipient]
        if len(counts) == 1:
            data = shares.encode_safe_transfer(sender, to, SHARED[0], counts[0])
        else:
            data = shares.encode_safe_batch_transfer(sender, to, list(zip(SHARED, counts, strict=False)))
        self.send(self.share_tokens, data)

    def grant(self, account: int, *, revoke: bool = False) -> None:
        """Make an account a registrar of the issuer, or no longer one."""
        change = "revokeRole" if revoke else "grantRole"
        self.send(self.issuer, call(change, ("bytes32", "address"), (abi.REGISTRAR_ROLE, self.accounts[account])))

    def balance(self, account: int) -> int:
        data = abi.encode_balance_of(self.accounts[account])
        return abi.decode_uint(self._call(self.contracts.token, data))

    def supply(self) -> int:
        return abi.decode_uint(self._call(self.contracts.token, abi.encode_total_supply()))

    def reorganise(self, depth: int) -> None:
        """Drop the newest `depth` blocks with their transactions; as many empty ones take their place."""
        self.chain.rpc("anvil_reorg", depth, [])

    @property
    def issuer(self) -> str:
        assert self.contracts.issuer is not None
        return self.contracts.issuer

    @property
    def share_tokens(self) -> str:
        assert self.contracts.shares is not None
        return self.contracts.shares

    def _call(self, to: str, data: bytes) -> bytes:
        return bytes.fromhex(self.chain.rpc("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")[2:])


def follower(store: Store, ledger: Ledger, reached: Callable[[str], None] | None = None, **options: Any) -> Follower:
    """A follower of the ledger's chain from its first block."""
    reached = reached or (lambda _name: None)
    options = {"start_block": 0, **options}
    return Follower(store, CHAIN_ID, ledger.contracts, now=now, reached=reached, **options)


async def catch_up(follower: Follower, node: EvmNode) -> None:
    """Step until the index stands at the node's head and knows what is final there."""
    for _ in range(500):
        before = await follower.step(node)
        if before.caught_up and (await follower.step(node)).checkpoint == before.checkpoint:
            return
    raise AssertionError("the index never caught up")


async def rows(store: Store, *, blocks: bool = True) -> dict[str, list[dict[str, Any]]]:
    """Everything indexed, as comparable values."""
    found: dict[str, list[dict[str, Any]]] = {}
    async with store.read() as work:
        for table in _INDEXED[0 if blocks else 1 :]:
            listed = (await work.session.execute(select(table))).scalars()
            key = [column.name for column in table.__table__.primary_key]  # type: ignore[attr-defined]
            found[table.__name__] = sorted(
                (row.model_dump() for row in listed), key=lambda row: tuple(row[name] for name in key)
            )
    return found
