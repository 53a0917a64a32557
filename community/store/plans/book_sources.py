"""Reconciliation, breaks and who did what, as sources of plans."""

from typing import Any

from community.store.plans.sources import Asking, Opened, Relation, alias, columns_of, one, source
from community.store.tables.access import ApiKeyRow, AuditEntryRow
from community.store.tables.reconciling import BreakEntryRow, BreakRow, MatchRow, ReconciliationRunRow
from community.store.views import reconciliation as views


def _run(_asking: Asking) -> Opened:
    row = alias(ReconciliationRunRow)
    columns = columns_of(
        row,
        "id started_at finalised_block finalised_hash verified_wh issued_wh settled_wh supply match_count break_count",
        agrees=row.break_count == 0,
        pending_wh=row.verified_wh - row.settled_wh,
    )
    return Opened(row, (row,), columns)


def _match(_asking: Asking) -> Opened:
    row = alias(MatchRow)
    names = "issuance_id source_id tx_hash block_number log_index energy_wh amount matched_at"
    return Opened(row, (row,), columns_of(row, names))


def _break(_asking: Asking) -> Opened:
    row = alias(BreakRow)
    names = "id kind severity subject source_id detail expected found opened_at closed_at closed_by owner disposition"
    return Opened(row, (row,), columns_of(row, names))


def _break_entry(_asking: Asking) -> Opened:
    row = alias(BreakEntryRow)
    return Opened(row, (row,), columns_of(row, "id break_id at actor action text"))


def _api_key(_asking: Asking) -> Opened:
    row = alias(ApiKeyRow)
    return Opened(row, (row,), columns_of(row, "id role label identity_id created_at revoked_at"))


def _audit_entry(_asking: Asking) -> Opened:
    row = alias(AuditEntryRow)
    return Opened(row, (row,), columns_of(row, "id actor command subject reason recorded_at"))


def _viewer(asking: Asking) -> Opened:
    columns: dict[str, Any] = {
        "role": asking.parameter("role"),
        "label": asking.parameter("label"),
        "identity_id": asking.parameter("identity"),
    }
    return Opened(None, (), columns)


source("reconciliation_run", _run)
source("match", _match, {"issuance": one("issuance", "issuance_id"), "source": one("energy_source", "source_id")})
source(
    "break",
    _break,
    {
        "source": one("energy_source", "source_id"),
        "story": Relation(
            "break_entry",
            "many",
            lambda ours, theirs, _a, _k: [theirs["break_id"] == ours["id"]],
            keys=lambda row: (row["id"],),
            limit=views.ENTRIES_MAX,
        ),
    },
)
source("break_entry", _break_entry)
source("api_key", _api_key, {"identity": one("identity", "identity_id")})
source("audit_entry", _audit_entry)
source("viewer", _viewer, {"identity": one("identity", "identity_id")})
