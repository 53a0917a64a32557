"""Logs become rows; what is not of our contracts or kinds is passed over, what lies about its kind is refused."""

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from contracts import abi
from indexer.decode import BlockRows, Contracts, decode
from indexer.digest import START, digest_after
from indexer.distrust import NodeContradiction, RawLog
from tests.support.scripted_node import address_topic, word

TOKEN, ISSUER, ANNA = "0x" + "aa" * 20, "0x" + "bb" * 20, "0x" + "01" * 20
BOTH = Contracts(TOKEN, ISSUER)
SOURCE = "0x" + "cd" * 32


def topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


def log(address: str, topics: list[str], *words: int, index: int = 0) -> RawLog:
    data = "0x" + "".join(word(one) for one in words)
    return RawLog(7, "0x" + word(7), "0x" + word(70), index, address, tuple(topics), data)


MINT = log(TOKEN, [abi.TOPIC_TRANSFER, address_topic(abi.ZERO_ADDRESS), address_topic(ANNA)], 5)
SETTLED = log(ISSUER, [abi.TOPIC_SETTLED, SOURCE, "0x" + word(3)], 10, 30, 900, 20, 1, 0xEE, index=1)


def test_transfers_and_settlements_become_rows() -> None:
    rows = decode([MINT, SETTLED], BOTH)
    (transfer,), (settled,) = rows.transfers, rows.settled
    assert (transfer.recipient, transfer.amount, transfer.kind.value, transfer.block_number) == (ANNA, 5, "mint", 7)
    assert (settled.source_ref, settled.seq, settled.from_wh, settled.to_wh, settled.minted_wh) == (
        SOURCE,
        3,
        10,
        30,
        20,
    )
    assert (settled.mode, settled.evidence, settled.read_at.timestamp()) == ("DEVICE", "0x" + word(0xEE), 900)


OTHERS: list[tuple[RawLog, str, dict[str, Any]]] = [
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
def test_other_events_keep_their_fields(one: RawLog, name: str, fields: dict[str, Any]) -> None:
    (event,) = decode([one], BOTH).others
    assert (event.name, event.fields) == (name, fields)


def test_unknown_events_are_passed_over() -> None:
    approval = log(TOKEN, [topic("Approval(address,address,uint256)"), SOURCE, SOURCE], 1)
    anonymous = log(TOKEN, [])
    settled_by_the_token = replace(SETTLED, address=TOKEN)
    assert decode([approval, anonymous, settled_by_the_token], BOTH) == BlockRows()
    assert decode([SETTLED], Contracts(TOKEN, None)) == BlockRows()


@pytest.mark.parametrize(
    "broken",
    [
        replace(MINT, data="0x"),
        replace(MINT, topics=MINT.topics[:2]),
        replace(SETTLED, data=SETTLED.data + word(1)),
        log(TOKEN, [topic("RoleGranted(bytes32,address,address)")]),
        log(ISSUER, [topic("Paused(address)")]),
        log(ISSUER, [abi.TOPIC_SETTLED, SOURCE, "0x" + word(3)], 30, 10, 900, 20, 1, 0xEE),
    ],
)
def test_a_log_that_is_not_what_its_topic_says_is_refused(broken: RawLog) -> None:
    with pytest.raises(NodeContradiction, match="Block 7"):
        decode([broken], BOTH)


def test_the_digest_depends_on_every_row_and_their_order() -> None:
    one, two = decode([MINT], BOTH), decode([SETTLED], BOTH)
    assert digest_after(START, BlockRows()) == START
    assert digest_after(digest_after(START, one), two) != digest_after(digest_after(START, two), one)
    other = decode([replace(MINT, data="0x" + word(6))], BOTH)
    assert digest_after(START, one) == digest_after(START, one) != digest_after(START, other)
