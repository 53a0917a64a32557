"""Logs of the share tokens, and of the issuer where it follows them, as values; of the same forms as in `logs`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.log_words import WORD, address, expect, number, topic, word

TOPIC_TRANSFER_SINGLE: Final = topic("TransferSingle(address,address,address,uint256,uint256)")
TOPIC_TRANSFER_BATCH: Final = topic("TransferBatch(address,address,address,uint256[],uint256[])")
TOPIC_SHARES_CREATED: Final = topic("SharesCreated(bytes32,address,uint64)")
TOPIC_SHARES_BRIDGED: Final = topic("SharesBridged(bytes32,uint40,uint40,bytes32)")

SHARES_MAX: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class ShareTransferLog:
    """Shares moved from `sender` (zero when they are created) to `recipient` by `operator`: pairs of source and count.

    They count from the next boundary on. One log moves shares of one source, or of several in a batch.
    """

    operator: str
    sender: str
    recipient: str
    shares: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class SharesCreatedLog:
    """The source has `supply` shares for ever; the treasury holds them first."""

    source_id: str
    treasury: str
    supply: int


@dataclass(frozen=True, slots=True)
class SharesBridgedLog:
    """No reading exists at the change of shares `change_at`; up to `until` the shares before it count (Unix seconds)."""

    source_id: str
    change_at: int
    until: int
    evidence: str


def decode_share_transfer(topics: Sequence[str], data: str) -> ShareTransferLog:
    """`TransferSingle` or `TransferBatch` of the share tokens."""
    if topics and topics[0].lower() == TOPIC_TRANSFER_BATCH:
        return _batch(topics, data)
    expect(topics, data, TOPIC_TRANSFER_SINGLE, topics_count=4, words=2)
    return _moved(topics, ((word(data, 0), number(data, 1, 256)),))


def decode_shares_created(topics: Sequence[str], data: str) -> SharesCreatedLog:
    """`SharesCreated` of the share tokens."""
    expect(topics, data, TOPIC_SHARES_CREATED, topics_count=3, words=1)
    return SharesCreatedLog(topics[1].lower(), address(topics[2]), number(data, 0, 64))


def decode_shares_bridged(topics: Sequence[str], data: str) -> SharesBridgedLog:
    """`SharesBridged` of the issuer."""
    expect(topics, data, TOPIC_SHARES_BRIDGED, topics_count=2, words=3)
    return SharesBridgedLog(topics[1].lower(), number(data, 0, 40), number(data, 1, 40), word(data, 2))


def _batch(topics: Sequence[str], data: str) -> ShareTransferLog:
    words, rest = divmod(len(data) - 2, WORD)
    # Two offsets and two lengths stand before the pairs; the one canonical layout is the only one accepted.
    count, odd = divmod(words - 4, 2)
    if rest or odd or count < 0:
        raise ValueError(f"not a TransferBatch log: {len(data)} characters of data cannot be pairs")
    expect(topics, data, TOPIC_TRANSFER_BATCH, topics_count=4, words=words)
    second = 2 + count + 1
    offsets_and_lengths = [number(data, index, 256) for index in (0, 1, 2, second)]
    if offsets_and_lengths != [2 * 32, second * 32, count, count]:
        raise ValueError("not a TransferBatch log: the lists do not stand where they must")
    pairs = (3 + index for index in range(count))
    return _moved(topics, tuple((word(data, at), number(data, at + count + 1, 256)) for at in pairs))


def _moved(topics: Sequence[str], shares: tuple[tuple[str, int], ...]) -> ShareTransferLog:
    if any(count > SHARES_MAX for _, count in shares):
        raise ValueError("not a log of share tokens: more shares than a source can have")
    return ShareTransferLog(address(topics[1]), address(topics[2]), address(topics[3]), shares)
