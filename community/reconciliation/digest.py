"""One digest for a whole result, so that a repeated run can be compared with the first at a glance."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from community.reconciliation.attribution import Attribution
from community.reconciliation.breaks import Break
from community.reconciliation.results import Match, Pending, Reconciliation


class ResultDigest:
    """SHA-256 over everything a run found, taken window by window: where the windows lie makes no difference.

    Add sources in one order and the windows of each in time; the same facts then give the same digest.
    """

    def __init__(self) -> None:
        self._matches = hashlib.sha256()
        self._idle = hashlib.sha256()

    def add(self, matches: Iterable[Match], idle: Iterable[str]) -> None:
        """What agrees in a window, and its intervals without energy."""
        for one in matches:
            event = one.event
            place = [event.tx_hash, event.block_number, event.log_index]
            self._matches.update(
                _line([one.issuance_id, one.source_id, *place, str(one.amount), *sorted(one.intervals)])
            )
        for key in idle:
            self._idle.update(_line(key))

    def hexdigest(
        self,
        breaks: Iterable[Break],
        pending: Pending,
        attributions: Iterable[Attribution],
        totals_wh: Sequence[int],
    ) -> str:
        """The digest, hex, with what the whole run found."""
        content = {
            "matches": self._matches.hexdigest(),
            "idle": self._idle.hexdigest(),
            "breaks": sorted(
                [one.kind.value, one.subject, one.what, one.expected or "", one.found or "", *one.issuances, *one.intervals]
                for one in breaks
            ),
            "pending": [sorted(pending.issuances), sorted(pending.intervals)],
            "attributions": sorted(
                [one.tx_hash, one.source_id, one.starts_at.isoformat(), one.ends_at.isoformat(), one.method.value]
                for one in attributions
            ),
            "totals": list(totals_wh),
        }  # fmt: skip
        return hashlib.sha256(_line(content)).hexdigest()


def result_digest(result: Reconciliation) -> str:
    """The digest of a result that is there as a whole."""
    digest = ResultDigest()
    digest.add(result.matches, result.idle)
    totals_wh = (result.verified_wh, result.issued_wh, result.settled_wh)
    return digest.hexdigest(result.breaks, result.pending, result.attributions, totals_wh)


def _line(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"
