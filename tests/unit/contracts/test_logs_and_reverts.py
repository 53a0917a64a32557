"""Logs cut by hand equal what a general decoder reads; refusals become sentences."""

from collections.abc import Callable, Sequence

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts import abi

WORDS = st.binary(min_size=32, max_size=32)
ADDRESSES = st.binary(min_size=20, max_size=20)


def word(value: int) -> str:
    return "0x" + value.to_bytes(32, "big").hex()


def padded(raw: bytes) -> str:
    return "0x" + raw.rjust(32, b"\0").hex()


def data_of(types: Sequence[str], values: Sequence[object]) -> str:
    return "0x" + encode(types, values).hex()


@given(ADDRESSES, ADDRESSES, st.integers(0, 2**256 - 1))
def test_transfer(sender: bytes, recipient: bytes, amount: int) -> None:
    topics = [abi.TOPIC_TRANSFER, padded(sender), padded(recipient).upper().replace("0X", "0x")]
    decoded = abi.decode_transfer(topics, word(amount))
    assert decoded == abi.TransferLog("0x" + sender.hex(), "0x" + recipient.hex(), amount)


@given(WORDS, st.integers(0, 2**32 - 1), st.tuples(*[st.integers(0, 2**40 - 1)] * 4), st.integers(0, 255), WORDS)
def test_settled(source: bytes, seq: int, numbers: tuple[int, int, int, int], mode: int, seen: bytes) -> None:
    types = ["uint64", "uint64", "uint40", "uint64", "uint8", "bytes32"]
    data = data_of(types, [*numbers, mode, seen])
    decoded = abi.decode_settled([abi.TOPIC_SETTLED, "0x" + source.hex(), word(seq)], data)
    assert decoded == abi.SettledLog("0x" + source.hex(), seq, *numbers, mode, "0x" + seen.hex())


@given(WORDS, WORDS, st.binary(min_size=8, max_size=8), st.tuples(*[st.integers(0, 255)] * 7))
def test_source_configured(source: bytes, config: bytes, device: bytes, numbers: tuple[int, ...]) -> None:
    types = ["bytes32", "bytes8", "uint8", "uint8", "uint32", "uint8", "uint64", "uint64", "uint40"]
    decoded = abi.decode_source_configured(
        [abi.TOPIC_SOURCE_CONFIGURED, "0x" + source.hex()], data_of(types, [config, device, *numbers])
    )
    expected = abi.SourceConfiguredLog("0x" + source.hex(), "0x" + config.hex(), "0x" + device.hex(), *numbers)
    assert decoded == expected


@given(ADDRESSES, st.integers(0, 2**256 - 1), st.text(max_size=80))
def test_retired(holder: bytes, amount: int, reason: str) -> None:
    data = data_of(["uint256", "string"], [amount, reason])
    decoded = abi.decode_retired([abi.TOPIC_RETIRED, padded(holder)], data)
    assert decoded == abi.RetiredLog("0x" + holder.hex(), amount, reason)


def test_a_reason_that_is_no_text_is_replaced() -> None:
    data = data_of(["uint256", "bytes"], [1, b"\xff\xfe"])
    assert abi.decode_retired([abi.TOPIC_RETIRED, padded(b"\x01")], data).reason == "\ufffd\ufffd"


def test_corrected_and_active() -> None:
    source = "0x" + "ab" * 32
    data = data_of(["uint64", "bytes32"], [7, b"\x09" * 32])
    assert abi.decode_corrected([abi.TOPIC_CORRECTED, source], data) == abi.CorrectedLog(source, 7, "0x" + "09" * 32)
    assert abi.decode_source_active([abi.TOPIC_SOURCE_ACTIVE, source], word(1)) == abi.SourceActiveLog(source, True)
    assert not abi.decode_source_active([abi.TOPIC_SOURCE_ACTIVE, source], word(0)).active


@pytest.mark.parametrize(
    ("decoder", "topic", "topics", "words"),
    [
        (abi.decode_transfer, abi.TOPIC_TRANSFER, 3, 1),
        (abi.decode_settled, abi.TOPIC_SETTLED, 3, 6),
        (abi.decode_source_configured, abi.TOPIC_SOURCE_CONFIGURED, 2, 9),
        (abi.decode_corrected, abi.TOPIC_CORRECTED, 2, 2),
        (abi.decode_source_active, abi.TOPIC_SOURCE_ACTIVE, 2, 1),
        (abi.decode_retired, abi.TOPIC_RETIRED, 2, 3),
    ],
)
def test_logs_of_another_form_are_refused(
    decoder: Callable[[Sequence[str], str], object], topic: str, topics: int, words: int
) -> None:
    others = [word(0)] * (topics - 1)
    data = "0x" + "00" * 32 * words
    if decoder is abi.decode_retired:
        data = data_of(["uint256", "string"], [0, ""])
    decoder([topic, *others], data)
    for bad_topics, bad_data in (
        ([], data),
        ([word(1), *others], data),
        ([topic, *others, word(0)], data),
        ([topic, *others[1:]], data),
        ([topic, *others], data[:-2]),
        ([topic, *others], data + "00" * 32),
        ([topic, *others], "0x"),
    ):
        with pytest.raises(ValueError, match=r"^a log|^not the expected log|^not a Retired log|^word"):
            decoder(bad_topics, bad_data)


def test_numbers_too_large_for_their_field_are_refused() -> None:
    source = "0x" + "ab" * 32
    with pytest.raises(ValueError, match="64 bits"):
        abi.decode_corrected([abi.TOPIC_CORRECTED, source], data_of(["uint256", "bytes32"], [2**64, bytes(32)]))
    with pytest.raises(ValueError, match="not an address"):
        abi.decode_transfer([abi.TOPIC_TRANSFER, word(2**160), word(0)], word(1))
    with pytest.raises(ValueError, match="sequence number"):
        abi.decode_settled([abi.TOPIC_SETTLED, source, word(2**32)], "0x" + "00" * 192)


def revert(signature: str, *values: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1]
    return keccak(text=signature)[:4] + (encode(types.split(","), values) if types else b"")


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (revert("BadSignature()"), "BadSignature", "the lower one of s and N - s"),
        (revert("WrongConfig(bytes32,bytes32)", b"\x01" * 32, b"\x02" * 32), "WrongConfig", "SourceConfigured"),
        (revert("Stale(uint40,uint64,uint40,uint64)", 1, 2, 3, 4), "Stale", "(2 Wh at 1)"),
        (revert("Implausible(uint64,uint256)", 9000, 7501), "Implausible", "9000 Wh are more than the 7501 Wh"),
        (
            revert("AccessControlUnauthorizedAccount(address,bytes32)", "0x" + "aa" * 20, abi.SETTLER_ROLE),
            "AccessControlUnauthorizedAccount",
            "lacks role SETTLER_ROLE",
        ),
        (revert("Error(string)", "no"), "Error", 'says "no"'),
        (revert("Panic(uint256)", 0x11), "Panic", "0x11"),
        (revert("Stale(uint40,uint64,uint40,uint64)", 1, 2, 3, 4)[:-1], "Stale", "damaged arguments"),
        (b"\xde\xad\xbe\xef", None, "unknown error 0xdeadbeef"),
        (b"", None, "without a reason"),
    ],
)
def test_refusals_become_sentences(data: bytes, name: str | None, words: str) -> None:
    assert abi.revert_name(data) == name
    assert words in abi.decode_revert(data)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_sentence(data: bytes) -> None:
    assert abi.decode_revert(data)


@given(st.sampled_from(["Stale(uint40,uint64,uint40,uint64)", "Error(string)", "StringTooLong(string)"]), st.binary())
def test_damaged_refusals_give_a_sentence(signature: str, arguments: bytes) -> None:
    assert abi.decode_revert(keccak(text=signature)[:4] + arguments)
