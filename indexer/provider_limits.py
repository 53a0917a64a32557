"""What a provider's refusal of `eth_getLogs` says: every provider has its own words for "too many".

Wordings seen at Alchemy, Infura, QuickNode, Ankr, Chainstack, dRPC, Blast, BlockPI, Cloudflare, Polygon's public nodes,
LlamaRPC, PublicNode, Tenderly, geth, erigon, Nethermind, reth and bor. A refusal that none of the rules know is taken for
a limit of unknown size: halving finds it.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RangeTooLong:
    """The range is too long for the provider; it takes `blocks_max` blocks, where it said so."""

    blocks_max: int | None = None


@dataclass(frozen=True, slots=True)
class TooManyLogs:
    """The answer would be too large. `blocks_max` is the range the provider proposes, where it does."""

    blocks_max: int | None = None


@dataclass(frozen=True, slots=True)
class TooFast:
    """The provider limits requests in time: the range is well, the next request must wait."""


@dataclass(frozen=True, slots=True)
class BatchTooLarge:
    """The provider takes fewer calls in one batch: `calls_max`, where it said so, or none at all."""

    calls_max: int | None = None


Limit = RangeTooLong | TooManyLogs | TooFast | BatchTooLarge

_NUMBER = r"(\d[\d,_' ]*)([kKmM]?)"
_PROPOSED = re.compile(r"\[?\s*(0x[0-9a-f]+)\s*[,-]\s*(0x[0-9a-f]+)\s*\]?", re.IGNORECASE)
_TOO_FAST = re.compile(
    r"rate.?limit|/second|calls per second|too many requests|request rate|requests? per (?:second|minute|day)|compute units per second|throughput|"
    r"daily (?:request|relay) |capacity (?:limit )?exceeded|slow down|\bcredits?\b|quota|monthly (?:request|capacity)|"
    r"project id request|retry (?:in|after)|temporarily blocked",
    re.IGNORECASE,
)
_BATCH = re.compile(r"batch", re.IGNORECASE)
_TOO_MANY_LOGS = re.compile(
    r"more than .*(?:results|logs)|(?:results|logs|response).{0,40}(?:exceed|too (?:large|big|many)|limit)|"
    r"(?:exceed|too (?:large|big|many)).{0,40}(?:results|logs|response|data)|log response size|query timeout|timed? ?out|"
    r"backend response too large|max (?:results|message|response)|result window",
    re.IGNORECASE,
)
_LIMIT_WORDS = r"(?:up to|limited to|within|max(?:imum)?(?: is)?|limit(?: is)?|exceeds?|than|allowed:?)"
_RANGE_SIZE = (
    # in the way of: up to a 2K block range, limited to a 10 block range, limited to 0 - 10000 blocks range
    re.compile(
        rf"{_LIMIT_WORDS}\s*(?:set to|of|an?|the|is|:|0\s*-|\s)*\s*{_NUMBER}[- ]*(?:blocks?|range)", re.IGNORECASE
    ),
    # in the way of: block range limit exceeded, maximum allowed is 3500; exceed maximum block range 50000
    re.compile(
        rf"(?:block )?range[^\d]*?(?:limit|max\w*|allowed|exceed\w*|than|is|to|large|,|:|>)[^\d]*?{_NUMBER}(?!\w)",
        re.IGNORECASE,
    ),
    re.compile(rf"(?:max\w*|limit\w*) (?:block )?range[^\d]*{_NUMBER}(?!\w)", re.IGNORECASE),
)
_BATCH_SIZE = re.compile(rf"(?:max\w*|limit\w*|than|up to|exceed\w*|allowed)[^\d]*{_NUMBER}", re.IGNORECASE)
_BLOCKS_SAID_MAX = 10_000_000


def limit_in(message: str) -> Limit:
    """What the refusal `message` says. Unknown words are a range that is too long by an unknown measure."""
    if _BATCH.search(message):
        return BatchTooLarge(_size(_BATCH_SIZE.search(message)))
    proposed = _proposed(message)
    if proposed is not None:
        return TooManyLogs(proposed)
    for pattern in _RANGE_SIZE:
        size = _size(pattern.search(message))
        if size is not None:
            return RangeTooLong(size)
    if _TOO_MANY_LOGS.search(message):
        return TooManyLogs()
    if _TOO_FAST.search(message):
        return TooFast()
    return RangeTooLong()


def _proposed(message: str) -> int | None:
    """The length of a range such as [0x1b4, 0x2ff] that Alchemy and Infura propose instead."""
    found = _PROPOSED.search(message)
    if found is None:
        return None
    length = int(found[2], 16) - int(found[1], 16) + 1
    return length if 0 < length <= _BLOCKS_SAID_MAX else None


def _size(found: re.Match[str] | None) -> int | None:
    if found is None:
        return None
    scale = {"": 1, "k": 1_000, "m": 1_000_000}[found[2].lower()]
    number = int(re.sub(r"\D", "", found[1])) * scale
    return number if 0 < number <= _BLOCKS_SAID_MAX else None
