"""The chain's side of a seeded community: settlements, transfers, balances and the latest comparison."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from community.clock import QUARTER_HOUR
from community.store import outbox
from community.store.tables import chain, minting, reconciling
from community.store.unit_of_work import Store, Work
from community.store.upserts import insert_if_absent, upsert
from community.units import BASE_UNITS_PER_WH
from tests.support.seeded_figures import (
    CHAIN_ID,
    ISSUER,
    OPENING_WH,
    PV_POINT,
    SHARES,
    SOURCE,
    SOURCE_REF,
    TOKEN,
    Rows,
    address_of,
    apportioned,
    hash_of,
    production_wh,
    write,
)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What stands in the books, for expectations."""

    now: datetime
    first: datetime
    settled_wh: int
    final_wh: int
    verified_wh: int
    settlement_count: int
    issuance_ids: tuple[str, ...]


async def settlements(work: Work, first: datetime, now: datetime, unsettled: int, unfinal: int) -> Seeded:
    starts = []
    at = first
    while at < now:
        if production_wh(at):
            starts.append(at)
        at += QUARTER_HOUR
    settled = starts[: max(0, len(starts) - unsettled)]
    register_wh, final_wh, ids = OPENING_WH, OPENING_WH, []
    rows: Rows = {
        row: []
        for row in (
            chain.BlockRow,
            minting.IssuanceRow,
            minting.IssuancePartRow,
            minting.ChainTransactionRow,
            minting.CarriedIssuanceRow,
            minting.TransactionAttemptRow,
            chain.SettledEventRow,
            chain.TransferRow,
        )
    }
    for number, start in enumerate(settled, start=1):
        final = number <= len(settled) - unfinal
        energy = production_wh(start)
        _settle(rows, number, start, register_wh, energy, final)
        ids.append(hash_of("issuance", number))
        register_wh += energy
        final_wh = register_wh if final else final_wh
    for row, values in rows.items():
        await write(work, row, values)
    verified_wh = OPENING_WH + sum(production_wh(start) for start in starts)
    await _books(work, now, register_wh - OPENING_WH, final_wh - OPENING_WH, len(settled), unfinal)
    return Seeded(
        now, first, register_wh - OPENING_WH, final_wh - OPENING_WH, verified_wh - OPENING_WH, len(settled), tuple(ids)
    )


def _settle(
    rows: Rows,
    number: int,
    start: datetime,
    from_wh: int,
    energy: int,
    final: bool,
) -> None:
    end, block_hash, tx_hash = start + QUARTER_HOUR, hash_of("block", number), hash_of("tx", number)
    issuance_id = hash_of("issuance", number)
    rows[chain.BlockRow].append(
        {
            "chain_id": CHAIN_ID,
            "number": number,
            "hash": block_hash,
            "parent_hash": hash_of("block", number - 1),
            "at": end,
            "digest": "d",
        }
    )
    rows[minting.IssuanceRow].append(
        {
            "id": issuance_id,
            "chain_id": CHAIN_ID,
            "issuer": ISSUER,
            "source_id": SOURCE,
            "from_wh": from_wh,
            "to_wh": from_wh + energy,
            "period_start": start,
            "period_end": end,
            "amount": energy * BASE_UNITS_PER_WH,
            "measurement_id": f"mea_{PV_POINT}_{end:%Y%m%d%H%M}",
            "share_table_id": "sht_1",
            "state": "final" if final else "mined",
            "planned_at": end,
            "mined_block": number,
            "tx_hash": tx_hash,
            "final_at": end if final else None,
        }
    )
    rows[minting.ChainTransactionRow].append(
        {
            "id": f"tx_{number}",
            "issuance_id": issuance_id,
            "chain_id": CHAIN_ID,
            "account": address_of("settler"),
            "nonce": number,
            "to_address": ISSUER,
            "calldata": b"call",
            "gas_limit": 400_000,
            "created_at": end,
        }
    )
    rows[minting.CarriedIssuanceRow].append(
        {"issuance_id": issuance_id, "transaction_id": f"tx_{number}", "position": 0}
    )
    rows[minting.TransactionAttemptRow].append(
        {
            "transaction_id": f"tx_{number}",
            "number": 1,
            "max_fee_wei": 2 * 10**9,
            "tip_wei": 10**9,
            "state": "broadcast",
            "tx_hash": tx_hash,
            "requested_at": end,
            "signed_at": end,
            "broadcast_at": end,
        }
    )
    _mint(rows, number, end, from_wh, energy)


def _mint(rows: Rows, number: int, end: datetime, from_wh: int, energy: int) -> None:
    """The logs of one settlement: what the issuer tells, then a mint per holder."""
    issuance_id, place = hash_of("issuance", number), {"chain_id": CHAIN_ID, "block_number": number}
    event = {**place, "block_hash": hash_of("block", number), "tx_hash": hash_of("tx", number)}
    rows[chain.SettledEventRow].append(
        {
            **event,
            "log_index": 0,
            "issuer": ISSUER,
            "source_ref": SOURCE_REF,
            "seq": number,
            "from_wh": from_wh,
            "to_wh": from_wh + energy,
            "read_at": end,
            "minted_wh": energy,
            "mode": "DEVICE",
            "evidence": hash_of("evidence", number),
        }
    )
    for position, (holder, amount) in enumerate(apportioned(energy).items()):
        rows[minting.IssuancePartRow].append(
            {
                "issuance_id": issuance_id,
                "position": position,
                "holder_id": holder,
                "address": address_of(holder),
                "share_count": SHARES[holder],
                "amount": amount,
            }
        )
        rows[chain.TransferRow].append(
            {
                **event,
                "log_index": position + 1,
                "token": TOKEN,
                "sender": "0x" + "0" * 40,
                "recipient": address_of(holder),
                "amount": amount,
                "kind": "mint",
            }
        )


async def fold_balances(work: Work, finalised: int) -> None:
    """Write the balances that follow from the transfers in the books."""
    row = chain.TransferRow
    found = await work.session.execute(select(col(row.recipient), col(row.amount), col(row.block_number)))
    totals: dict[str, list[int]] = {}
    for recipient, amount, block in found:
        entry = totals.setdefault(recipient, [0, 0, 0])
        entry[0] += amount
        entry[1] += amount if block <= finalised else 0
        entry[2] = max(entry[2], block)
    for address, (amount, final, block) in totals.items():
        values = {"chain_id": CHAIN_ID, "token": TOKEN, "address": address}
        fold = {"amount": amount, "final_amount": final, "block_number": block}
        await upsert(work, chain.BalanceRow, {**values, **fold}, list(values))


async def issue_more(store: Store, seeded: Seeded, energy_wh: int) -> None:
    """One more issuance that has been planned and is in no block."""
    number = seeded.settlement_count + 1
    rows: Rows = defaultdict(list)
    _settle(rows, number, seeded.now - QUARTER_HOUR, OPENING_WH + seeded.settled_wh, energy_wh, final=False)
    (issuance,) = rows[minting.IssuanceRow]
    issuance |= {"state": "planned", "mined_block": None, "tx_hash": None}
    async with store.begin() as work:
        for row in (minting.IssuanceRow, minting.IssuancePartRow):
            await write(work, row, rows[row])


async def settle_more(store: Store, seeded: Seeded, energy_wh: int = 1000) -> None:
    """One more settlement on chain, as the indexer would write and announce it."""
    number = seeded.settlement_count + 1
    rows: Rows = defaultdict(list)
    start = seeded.now - QUARTER_HOUR
    _settle(rows, number, start, OPENING_WH + seeded.settled_wh, energy_wh, final=False)
    async with store.begin() as work:
        for row, values in rows.items():
            if row in (minting.IssuanceRow, minting.IssuancePartRow):
                for each in values:
                    await insert_if_absent(work, row, each)
            else:
                await write(work, row, values)
        await fold_balances(work, seeded.settlement_count)
        await work.session.execute(
            update(chain.IndexCheckpointRow).values(head_number=number, finalised_number=number - 1)
        )
        for topic, subject in (
            ("balance", address_of("mem_anna")),
            ("issuance", hash_of("issuance", number)),
            ("block", str(number)),
        ):
            await outbox.announce(work, topic, subject, seeded.now)


async def _books(work: Work, now: datetime, settled_wh: int, final_wh: int, blocks: int, unfinal: int) -> None:
    checkpoint = {
        "chain_id": CHAIN_ID,
        "start_block": 0,
        "head_number": blocks,
        "head_hash": hash_of("block", blocks),
        "finalised_number": blocks - unfinal,
        "finalised_hash": hash_of("block", blocks - unfinal),
        "node_head_number": blocks,
        "updated_at": now,
    }
    await write(work, chain.IndexCheckpointRow, [checkpoint])
    await fold_balances(work, blocks - unfinal)
    await write(
        work,
        chain.SupplyRow,
        [
            {
                "chain_id": CHAIN_ID,
                "token": TOKEN,
                "minted": settled_wh * BASE_UNITS_PER_WH,
                "burned": 0,
                "final_minted": final_wh * BASE_UNITS_PER_WH,
                "final_burned": 0,
            }
        ],
    )
    run = {
        "id": "run_1",
        "started_at": now,
        "finalised_block": blocks - unfinal,
        "finalised_hash": hash_of("block", blocks - unfinal),
        "verified_wh": final_wh,
        "issued_wh": final_wh,
        "settled_wh": final_wh,
        "supply": final_wh * BASE_UNITS_PER_WH,
        "match_count": blocks - unfinal,
        "break_count": 0,
    }
    await write(work, reconciling.ReconciliationRunRow, [run])


async def add_break(store: Store, now: datetime) -> None:
    """An open break, announced."""
    row = {
        "id": "brk_1",
        "kind": "missing_on_chain",
        "severity": "high",
        "subject": hash_of("issuance", 1),
        "source_id": SOURCE,
        "detail": "The issuance was broadcast a day ago and is in no block. Look at the settlement process.",
        "expected": "1 settlement",
        "found": "none",
        "opened_run_id": "run_1",
        "opened_at": now,
    }
    async with store.begin() as work:
        await write(work, reconciling.BreakRow, [row])
        await outbox.announce(work, "break", "brk_1", now)
