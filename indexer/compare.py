"""Comparing two indexes of one chain by their digests, and finding the first block where they part."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from community.errors import FatalError
from community.store import chain_index
from community.store.unit_of_work import Store

DigestAt = Callable[[int], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both indexes agree up to block `agreed_upto`; `differs_at` is the first block after which they do not, or None."""

    agreed_upto: int
    differs_at: int | None


async def first_difference(ours: DigestAt, theirs: DigestAt, low: int, high: int) -> int | None:
    """The first block in [low, high] with different digests, None if there is none. Digests are chained, so bisect."""
    if await ours(high) == await theirs(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if await ours(middle) == await theirs(middle):
            low = middle + 1
        else:
            high = middle
    return low


async def compare(ours: Store, theirs: Store, chain_id: int) -> Comparison:
    """Compare up to the lower of both heads. Raises FatalError where one has indexed nothing."""
    starts, heads = [], []
    for store in (ours, theirs):
        async with store.read() as work:
            known = await chain_index.checkpoint(work, chain_id)
        if known is None:
            raise FatalError(f"One of the two databases has no index of chain {chain_id}.")
        starts.append(known.start_block)
        heads.append(known.head.number)
    low, high = max(starts), min(heads)
    if high < low:
        raise FatalError("The two indexes have no block in common.")
    differs_at = await first_difference(_digests(ours, chain_id), _digests(theirs, chain_id), low, high)
    return Comparison(high if differs_at is None else differs_at - 1, differs_at)


def _digests(store: Store, chain_id: int) -> DigestAt:
    async def at(number: int) -> str:
        async with store.read() as work:
            return await chain_index.digest_at(work, chain_id, number)

    return at
