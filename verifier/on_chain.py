"""The bundle against a node: every event and every mint it tells of, and nothing of the source that it does not tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from community.chain.signed_transactions import MalformedTransaction, signed_bytes
from community.evidence.bundle_lines import Bundle
from community.evidence.records import Configured, Debt, Mint, Sent, Settled
from contracts import abi
from verifier.findings import Check
from verifier.node import Node, NodeTrouble
from verifier.statements import instant, octets

_MODES = {abi.MODE_DEVICE: "DEVICE", abi.MODE_ATTESTED: "ATTESTED"}
_TOPICS = [abi.TOPIC_SETTLED, abi.TOPIC_CORRECTED, abi.TOPIC_SOURCE_CONFIGURED]


@dataclass(slots=True)
class Told:
    """What the issuer told of one source up to the block of the bundle, in the chain's order."""

    settled: dict[tuple[int, int], Settled] = field(default_factory=dict)
    configured: list[Configured] = field(default_factory=list)
    debts: list[Debt] = field(default_factory=list)


def check_on_chain(bundle: Bundle, node: Node, ask_from: int = 0) -> list[Check]:
    """Compare with what `node` knows, logs from block `ask_from` on. Trouble with the node is what was not checked."""
    checks = [
        Check("the node follows the same chain, and has the block up to which the bundle tells"),
        Check("the node has every event of the source that the bundle has, and no other"),
        Check("the node has every mint that the bundle has, and no other, in the transaction of each settlement"),
        Check("the node's transactions are those of the bundle"),
        Check("all that was ever settled of the source is its register's way less its debts"),
    ]
    try:
        if not _same_chain(bundle, node, checks[0]):
            return checks[:1]
        told = _told(bundle, node, ask_from)
        _compare_events(bundle, told, checks[1])
        for settled in [one.settled for one in bundle.settlements if one.settled]:
            _compare_mints(bundle, settled, node, checks[2])
        for sent in [one.sent for one in bundle.settlements if one.sent and one.settled]:
            _compare_transaction(sent, node, checks[3])
        _replay(told, checks[4])
    except NodeTrouble as trouble:
        for check in checks:
            if not check.count:
                check.unchecked.append(str(trouble))
    return checks


def _same_chain(bundle: Bundle, node: Node, check: Check) -> bool:
    head = bundle.head
    chain = node.number("eth_chainId")
    check.count += 1
    if not check.expect(chain == head.chain_id, f"the node follows chain {chain}, the bundle is of {head.chain_id}"):
        return False
    block, final = node.block(hex(head.finalised_block)), node.block("finalized")
    reached = -1 if final is None else int(final["number"], 16)
    if reached < head.finalised_block:
        check.problems.append(f"the bundle calls block {head.finalised_block} final, the node {reached}")
        return False
    found = "nothing" if block is None else str(block["hash"]).lower()
    check.expect(found == head.finalised_hash, f"block {head.finalised_block} is {found} at the node")
    for issuer in _issuers(bundle):
        token = node.ask("eth_call", {"to": issuer, "data": "0x" + abi.encode_token().hex()}, "latest")
        same = head.token is not None and octets(str(token))[-20:] == octets(head.token)
        check.expect(same, f"the issuer {issuer} mints another token than {head.token}")
    return True


def _issuers(bundle: Bundle) -> set[str]:
    booked = {one.decision.issuer for one in bundle.settlements if one.decision}
    return booked | {one.settled.issuer for one in bundle.settlements if one.settled}


def _told(bundle: Bundle, node: Node, ask_from: int) -> Told:
    told, head = Told(), bundle.head
    for issuer in sorted(_issuers(bundle)):
        for log in node.logs(issuer, [_TOPICS, head.source_ref], ask_from, head.finalised_block):
            try:
                _take(told, issuer, log)
            except (KeyError, TypeError, ValueError) as error:
                raise NodeTrouble(f"The node shows a log that is none of the issuer's: {error}") from error
    return told


def _take(told: Told, issuer: str, log: Mapping[str, Any]) -> None:
    topics, data, tx_hash = log["topics"], log["data"], str(log["transactionHash"]).lower()
    place = int(log["blockNumber"], 16), int(log["logIndex"], 16)
    match topics[0]:
        case abi.TOPIC_SETTLED:
            one = abi.decode_settled(topics, data)
            told.settled[place] = Settled(
                place[0], str(log["blockHash"]).lower(), place[1], tx_hash, issuer, one.seq, one.from_wh, one.to_wh,
                one.read_at, one.minted_wh, _MODES.get(one.mode, str(one.mode)), one.evidence, (),
            )  # fmt: skip
        case abi.TOPIC_CORRECTED:
            corrected = abi.decode_corrected(topics, data)
            told.debts.append(Debt(*place, tx_hash, corrected.debt_wh, corrected.evidence))
        case _:
            new = abi.decode_source_configured(topics, data)
            told.configured.append(
                Configured(
                    *place, tx_hash, new.config_hash, new.device_id[2:], new.profile, new.channel, new.max_watt,
                    new.closing_wh, new.opening_wh, new.read_at,
                )
            )  # fmt: skip


def _compare_events(bundle: Bundle, told: Told, check: Check) -> None:
    for settled in [one.settled for one in bundle.settlements if one.settled]:
        check.count += 1
        found = told.settled.get((settled.block_number, settled.log_index))
        bare = Settled(**{name: getattr(settled, name) for name in Settled.__struct_fields__} | {"mints": ()})
        check.expect(
            found == bare or settled.block_number > bundle.head.finalised_block,
            f"settlement {settled.seq} of block {settled.block_number}: the node has {found or 'no such event'}",
        )
    if bundle.head.subject == "source":
        since, until = (instant(text).timestamp() for text in (bundle.head.since, bundle.head.until))
        known = {(one.settled.block_number, one.settled.log_index) for one in bundle.settlements if one.settled}
        for place, event in told.settled.items():
            hidden = since < event.read_at <= until and place not in known
            check.expect(not hidden, f"the chain has settlement {event.seq} of block {place[0]}, the bundle has not")
    upto = bundle.head.finalised_block
    for name, ours, theirs in (
        ("configurations", bundle.configured, told.configured),
        ("debts", bundle.debts, told.debts),
    ):
        check.count += len(ours)
        final = [one for one in ours if one.block_number <= upto]
        check.expect(
            final == theirs, f"the chain has other {name} of the source: {len(theirs)} instead of {len(final)}"
        )


def _compare_mints(bundle: Bundle, settled: Settled, node: Node, check: Check) -> None:
    """The mints between this settlement and the next one of its transaction."""
    check.count += 1
    receipt = node.ask("eth_getTransactionReceipt", settled.tx_hash)
    name = f"settlement {settled.seq}, transaction {settled.tx_hash}"
    if not isinstance(receipt, dict):
        check.problems.append(f"{name}: the node does not know it")
        return
    place = int(receipt["blockNumber"], 16), str(receipt["blockHash"]).lower(), int(receipt["status"], 16)
    check.expect(
        place == (settled.block_number, settled.block_hash, 1), f"{name}: the node has it at {place}"
    )  # fmt: skip
    found: list[Mint] = []
    for log in receipt["logs"]:
        index = int(log["logIndex"], 16)
        if index <= settled.log_index:
            continue
        if log["topics"][:1] == [abi.TOPIC_SETTLED]:
            break
        if log["topics"][:1] == [abi.TOPIC_TRANSFER] and str(log["address"]).lower() == bundle.head.token:
            moved = abi.decode_transfer(log["topics"], log["data"])
            if moved.sender == abi.ZERO_ADDRESS:
                found.append(Mint(index, moved.recipient, str(moved.amount)))
    told = [(mint.log_index, mint.recipient, mint.amount) for mint in settled.mints]
    mints = [(mint.log_index, mint.recipient, mint.amount) for mint in found]
    check.expect(mints == told, f"{name}: the node has {len(mints)} mints, not the {len(told)} of the bundle")


def _compare_transaction(sent: Sent, node: Node, check: Check) -> None:
    check.count += 1
    shown = node.ask("eth_getTransactionByHash", sent.tx_hash)
    if not isinstance(shown, dict):
        check.problems.append(f"transaction {sent.tx_hash}: the node does not know it")
        return
    try:
        raw = signed_bytes(shown)
    except MalformedTransaction as error:
        check.unchecked.append(f"transaction {sent.tx_hash}: {error}")
        return
    same = str(shown["input"]).lower() == "0x" + sent.calldata and str(shown["to"]).lower() == sent.to
    check.expect(same, f"transaction {sent.tx_hash}: the node shows another call")
    check.expect(sent.raw in (None, raw.hex()), f"transaction {sent.tx_hash}: the node shows other bytes")


def _replay(told: Told, check: Check) -> None:
    """Every settlement of the source since its first, the debts netted in between."""
    owed, register = 0, None
    events: list[Configured | Debt | Settled] = [*told.configured, *told.debts, *told.settled.values()]
    for event in sorted(events, key=lambda one: (one.block_number, one.log_index)):
        check.count += 1
        match event:
            case Configured():
                register = event.opening_wh
            case Debt():
                owed += event.energy_wh
            case Settled():
                energy = event.to_wh - event.from_wh
                begins = register is None or event.from_wh == register
                check.expect(begins, f"settlement {event.seq} begins at {event.from_wh} Wh, not at {register} Wh")
                netted = min(owed, energy)
                minted = event.minted_wh == energy - netted
                check.expect(
                    minted, f"settlement {event.seq} minted {event.minted_wh} Wh of {energy} Wh, {netted} Wh owed"
                )
                owed, register = owed - netted, event.to_wh
