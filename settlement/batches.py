"""Which settlements go into one transaction: those of different sources that the contract's `settleMany` takes. Pure."""

from collections.abc import Sequence

from contracts.abi import encode_settle_many
from settlement.planner import Settlement

BATCH_BYTES_MAX = 96 * 1024
"""Call data of one transaction: nodes take no transaction above 128 KiB, the signature broker no request above 256 KiB."""

Batch = tuple[Settlement, ...]


def batches_of(settlements: Sequence[Settlement], sources_max: int) -> list[Batch]:
    """The settlements in batches of at most `sources_max`, in their order; each that needs a call of its own is alone."""
    batches: list[Batch] = []
    open_batch: list[Settlement] = []
    size = 0
    for settlement in settlements:
        if settlement.entry is None:
            batches.append((settlement,))
            continue
        if open_batch and (len(open_batch) >= sources_max or size + len(settlement.calldata) > BATCH_BYTES_MAX):
            batches.append(tuple(open_batch))
            open_batch, size = [], 0
        open_batch.append(settlement)
        size += len(settlement.calldata)
    if open_batch:
        batches.append(tuple(open_batch))
    return batches


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Two smaller batches, where one transaction for all would be refused or too big."""
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]


def call_of(batch: Batch) -> bytes:
    """The call data that settles a batch."""
    if len(batch) == 1:
        return batch[0].calldata
    return encode_settle_many([one.entry for one in batch if one.entry is not None])
