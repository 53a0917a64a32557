"""After a restore from an old backup: the books get back what the chain and the signer prove, and nothing is minted twice.

Transactions come from the signer's journal (`python -m signer signed`) and, of those that are mined, from the chain.
Their call data hold the device's statement, so also readings that the backup lacks come back with their evidence.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from community.chain.signed_transactions import MalformedTransaction, SignedTransaction, read_signed, signed_bytes
from community.chain.transactions import Attempt, AttemptState, ChainTransaction, Fees
from community.clients.evm import EvmNode, NodeRefused, quantity
from community.errors import FatalError
from community.ids import named_id
from community.minting.corrections import net_of_debt
from community.minting.issuances import Issuance
from community.store.recovery import NotRecovered, continue_nonces_after, put_back
from community.store.supplements import issuances_of_supplements, link_supplement
from community.store.unit_of_work import Store, Work
from community.units import WattHours
from contracts.abi import (
    SELECTOR_SETTLE,
    SELECTOR_SETTLE_ATTESTED,
    SELECTOR_SETTLE_MANY,
    TOPIC_SETTLED,
    SettledLog,
    decode_settled,
    decode_source,
    encode_source,
)
from settlement.recovered_issuance import NO_DEBT, Part, Proven, parts_of, rebuild, supplement_in
from settlement.terms import SettlementTerms

SETTLING = frozenset({SELECTOR_SETTLE, SELECTOR_SETTLE_MANY, SELECTOR_SETTLE_ATTESTED})
LOG_RANGE = 5_000
"""Blocks asked for at once; halved where the node refuses."""


@dataclass
class Recovery:
    """What recovery found, for the person who ran it."""

    put_back: list[str] = field(default_factory=list)
    known: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mined:
    """A Settled event with the transaction it is in."""

    event: SettledLog
    block: int
    tx_hash: str


@dataclass
class Debts:
    """What each source owes on chain, less what the settlements under way will net of it."""

    terms: SettlementTerms
    node: EvmNode
    left_wh: dict[bytes, WattHours] = field(default_factory=dict)

    async def of(self, source_id: bytes) -> WattHours:
        """The debt that the next settlement of a source will meet. Raises RetryableError if the node is away."""
        if source_id not in self.left_wh:
            state = decode_source(await self.node.eth_call(self.terms.issuer, encode_source(source_id)))
            self.left_wh[source_id] = WattHours(state.debt_wh)
        return self.left_wh[source_id]

    def net(self, source_id: bytes, energy_wh: WattHours) -> None:
        """Take off what one settlement nets."""
        self.left_wh[source_id] = net_of_debt(energy_wh, self.left_wh[source_id]).debt_left_wh


async def recover(
    terms: SettlementTerms, node: EvmNode, store: Store, signed: Sequence[bytes], from_block: int, now: datetime
) -> Recovery:
    """Put back every issuance that is proven and missing, in the order of the nonces. Safe to repeat.

    `signed` are the transactions of the signer's journal. Raises RetryableError if the node is away.
    """
    mined: dict[str, list[Mined]] = {}
    for settled in await _settled(terms, node, from_block):
        mined.setdefault(settled.tx_hash, []).append(settled)
    sent = _own(terms, signed)
    known_hashes = {one.tx_hash for attempts in sent.values() for one, _ in attempts}
    found, debts = Recovery(), Debts(terms, node)
    for tx_hash in mined.keys() - known_hashes:
        await _from_chain(terms, node, tx_hash, sent, found)
    for (account, nonce), attempts in sorted(sent.items()):
        events = next((mined[one.tx_hash] for one, _ in attempts if one.tx_hash in mined), [])
        try:
            parts = parts_of(attempts[0][0].data)
            owed = [NO_DEBT if events else await debts.of(part.source_id) for part in parts]
            async with store.begin() as work:
                back = [
                    await rebuild(work, terms, Proven(part, _event_of(part, events), debt), _where(events), now)
                    for part, debt in zip(parts, owed, strict=True)
                ]
                if await put_back(work, back, _transaction(back, attempts, now), now):
                    found.put_back += [f"{one.id}: {one.from_wh} to {one.to_wh} Wh, nonce {nonce}" for one in back]
                    await _link_supplements(work, parts, back)
                else:
                    found.known += len(back)
                await continue_nonces_after(work, terms.chain_id, account, nonce)
            if not events:
                for part, one in zip(parts, back, strict=True):
                    debts.net(part.source_id, WattHours(one.to_wh - one.from_wh))
        except NotRecovered as error:
            found.problems.append(f"nonce {nonce} of {account}: {error}")
    return found


async def _link_supplements(work: Work, parts: Sequence[Part], back: Sequence[Issuance]) -> None:
    linked = set((await issuances_of_supplements(work)).values())
    for part, one in zip(parts, back, strict=True):
        correction_id = await supplement_in(work, part)
        if correction_id is not None and one.id not in linked:
            await link_supplement(work, one.id, correction_id)


def _event_of(part: Part, events: Sequence[Mined]) -> SettledLog | None:
    """The event that one part of a call made: a call settles each source once."""
    ref = "0x" + part.source_id.hex()
    return next((one.event for one in events if one.event.source_id == ref), None)


def parse_signed(text: str) -> list[bytes]:
    """The transactions in the signer's list (JSON lines with `raw`). Raises FatalError."""
    try:
        return [bytes.fromhex(json.loads(line)["raw"]) for line in text.splitlines() if line.strip()]
    except (ValueError, KeyError, TypeError) as error:
        raise FatalError(
            f"The list of signed transactions cannot be read ({error!r}). Make it with `python -m signer signed`."
        ) from error


Sent = dict[tuple[str, int], list[tuple[SignedTransaction, bytes]]]


def _own(terms: SettlementTerms, signed: Iterable[bytes]) -> Sent:
    """The settlements of this issuer by (account, nonce), each with its attempts, lowest fees first."""
    sent: Sent = {}
    for raw in signed:
        try:
            one = read_signed(raw)
        except MalformedTransaction as error:
            raise FatalError(f"The list of signed transactions holds something else: {error}.") from error
        if one.chain_id == terms.chain_id and one.to == terms.issuer and one.data[:4] in SETTLING:
            sent.setdefault((one.sender, one.nonce), []).append((one, raw))
    for attempts in sent.values():
        attempts.sort(key=lambda attempt: attempt[0].max_fee_wei)
    return sent


async def _from_chain(terms: SettlementTerms, node: EvmNode, tx_hash: str, sent: Sent, found: Recovery) -> None:
    """Add a mined settlement that the signer's list lacks, from the node's own account of it."""
    shown = await node.transaction(tx_hash)
    try:
        raw = signed_bytes(shown or {})
    except MalformedTransaction as error:
        found.problems.append(f"transaction {tx_hash} settled on chain, but {error}")
        return
    added = _own(terms, [raw])
    if not added:
        found.problems.append(f"transaction {tx_hash} settled by a call that no settler makes: enter it by hand")
    for key, attempts in added.items():
        sent.setdefault(key, []).extend(attempts)


async def _settled(terms: SettlementTerms, node: EvmNode, from_block: int) -> list[Mined]:
    """Every Settled event of the issuer from `from_block` on."""
    head, first, size = await node.block_number(), from_block, LOG_RANGE
    logs: list[dict[str, Any]] = []
    while first <= head:
        last = min(first + size - 1, head)
        try:
            logs += await node.logs(from_block=first, to_block=last, addresses=[terms.issuer], topics=[TOPIC_SETTLED])
        except NodeRefused:
            if size == 1:
                raise
            size //= 2
            continue
        first = last + 1
    return [_mined(log) for log in logs]


def _mined(log: Mapping[str, Any]) -> Mined:
    try:
        event = decode_settled(log["topics"], log["data"])
    except (ValueError, KeyError) as error:
        raise FatalError(f"A Settled log of the issuer cannot be read: {error}") from error
    return Mined(event, quantity(log.get("blockNumber")), str(log.get("transactionHash")).lower())


def _where(events: Sequence[Mined]) -> tuple[int, str] | None:
    return (events[0].block, events[0].tx_hash) if events else None


def _transaction(
    carried: Sequence[Issuance], attempts: Sequence[tuple[SignedTransaction, bytes]], now: datetime
) -> ChainTransaction:
    first = attempts[0][0]
    if any(one.data != first.data for one, _ in attempts):
        raise NotRecovered(f"Two different calls are signed under nonce {first.nonce}: look into the signer's audit.")
    return ChainTransaction(
        id=named_id("tx", first.chain_id, first.sender, first.nonce, carried[0].id, "recovered"),
        issuance_id=carried[0].id,
        chain_id=first.chain_id,
        account=first.sender,
        nonce=first.nonce,
        to=first.to,
        calldata=first.data,
        gas_limit=first.gas_limit,
        attempts=tuple(
            Attempt(number, Fees(one.max_fee_wei, one.tip_wei), AttemptState.SIGNED, now, raw, one.tx_hash)
            for number, (one, raw) in enumerate(attempts, 1)
        ),
        also=tuple(one.id for one in carried[1:]),
    )


def lines_of(found: Recovery) -> list[str]:
    """What was done, for a person."""
    return [
        *(f"put back {line}" for line in found.put_back),
        *(f"PROBLEM {line}" for line in found.problems),
        f"{len(found.put_back)} put back, {found.known} known before, {len(found.problems)} problems",
    ]
