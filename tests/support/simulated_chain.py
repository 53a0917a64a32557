"""A chain in memory with the issuer's arithmetic: blocks, forks, a pool, finality. With `guarded=False` it is the issuer
without any guard: whoever settles twice mints twice, and it is counted.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from community.attestation import merkle
from community.attestation.cbor import decode
from community.attestation.signatures import verify_p256
from community.attestation.statement import parse_leaf_input, parse_payload
from community.chain.signed_transactions import SignedTransaction, read_signed
from community.units import BASE_UNITS_PER_WH
from contracts.abi import (
    SELECTOR_SETTLE_MANY,
    SettleEvidence,
    ShareConfig,
    decode_settle,
    decode_settle_many,
    encode_settle,
)

CHAIN_ID = 31337
BASE_FEE_WEI = 10**9
BLOCK_S = 2


class Reverted(Exception):
    """The call would revert; `data` is what the contract would say."""

    def __init__(self, signature: str, *values: Any) -> None:
        super().__init__(signature)
        types = signature[signature.index("(") + 1 : -1]
        self.data = keccak(text=signature)[:4] + encode(types.split(",") if types else [], values)


def single_calls(data: bytes) -> list[bytes]:
    """The calls of `settle` that a call of `settle` or `settleMany` amounts to."""
    if data[:4] != SELECTOR_SETTLE_MANY:
        return [data]
    return [encode_settle(*entry) for entry in decode_settle_many(data)]


@dataclass(frozen=True, slots=True)
class Source:
    """The issuer's state of one source."""

    register_wh: int
    read_at: int
    config_hash: bytes
    max_watt: int
    seq: int = 0
    debt_wh: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What one settlement did."""

    source_ref: str
    from_wh: int
    to_wh: int
    minted_wh: int
    tx_hash: str
    parts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class State:
    """Everything the chain knows after a block. Never changed in place: a fork goes on from an older one."""

    sources: dict[str, Source] = field(default_factory=dict)
    nonces: dict[str, int] = field(default_factory=dict)
    settled: tuple[Settled, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    number: int
    hash: str
    parent: str
    at: int
    transactions: tuple[tuple[SignedTransaction, bool], ...]
    state: State


@dataclass
class SimulatedChain:
    """`finality` blocks behind the head are final."""

    issuer: str
    start_at: int
    guarded: bool = True
    finality: int = 6
    blocks: list[Block] = field(default_factory=list)
    pool: dict[str, SignedTransaction] = field(default_factory=dict)
    seen_raw: dict[str, bytes] = field(default_factory=dict)
    forks: int = 0

    def __post_init__(self) -> None:
        self.blocks.append(Block(0, "0x" + "00" * 32, "0x" + "ff" * 32, self.start_at, (), State()))

    @property
    def head(self) -> Block:
        return self.blocks[-1]

    @property
    def finalised(self) -> Block:
        return self.blocks[max(0, len(self.blocks) - 1 - self.finality)]

    def configure(self, source_ref: str, source: Source) -> None:
        """The registrar's or the corrector's work, which is final when this returns."""
        state = self.head.state
        self._append((), replace(state, sources={**state.sources, source_ref: source}))
        self.mine(self.finality, empty=True)

    def correct(self, source_ref: str, debt_wh: int) -> None:
        """Put a debt on a source."""
        old = self.head.state.sources[source_ref]
        self.configure(source_ref, replace(old, debt_wh=old.debt_wh + debt_wh))

    def take(self, raw: bytes) -> None:
        """Put a transaction into the pool. Raises ValueError with a node's words."""
        transaction = read_signed(raw)
        self.seen_raw[transaction.tx_hash] = raw
        if transaction.tx_hash in self.pool:
            raise ValueError("already known")
        if transaction.nonce < self.head.state.nonces.get(transaction.sender, 0):
            raise ValueError("nonce too low")
        for other in list(self.pool.values()):
            if (other.sender, other.nonce) == (transaction.sender, transaction.nonce):
                if transaction.max_fee_wei * 10 < other.max_fee_wei * 11:
                    raise ValueError("replacement transaction underpriced")
                del self.pool[other.tx_hash]
        self.pool[transaction.tx_hash] = transaction

    def mine(self, blocks: int = 1, *, empty: bool = False) -> None:
        for _ in range(blocks):
            state, included = self.head.state, []
            for transaction in () if empty else sorted(self.pool.values(), key=lambda one: (one.sender, one.nonce)):
                if transaction.nonce != state.nonces.get(transaction.sender, 0):
                    continue
                state, succeeded = self._execute(state, transaction)
                included.append((transaction, succeeded))
            for transaction, _ in included:
                del self.pool[transaction.tx_hash]
            for stale in [one for one in self.pool.values() if one.nonce < state.nonces.get(one.sender, 0)]:
                del self.pool[stale.tx_hash]
            self._append(tuple(included), state)

    def reorg(self, depth: int, *, forget: bool) -> None:
        """Give up the newest blocks above the finalised one and mine as many without them. `forget` drops their pool too."""
        depth = min(depth, len(self.blocks) - 1 - self.finalised.number)
        if depth <= 0:
            return
        dropped = self.blocks[-depth:]
        del self.blocks[-depth:]
        self.forks += 1
        if not forget:
            for block in dropped:
                self.pool.update({transaction.tx_hash: transaction for transaction, _ in block.transactions})
        self.mine(depth + 1, empty=True)

    def preview(self, call: bytes, sender_time: int | None = None) -> tuple[int, int, int, int, tuple[int, ...]]:
        """What `settle` with these arguments would do now. Raises Reverted."""
        source_id, evidence, config = decode_settle(call)
        source_ref = "0x" + source_id.hex()
        state, now = self.head.state, sender_time or self.head.at
        source = state.sources.get(source_ref)
        if source is None:
            raise Reverted("UnknownSource(bytes32)", source_id)
        to_wh, read_at = self._judge(source, evidence, config, now)
        from_wh, debt_wh = source.register_wh, source.debt_wh
        if not self.guarded:
            # What was settled before looks as it did then: the dry run protects nobody.
            from_wh = next(
                (one.from_wh for one in state.settled if (one.source_ref, one.to_wh) == (source_ref, to_wh)), from_wh
            )
        energy = to_wh - from_wh
        minted = energy - min(energy, debt_wh)
        return from_wh, to_wh, read_at, minted, config.split(minted)

    def _judge(self, source: Source, evidence: SettleEvidence, config: ShareConfig, now: int) -> tuple[int, int]:
        """Register and instant of the evidence. Raises Reverted as the issuer would."""
        _, reading = parse_leaf_input(evidence.leaf)
        to_wh, read_at = reading.registers[0], reading.slot * 900
        if not self.guarded:
            return to_wh, read_at
        if config.hash() != source.config_hash:
            raise Reverted("WrongConfig(bytes32,bytes32)", source.config_hash, config.hash())
        if not verify_p256(b"\x04" + config.key_x + config.key_y, evidence.statement, evidence.r + evidence.s):
            raise Reverted("BadSignature()")
        statement = parse_payload(decode(evidence.statement)[3])
        leaf_hash = merkle.leaf_hash(evidence.leaf)
        if not merkle.verify_inclusion(leaf_hash, evidence.leaf_index, statement.count, evidence.path, statement.root):
            raise Reverted("NotIncluded()")
        if read_at > now + 300:
            raise Reverted("FromTheFuture(uint256,uint256)", read_at, now)
        if read_at <= source.read_at or to_wh < source.register_wh:
            raise Reverted("Stale(uint40,uint64,uint40,uint64)", read_at, to_wh, source.read_at, source.register_wh)
        ceiling = source.max_watt * (read_at - source.read_at) // 3600 + 1
        if to_wh - source.register_wh > ceiling:
            raise Reverted("Implausible(uint64,uint256)", to_wh - source.register_wh, ceiling)
        return to_wh, read_at

    def _execute(self, state: State, transaction: SignedTransaction) -> tuple[State, bool]:
        """All that a transaction settles, or nothing of it."""
        nonces = {**state.nonces, transaction.sender: transaction.nonce + 1}
        done = replace(state, nonces=nonces)
        before = self.blocks
        try:
            for call in single_calls(transaction.data):
                self.blocks = [*before, replace(before[-1], state=done, at=before[-1].at + BLOCK_S)]
                done = self._settle(done, call, transaction.tx_hash)
        except Reverted:
            return replace(state, nonces=nonces), False
        finally:
            self.blocks = before
        return done, True

    def try_call(self, data: bytes) -> None:
        """What a transaction with this call would do now. Raises Reverted."""
        before, state = self.blocks, self.head.state
        try:
            for call in single_calls(data):
                state = self._settle(state, call, "0x")
                self.blocks = [*before, replace(before[-1], state=state)]
        finally:
            self.blocks = before

    def _settle(self, state: State, call: bytes, tx_hash: str) -> State:
        from_wh, to_wh, read_at, minted, parts = self.preview(call)
        source_id, _, config = decode_settle(call)
        source_ref = "0x" + source_id.hex()
        old = state.sources[source_ref]
        netted = to_wh - from_wh - minted
        source = replace(old, register_wh=to_wh, read_at=read_at, seq=old.seq + 1, debt_wh=max(0, old.debt_wh - netted))
        settled = Settled(source_ref, from_wh, to_wh, minted, tx_hash, tuple(zip(config.holders, parts, strict=True)))
        return State({**state.sources, source_ref: source}, state.nonces, (*state.settled, settled))

    def _append(self, transactions: tuple[tuple[SignedTransaction, bool], ...], state: State) -> None:
        parent = self.head
        names = "".join(transaction.tx_hash for transaction, _ in transactions)
        digest = hashlib.sha256(f"{parent.hash}{names}{self.forks}".encode()).hexdigest()
        block = Block(parent.number + 1, "0x" + digest, parent.hash, parent.at + BLOCK_S, transactions, state)
        self.blocks.append(block)

    # --- what tests ask

    def minted(self, state: State | None = None) -> int:
        """Base units in existence."""
        return sum(one.minted_wh for one in (state or self.head.state).settled) * BASE_UNITS_PER_WH

    def counts(self) -> Counter[tuple[str, int]]:
        """How often the energy up to a register value was minted on the canonical chain."""
        return Counter((one.source_ref, one.to_wh) for one in self.head.state.settled)

    def place_of(self, tx_hash: str) -> tuple[Block, SignedTransaction, bool] | None:
        """The canonical block of a transaction, and whether it succeeded."""
        for block in reversed(self.blocks):
            for transaction, succeeded in block.transactions:
                if transaction.tx_hash == tx_hash:
                    return block, transaction, succeeded
        return None
