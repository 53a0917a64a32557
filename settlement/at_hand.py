"""What the planning of several sources reads, a question for all of them instead of one for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from community.identity.coin_addresses import AddressEvent, CoinChain
from community.identity.shares import ShareTable
from community.minting.epochs import SourceEpoch
from community.minting.issuances import Issuance
from community.minting.proposals import Proposal
from community.store.coin_addresses import address_events
from community.store.epochs import newest_epochs
from community.store.issuances import newest_issuances, registers_of
from community.store.proposals import waiting_proposals
from community.store.shares import tables_of
from community.store.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class AtHand:
    """By source: its newest issuance and epoch, its waiting proposals and share tables; registers by measurement."""

    newest: Mapping[str, Issuance]
    epochs: Mapping[str, SourceEpoch]
    proposals: Mapping[str, Sequence[Proposal]]
    tables: Mapping[str, Sequence[ShareTable]]
    registers: Mapping[str, str]
    address_events: Sequence[AddressEvent]
    """Of everybody who stands in one of the tables."""


async def at_hand(work: Work, source_ids: Sequence[str]) -> AtHand:
    """Look it up for these sources. It holds for this unit of work."""
    newest = await newest_issuances(work, source_ids)
    proposals: dict[str, list[Proposal]] = {}
    for one in await waiting_proposals(work, source_ids):
        proposals.setdefault(one.source_id, []).append(one)
    tables = await tables_of(work, source_ids)
    holders = {share.holder_id for found in tables.values() for table in found for share in table.shares}
    measured = [one.measurement_id for one in newest.values()]
    measured += [one.measurement_id for found in proposals.values() for one in found]
    return AtHand(
        newest=newest,
        epochs=await newest_epochs(work, source_ids),
        proposals=proposals,
        tables=tables,
        registers=await registers_of(work, measured),
        address_events=await address_events(work, CoinChain.EVM, sorted(holders)),
    )
