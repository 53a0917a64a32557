"""Providers' words for "too many", each read for what it says."""

import pytest

from indexer.pace import BLOCKS_MAX, Pace
from indexer.provider_limits import BatchTooLarge, Limit, RangeTooLong, TooFast, TooManyLogs, limit_in
from tests.support.lies import LIMITS

SAID: dict[str, Limit] = {
    "Alchemy": TooManyLogs(5),
    "Alchemy free": TooManyLogs(10),
    "Alchemy rate": TooFast(),
    "Infura": TooManyLogs(3),
    "Infura rate": TooFast(),
    "QuickNode": RangeTooLong(5),
    "QuickNode rate": TooFast(),
    "Polygon public": RangeTooLong(5),
    "Ankr": RangeTooLong(),
    "Chainstack": RangeTooLong(),
    "dRPC": RangeTooLong(3),
    "BlockPI": RangeTooLong(4),
    "LlamaRPC": TooManyLogs(),
    "geth": TooManyLogs(),
    "reth": RangeTooLong(6),
    "PublicNode": RangeTooLong(4),
    "batch": BatchTooLarge(2),
}
MORE: list[tuple[str, Limit]] = [
    ("eth_getLogs and eth_newFilter are limited to a 10,000 blocks range", RangeTooLong(10_000)),
    ("block range too large, max is 1k blocks", RangeTooLong(1_000)),
    ("maximum block range: 2000", RangeTooLong(2_000)),
    ("You can make eth_getLogs requests with up to a 500 block range", RangeTooLong(500)),
    ("exceed max range limit", RangeTooLong()),
    ("backend response too large", TooManyLogs()),
    ("Too Many Requests", TooFast()),
    ("limit exceeded, retry in 10s", TooFast()),
    ("batch requests are not supported", BatchTooLarge()),
    ("something nobody has ever said", RangeTooLong()),
    ("block range 99999999999999999 is too large, limit 0", RangeTooLong()),
]


@pytest.mark.parametrize("provider", LIMITS)
def test_every_provider_is_understood(provider: str) -> None:
    assert limit_in(LIMITS[provider].message) == SAID[provider]


@pytest.mark.parametrize(("message", "limit"), MORE)
def test_other_words(message: str, limit: Limit) -> None:
    assert limit_in(message) == limit


def test_the_pace_grows_while_logs_are_few_and_keeps_to_what_was_learnt() -> None:
    pace = Pace()
    for _ in range(20):
        pace.read(pace.blocks, 0)
    assert pace.blocks == BLOCKS_MAX
    assert pace.refused(RangeTooLong(2_000), pace.blocks)
    assert pace.blocks == 2_000
    for _ in range(20):
        pace.read(pace.blocks, 0)
    assert pace.blocks == 2_000


def test_the_pace_aims_at_the_wanted_logs() -> None:
    pace = Pace(blocks=1_000, logs_wanted=10_000)
    pace.read(1_000, 100_000)
    assert pace.blocks == 100


def test_a_learnt_limit_is_tried_anew_after_a_while() -> None:
    pace = Pace()
    assert pace.refused(RangeTooLong(10), 500)
    for _ in range(65):
        pace.read(pace.blocks, 0)
    assert pace.blocks == 20


@pytest.mark.parametrize("limit", [RangeTooLong(), TooManyLogs(), RangeTooLong(5)])
def test_a_single_block_that_is_refused_is_no_matter_of_the_range(limit: Limit) -> None:
    pace = Pace(blocks=1)
    assert not pace.refused(limit, 1)


def test_batches_shrink_to_single_calls_and_no_further() -> None:
    pace = Pace(calls=4)
    assert pace.refused(BatchTooLarge(), 10) and pace.calls == 2
    assert pace.refused(BatchTooLarge(), 10) and pace.calls == 1
    assert not pace.refused(BatchTooLarge(), 10)


def test_too_fast_means_one_at_a_time() -> None:
    pace = Pace()
    assert pace.refused(TooFast(), 10) and pace.in_flight == 1 and pace.blocks == Pace().blocks
