"""Issuances, settlements, transfers, supply and the chain's head as sources of plans."""

from typing import Any

from sqlalchemy import case, func, join, select

from community.store.plans.sources import Arguments, Asking, Opened, Relation, alias, columns_of, one, source
from community.store.tables.chain import BlockRow, IndexCheckpointRow, SettledEventRow, SupplyRow, TransferRow
from community.store.tables.identity import EnergySourceRow, ShareTableRow
from community.store.tables.minting import (
    ChainTransactionRow,
    IssuancePartRow,
    IssuanceRow,
    TransactionAttemptRow,
)
from community.store.views import issuances as issuance_views


def the_chain() -> Any:
    """The id of the indexed chain."""
    row = alias(IndexCheckpointRow)
    return select(func.min(row.chain_id)).scalar_subquery()


def _finalised(row: Any) -> Any:
    checkpoint = alias(IndexCheckpointRow)
    height = select(checkpoint.finalised_number).where(checkpoint.chain_id == row.chain_id).correlate(row)
    return func.coalesce(row.block_number <= height.scalar_subquery(), False)


def _block_time(row: Any) -> Any:
    block = alias(BlockRow)
    at = select(block.at).where(block.chain_id == row.chain_id, block.number == row.block_number)
    return at.correlate(row).scalar_subquery()


def _chain_head(_asking: Asking) -> Opened:
    row = alias(IndexCheckpointRow)
    behind = row.node_head_number - row.head_number
    columns = columns_of(
        row,
        "chain_id head_hash updated_at",
        head=row.head_number,
        finalised=row.finalised_number,
        node_head=row.node_head_number,
        lag=case((behind > 0, behind), else_=0),
    )
    return Opened(row, (row,), columns)


def _supply(_asking: Asking) -> Opened:
    row = alias(SupplyRow)
    return Opened(row, (row,), columns_of(row, "token minted burned final_minted final_burned"))


def _issuance(_asking: Asking) -> Opened:
    row, table = alias(IssuanceRow), alias(ShareTableRow)
    total = select(table.share_total).where(table.id == row.share_table_id).correlate(row).scalar_subquery()
    names = (
        "id chain_id issuer source_id from_wh to_wh period_start period_end amount measurement_id state failure planned_at "
        "mined_block tx_hash final_at"
    )
    return Opened(row, (row,), columns_of(row, names, share_total=total, energy_wh=row.to_wh - row.from_wh))


def _issuance_part(asking: Asking) -> Opened:
    row = alias(IssuancePartRow)
    columns = columns_of(row, "issuance_id position holder_id address share_count amount")
    return Opened(row, (row,), columns, (asking.scope.holders(row.holder_id),))


def _attempt(_asking: Asking) -> Opened:
    row, transaction = alias(TransactionAttemptRow), alias(ChainTransactionRow)
    columns = columns_of(
        row,
        "number max_fee_wei tip_wei state tx_hash requested_at signed_at broadcast_at",
        issuance_id=transaction.issuance_id,
        nonce=transaction.nonce,
        account=transaction.account,
    )
    return Opened(join(row, transaction, transaction.id == row.transaction_id), (row, transaction), columns)


def _settlement(_asking: Asking) -> Opened:
    row, plant = alias(SettledEventRow), alias(EnergySourceRow)
    source_id = select(plant.identity_id).where(plant.source_ref == row.source_ref).correlate(row).scalar_subquery()
    names = "block_number log_index tx_hash issuer source_ref from_wh to_wh read_at minted_wh mode evidence"
    columns = columns_of(row, names, number=row.seq, at=_block_time(row), is_final=_finalised(row), source_id=source_id)
    return Opened(row, (row,), columns, (row.chain_id == the_chain(),))


def _transfer(_asking: Asking) -> Opened:
    row = alias(TransferRow)
    names = "block_number log_index tx_hash token sender recipient amount kind"
    columns = columns_of(row, names, at=_block_time(row), is_final=_finalised(row))
    return Opened(row, (row,), columns, (row.chain_id == the_chain(),))


def _minting(ours: Opened, theirs: Opened, _arguments: Arguments, _asking: Asking) -> list[Any]:
    before = theirs["log_index"] < ours["log_index"]
    return [ours["kind"] == "mint", theirs["tx_hash"] == ours["tx_hash"], before]


source("chain_head", _chain_head)
source("supply", _supply)
source(
    "issuance",
    _issuance,
    {
        "source": one("energy_source", "source_id"),
        "measurement": Relation(
            "measurement",
            "one",
            lambda ours, theirs, _a, asking: [
                theirs["id"] == ours["measurement_id"],
                asking.scope.metering_points(theirs["metering_point_id"]),
            ],
        ),
        "parts": Relation(
            "issuance_part",
            "many",
            lambda ours, theirs, _a, _k: [theirs["issuance_id"] == ours["id"]],
            keys=lambda row: (row["position"],),
            limit=issuance_views.PARTS_MAX,
        ),
        "attempts": Relation(
            "attempt",
            "many",
            lambda ours, theirs, _a, _k: [theirs["issuance_id"] == ours["id"]],
            keys=lambda row: (row["number"],),
            limit=issuance_views.PARTS_MAX,
        ),
    },
)
source("issuance_part", _issuance_part, {"holder": one("member", "holder_id")})
source("attempt", _attempt)
source(
    "settlement",
    _settlement,
    {
        "source": one("energy_source", "source_id"),
        "issuance": Relation(
            "issuance",
            "one",
            lambda ours, theirs, _a, _k: [
                theirs["source_id"] == ours["source_id"],
                theirs["from_wh"] == ours["from_wh"],
                # another meter of the source may have run over the same values
                theirs["period_start"] < ours["read_at"],
                ours["read_at"] <= theirs["period_end"],
            ],
        ),
    },
)
source(
    "transfer",
    _transfer,
    {"settlement": Relation("settlement", "one", _minting, keys=lambda row: (row["log_index"],), falling=True)},
)
