"""Logs become rows; what is not of our contracts or kinds is passed over, what lies about its kind is refused."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from eth_utils.crypto import keccak

from community.chain.blocks import BLOOM_SIZE, BlockHeader, BlockRef
from community.tokens.transfers import Transfer, transfer_lines
from contracts import abi
from indexer.decode import BlockRows, Contracts, decode
from indexer.digest import START, digest_after
from indexer.distrust import CheckedLogs, Completeness, NodeContradiction
from indexer.wire import WireLog
from tests.support.scripted_node import address_topic, word

TOKEN, ISSUER, ANNA = "0x" + "aa" * 20, "0x" + "bb" * 20, "0x" + "01" * 20
BOTH = Contracts(TOKEN, ISSUER)
SOURCE = "0x" + "cd" * 32


def topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


HEADER = BlockHeader(BlockRef(7, "0x" + word(7)), "0x" + word(6), datetime(2026, 1, 1, tzinfo=UTC), bytes(BLOOM_SIZE))


def log(address: str, topics: list[str], *words: int, index: int = 0) -> WireLog:
    data = "0x" + "".join(word(one) for one in words)
    return WireLog(address, tuple(topics), data, "0x7", "0x" + word(7), "0x" + word(70), hex(index))


def decoded(logs: list[WireLog], contracts: Contracts = BOTH) -> BlockRows:
    """The rows of logs that passed the checks."""
    return decode(HEADER, CheckedLogs(logs, [int(one.log_index, 16) for one in logs], Completeness.CERTAIN), contracts)


def changed(one: WireLog, **changes: Any) -> WireLog:
    return msgspec.structs.replace(one, **changes)


def digest(previous: str, rows: BlockRows) -> str:
    return digest_after(previous, transfer_lines(1, rows.transfers), rows)


MINT = log(TOKEN, [abi.TOPIC_TRANSFER, address_topic(abi.ZERO_ADDRESS), address_topic(ANNA)], 5)
SETTLED = log(ISSUER, [abi.TOPIC_SETTLED, SOURCE, "0x" + word(3)], 10, 30, 900, 20, 1, 0xEE, index=1)


def test_transfers_and_settlements_become_rows() -> None:
    rows = decoded([MINT, SETTLED])
    transfer, (settled,) = Transfer(*rows.transfers[0]), rows.settled
    assert (transfer.recipient, transfer.amount, transfer.kind.value, transfer.block_number) == (ANNA, 5, "mint", 7)
    assert (settled.source_ref, settled.seq, settled.from_wh, settled.to_wh, settled.minted_wh) == (
        SOURCE,
        3,
        10,
        30,
        20,
    )
    assert (settled.mode, settled.evidence, settled.read_at.timestamp()) == ("DEVICE", "0x" + word(0xEE), 900)


OTHERS: list[tuple[WireLog, str, dict[str, Any]]] = [
    (log(ISSUER, [abi.TOPIC_CORRECTED, SOURCE], 12, 9), "Corrected", {"debt_wh": 12, "evidence": "0x" + word(9)}),
    (log(ISSUER, [abi.TOPIC_SOURCE_ACTIVE, SOURCE], 1), "SourceActive", {"active": True}),
    (log(ISSUER, [topic("Paused(address)")], 1), "Paused", {"account": "0x" + "0" * 39 + "1"}),
    (
        log(TOKEN, [topic("RoleGranted(bytes32,address,address)"), SOURCE, address_topic(ANNA), address_topic(ANNA)]),
        "RoleGranted",
        {"role": SOURCE, "account": ANNA, "sender": ANNA},
    ),
    (
        log(TOKEN, [abi.TOPIC_RETIRED, address_topic(ANNA)], 2**255, 64, 0),
        "Retired",
        {"holder": ANNA, "amount": str(2**255), "reason": ""},
    ),
]


@pytest.mark.parametrize(("one", "name", "fields"), OTHERS)
def test_other_events_keep_their_fields(one: WireLog, name: str, fields: dict[str, Any]) -> None:
    (event,) = decoded([one]).others
    assert (event.name, event.fields) == (name, fields)


def test_unknown_events_are_passed_over() -> None:
    approval = log(TOKEN, [topic("Approval(address,address,uint256)"), SOURCE, SOURCE], 1)
    anonymous = log(TOKEN, [])
    settled_by_the_token = changed(SETTLED, address=TOKEN)
    nothing = BlockRows([], [], [], [])
    assert decoded([approval, anonymous, settled_by_the_token]) == nothing
    assert decoded([SETTLED], Contracts(TOKEN, None)) == nothing


@pytest.mark.parametrize(
    "broken",
    [
        changed(MINT, data="0x"),
        changed(MINT, topics=MINT.topics[:2]),
        changed(SETTLED, data=SETTLED.data + word(1)),
        log(TOKEN, [topic("RoleGranted(bytes32,address,address)")]),
        log(ISSUER, [topic("Paused(address)")]),
        log(ISSUER, [abi.TOPIC_SETTLED, SOURCE, "0x" + word(3)], 30, 10, 900, 20, 1, 0xEE),
    ],
)
def test_a_log_that_is_not_what_its_topic_says_is_refused(broken: WireLog) -> None:
    with pytest.raises(NodeContradiction, match="Block 7"):
        decoded([broken])


def test_the_digest_depends_on_every_row_and_their_order() -> None:
    one, two = decoded([MINT]), decoded([SETTLED])
    assert digest(START, BlockRows()) == START
    assert digest(digest(START, one), two) != digest(digest(START, two), one)
    other = decoded([changed(MINT, data="0x" + word(6))])
    assert digest(START, one) == digest(START, one) != digest(START, other)
