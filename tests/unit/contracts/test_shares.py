"""Calls and logs of the share tokens: what Python writes and reads is what the compiled contracts declare."""

from collections.abc import Callable, Sequence

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts import abi, share_logs, shares
from tests.unit.contracts.test_artifacts import signature

SOURCE = bytes(range(32))
ALICE, BOB = "0x" + "a1" * 20, "0x" + "b0" * 20
KEY = (b"\x01" * 32, b"\x02" * 32)
WORDS = st.binary(min_size=32, max_size=32)
ADDRESSES = st.binary(min_size=20, max_size=20)


def padded(raw: bytes) -> str:
    return "0x" + raw.rjust(32, b"\0").hex()


def test_calls_and_topics_are_the_artifacts() -> None:
    entries = [entry for name in ("EnergyShares", "EnergyIssuer") for entry in abi.load(name).abi]
    selectors = {keccak(text=signature(entry))[:4] for entry in entries if entry["type"] == "function"}
    topics = {"0x" + keccak(text=signature(entry)).hex() for entry in entries if entry["type"] == "event"}
    config = shares.share_config(*KEY, {ALICE: 1})
    calls = (
        shares.encode_create(SOURCE, 100, ALICE),
        shares.encode_safe_transfer(ALICE, BOB, SOURCE, 1),
        shares.encode_safe_batch_transfer(ALICE, BOB, [(SOURCE, 1)]),
        shares.encode_share_balance(ALICE, SOURCE),
        shares.encode_supply_of(SOURCE),
        shares.encode_shares_at(SOURCE, ALICE, 900),
        shares.encode_next_change(SOURCE, 900),
        shares.encode_shares(),
        shares.encode_follow_shares(SOURCE, config),
        shares.encode_bridge_shares(SOURCE, 900, bytes(32)),
        shares.encode_following(SOURCE),
    )
    assert {call[:4] for call in calls} <= selectors
    assert {
        share_logs.TOPIC_TRANSFER_SINGLE,
        share_logs.TOPIC_TRANSFER_BATCH,
        share_logs.TOPIC_SHARES_CREATED,
        share_logs.TOPIC_SHARES_BRIDGED,
    } <= topics


def test_there_is_one_table_for_the_shares() -> None:
    config = shares.share_config(*KEY, {BOB.upper().replace("0X", "0x"): 2, ALICE: 1, "0x" + "cc" * 20: 0})
    assert (config.holders, config.weights) == ((ALICE, BOB), (1, 2))
    assert config == shares.share_config(*KEY, {ALICE: 1, BOB: 2})


@pytest.mark.parametrize("period_s", [0, -900, 901, 32 * 86_400])
def test_no_period(period_s: int) -> None:
    with pytest.raises(ValueError, match="multiple of 900 s"):
        shares.encode_deploy_shares("", period_s, ALICE, 0)


def test_deployment_carries_the_arguments() -> None:
    code = shares.encode_deploy_shares("https://example.org/{id}", 900, ALICE, 86_400)
    arguments = encode(["string", "uint48", "uint48", "address"], ["https://example.org/{id}", 900, 86_400, ALICE])
    assert code == abi.load("EnergyShares").bytecode + arguments


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: shares.encode_create(SOURCE, 0, ALICE), "shares"),
        (lambda: shares.encode_create(SOURCE, 2**64, ALICE), "shares"),
        (lambda: shares.encode_create(b"", 1, ALICE), "32 bytes"),
        (lambda: shares.encode_safe_transfer(ALICE, "Bob", SOURCE, 1), "not an address"),
        (lambda: shares.encode_safe_batch_transfer(ALICE, BOB, [(SOURCE, -1)]), "count"),
        (lambda: shares.encode_next_change(SOURCE, 2**48), "instant"),
        (lambda: shares.encode_bridge_shares(SOURCE, 2**40, bytes(32)), "until"),
        (lambda: shares.encode_bridge_shares(SOURCE, 1, bytes(31)), "evidence"),
    ],
)
def test_calls_say_what_is_wrong(call: Callable[[], bytes], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_following_is_read_strictly() -> None:
    answer = encode(["bool", "uint40", "uint40"], [True, 900, 1800])
    assert shares.decode_following(answer) == shares.FollowingState(True, 900, 1800)
    with pytest.raises(ValueError, match="following state"):
        shares.decode_following(answer + b"\0")


@given(ADDRESSES, ADDRESSES, ADDRESSES, st.lists(st.tuples(WORDS, st.integers(0, 2**64 - 1)), max_size=5))
def test_transfers(operator: bytes, sender: bytes, recipient: bytes, moved: list[tuple[bytes, int]]) -> None:
    others = [padded(operator), padded(sender), padded(recipient)]
    expected = tuple(("0x" + source.hex(), count) for source, count in moved)
    ids, counts = [int.from_bytes(source, "big") for source, _ in moved], [count for _, count in moved]
    data = "0x" + encode(["uint256[]", "uint256[]"], [ids, counts]).hex()
    decoded = share_logs.decode_share_transfer([share_logs.TOPIC_TRANSFER_BATCH, *others], data)
    parties = ("0x" + operator.hex(), "0x" + sender.hex(), "0x" + recipient.hex())
    assert decoded == share_logs.ShareTransferLog(*parties, expected)
    for source, count in moved:
        single = "0x" + encode(["bytes32", "uint256"], [source, count]).hex()
        decoded = share_logs.decode_share_transfer([share_logs.TOPIC_TRANSFER_SINGLE, *others], single)
        assert decoded == share_logs.ShareTransferLog(*parties, (("0x" + source.hex(), count),))


def test_created_and_bridged() -> None:
    source = "0x" + SOURCE.hex()
    data = "0x" + encode(["uint64"], [100]).hex()
    topics = [share_logs.TOPIC_SHARES_CREATED, source, padded(bytes.fromhex(ALICE[2:]))]
    assert share_logs.decode_shares_created(topics, data) == share_logs.SharesCreatedLog(source, ALICE, 100)
    data = "0x" + encode(["uint40", "uint40", "bytes32"], [900, 1800, SOURCE]).hex()
    decoded = share_logs.decode_shares_bridged([share_logs.TOPIC_SHARES_BRIDGED, source], data)
    assert decoded == share_logs.SharesBridgedLog(source, 900, 1800, source)


TWO = encode(["uint256[]", "uint256[]"], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("decoder", "topics", "data"),
    [
        (share_logs.decode_share_transfer, [], TWO),
        (share_logs.decode_share_transfer, [share_logs.TOPIC_TRANSFER_BATCH], TWO),
        (share_logs.decode_share_transfer, [share_logs.TOPIC_TRANSFER_BATCH, *["0x" + "00" * 32] * 3], b""),
        (share_logs.decode_share_transfer, [share_logs.TOPIC_TRANSFER_BATCH, *["0x" + "00" * 32] * 3], TWO[:-32]),
        (share_logs.decode_share_transfer, [share_logs.TOPIC_TRANSFER_BATCH, *["0x" + "00" * 32] * 3], TWO + bytes(64)),
        (
            share_logs.decode_share_transfer,
            [share_logs.TOPIC_TRANSFER_BATCH, *["0x" + "00" * 32] * 3],
            encode(["uint256[]", "uint256[]"], [[1, 2, 3], [3]]),
        ),
        (
            share_logs.decode_share_transfer,
            [share_logs.TOPIC_TRANSFER_SINGLE, *["0x" + "00" * 32] * 3],
            encode(["uint256", "uint256"], [1, 2**64]),
        ),
        (share_logs.decode_share_transfer, [share_logs.TOPIC_TRANSFER_SINGLE, *["0x" + "ff" * 32] * 3], bytes(64)),
        (share_logs.decode_shares_created, [share_logs.TOPIC_SHARES_CREATED, "0x" + "00" * 32], bytes(32)),
        (share_logs.decode_shares_bridged, [share_logs.TOPIC_SHARES_BRIDGED, "0x" + "00" * 32], b"\xff" * 96),
    ],
)
def test_logs_of_another_form_are_refused(
    decoder: Callable[[Sequence[str], str], object], topics: list[str], data: bytes
) -> None:
    with pytest.raises(ValueError, match=r"log|word|address"):
        decoder(topics, "0x" + data.hex())
