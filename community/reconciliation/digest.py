"""One digest for a whole result, so that a repeated run can be compared with the first at a glance."""

import hashlib
import json

from community.reconciliation.matching import Reconciliation


def result_digest(result: Reconciliation) -> str:
    """SHA-256 (hex) over everything a run found, in an order of its own: the same facts give the same digest."""
    content = {
        "matches": sorted(
            [
                one.issuance_id, one.source_id, one.event.tx_hash, one.event.block_number, one.event.log_index,
                str(one.amount), *one.intervals,
            ]
            for one in result.matches
        ),
        "breaks": sorted(
            [one.kind.value, one.subject, one.what, one.expected or "", one.found or "", *one.issuances, *one.intervals]
            for one in result.breaks
        ),
        "pending": [sorted(result.pending.issuances), sorted(result.pending.intervals)],
        "idle": sorted(result.idle),
        "attributions": sorted(
            [one.tx_hash, one.source_id, one.starts_at.isoformat(), one.ends_at.isoformat(), one.method.value]
            for one in result.attributions
        ),
        "totals": [result.verified_wh, result.issued_wh, result.settled_wh],
    }  # fmt: skip
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
