"""The share register follows the share tokens: a revision for each boundary from which other shares count.

What the contract pays by is what its share tokens showed at the boundary (EnergyIssuer.followShares); the same follows here
from the transfers in finalised blocks, so nobody types it in. A boundary is entered once the finalised chain has passed it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from community.identity.coin_addresses import CoinChain
from community.identity.identities import EnergySource
from community.identity.shares import Share, ShareTable
from community.ids import named_id
from community.store.chain_index import checkpoint
from community.store.coin_addresses import address_events
from community.store.share_revisions import key_at
from community.store.share_tokens import share_moves
from community.store.shares import SharesIssued, add_share_table, share_tables
from community.store.unit_of_work import Store, Work
from community.tokens.share_boundaries import holdings_by_boundary
from contracts.shares import share_config

_log = structlog.get_logger()
RECORDED_BY = "the share tokens"


@dataclass(frozen=True, slots=True)
class ShareFollower:
    """Enters what share tokens show. `period_s` are the seconds between two boundaries, as their contract says."""

    store: Store
    chain_id: int
    period_s: int
    seen: dict[str, int] = field(default_factory=dict)
    """The finalised block up to which each source was looked at; only so as not to look again."""

    async def follow_all(self, sources: Sequence[EnergySource], now: datetime) -> dict[str, str]:
        """Bring every source's register up to the finalised chain; what keeps some from it, by their ids."""
        async with self.store.read() as work:
            known = await checkpoint(work, self.chain_id)
        kept = {}
        for source in sources:
            if known is None or self.seen.get(source.id) == known.finalised.number:
                continue
            reason = await self.follow(source, now)
            if reason is None:
                self.seen[source.id] = known.finalised.number
            else:
                kept[source.id] = reason
        return kept

    async def follow(self, source: EnergySource, now: datetime) -> str | None:
        """Bring a source's register up to the finalised chain. Says what keeps it from that, for a person; else None."""
        async with self.store.read() as work:
            missing = await self._missing(work, source)
        if not isinstance(missing, list):
            return missing
        for table in missing:
            try:
                async with self.store.begin() as work:
                    await add_share_table(work, table, RECORDED_BY, now)
            except SharesIssued as error:
                return (
                    f"{error} The share tokens moved before: the index was behind, or the register was entered by hand."
                )
            _log.info("shares_followed", source=source.id, table=table.id, valid_from=table.valid_from.isoformat())
        return None

    async def _missing(self, work: Work, source: EnergySource) -> list[ShareTable] | str:
        moves, final_at = await share_moves(work, self.chain_id, source.source_ref)
        tables = await share_tables(work, source.id)
        if not moves or final_at is None or not tables:
            return []
        try:
            changes = holdings_by_boundary(moves, self.period_s, final_at)
        except ValueError as error:
            return f"The indexed share tokens of {source.id} make no sense: {error}. Index the chain anew."
        last, revision = tables[-1], max(table.revision for table in tables)
        holders = await _holders(work, tables)
        shown = {share.address.lower(): share.count for share in last.shares}
        missing: list[ShareTable] = []
        for valid_from, held in changes:
            if valid_from <= last.valid_from or held == shown:
                continue
            shown = dict(held)
            revision += 1
            table = await _table(work, source, revision, valid_from, held, holders)
            if isinstance(table, str):
                # What came before it is entered all the same: its energy can be settled.
                return missing or table
            missing.append(table)
        return missing


async def _holders(work: Work, tables: list[ShareTable]) -> dict[str, str]:
    """Whose an address is: by the address book, and where that is silent by the register itself."""
    known = {share.address.lower(): share.holder_id for table in tables for share in table.shares}
    for event in await address_events(work, CoinChain.EVM):
        known[event.address.lower()] = event.identity_id
    return known


async def _table(
    work: Work,
    source: EnergySource,
    revision: int,
    valid_from: datetime,
    held: Mapping[str, int],
    holders: dict[str, str],
) -> ShareTable | str:
    """The revision that these holdings are, in the one order that the contract takes; or why it cannot be entered."""
    strangers = [address for address in held if address not in holders]
    if strangers:
        return (
            f"{', '.join(strangers)} holds share tokens of {source.id} from {valid_from.isoformat()} on and belongs to no "
            "member: have the holder link the wallet, or enter the address."
        )
    key = await key_at(work, source.metering_point_id, valid_from)
    if key is None:
        return f"No device with a key stands at {source.id} from {valid_from.isoformat()} on: its key is a part of the table."
    config = share_config(key[1:33], key[33:], held)
    shares = tuple(
        Share(holders[address.lower()], address.lower(), count)
        for address, count in zip(config.holders, config.weights, strict=True)
    )
    try:
        return ShareTable(
            id=named_id("sht", source.id, revision),
            source_id=source.id,
            revision=revision,
            share_total=source.share_total,
            shares=shares,
            config_hash="0x" + config.hash().hex(),
            valid_from=valid_from,
        )
    except ValueError as error:
        return f"The share tokens of {source.id} from {valid_from.isoformat()} on are no share table: {error}."
