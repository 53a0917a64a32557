"""Reading signed transactions, against vectors on which two libraries agree."""

import pytest

from community.chain.signed_transactions import MalformedTransaction, read_signed
from community.chain.transactions import Attempt, AttemptState, Fees
from tests.support.golden import golden_cases
from tests.support.sending_device import NOON

CASES = golden_cases("hd", "tx1559.json")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"][:12])
def test_the_vectors(case: dict) -> None:
    raw, sent = bytes.fromhex(case["raw"][2:]), case["tx"]
    read = read_signed(raw)
    assert read.sender == case["sender"].lower()
    assert read.tx_hash == case["hash"]
    assert (read.chain_id, read.nonce, read.gas_limit) == (sent["chainId"], sent["nonce"], sent["gas"])
    assert (read.tip_wei, read.max_fee_wei) == (int(sent["maxPriorityFeePerGas"]), int(sent["maxFeePerGas"]))
    assert (read.to, read.value) == ((sent["to"] or "0x").lower(), int(sent["value"]))
    assert read.data.hex() == sent["data"].removeprefix("0x")


def test_broken_bytes_are_refused() -> None:
    raw = bytes.fromhex(CASES[0]["raw"][2:])
    for broken in (b"", raw[1:], raw[:-1], raw + b"\0", b"\x01" + raw[1:], b"\x02\xc0", b"\x02\x80"):
        with pytest.raises(MalformedTransaction):
            read_signed(broken)


def test_a_changed_transaction_has_another_sender() -> None:
    raw = bytearray.fromhex(CASES[0]["raw"][2:])
    raw[5] ^= 1
    try:
        assert read_signed(bytes(raw)).sender != CASES[0]["sender"].lower()
    except MalformedTransaction:
        pass


def test_fees_rise_by_a_quarter_until_the_ceiling() -> None:
    assert Fees(100, 10).raised(125) == Fees(125, 13)
    assert Fees(100, 10).raised(124) is None
    for wrong in ((0, 0), (10, 0), (10, 11), (1 << 128, 1)):
        with pytest.raises(ValueError, match="does not fit"):
            Fees(*wrong)


def test_an_attempt_has_bytes_exactly_when_it_is_signed() -> None:
    Attempt(1, Fees(2, 1), AttemptState.REQUESTED, NOON)
    Attempt(1, Fees(2, 1), AttemptState.SIGNED, NOON, b"\2", "0x01")
    for state, raw, tx_hash in (
        (AttemptState.SIGNED, None, None),
        (AttemptState.REQUESTED, b"\2", "0x01"),
        (AttemptState.SIGNED, b"\2", None),
    ):
        with pytest.raises(ValueError, match="exactly when it is signed"):
            Attempt(1, Fees(2, 1), state, NOON, raw, tx_hash)
