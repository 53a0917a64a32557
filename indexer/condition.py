"""How the indexer is, for those who watch over it: is it alive, is it ready, and the figures for Prometheus."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from prometheus_client.metrics_core import Metric

from community.chain.index_checkpoint import IndexCheckpoint
from community.reconciliation.breaks import Severity
from community.runtime.figures import figure
from community.store.operating_figures import open_breaks_by_severity
from community.store.unit_of_work import Store

STALLED_AFTER_S = 60.0


class Condition:
    """What the running indexer reports of itself. Ready means at most `behind_max` blocks behind its node."""

    def __init__(self, now: Callable[[], datetime], behind_max: int, store: Store | None = None) -> None:
        self._now = now
        self._store = store
        self._behind_max = behind_max
        self._known: IndexCheckpoint | None = None
        self._progressed_at = now()
        self._reason = "nothing is indexed yet"
        self._node_failures: Counter[str] = Counter()
        self.reorgs = 0
        self.deepest_reorg = 0
        self.standing_by = False

    def progressed(self, known: IndexCheckpoint) -> None:
        """A step was done, and the index stands at `known`."""
        self._known, self._progressed_at, self._reason = known, self._now(), ""

    def stalled(self, reason: str) -> None:
        """A step could not be done."""
        self._reason = reason

    def node_failed(self, endpoint: str) -> None:
        """A node failed."""
        self._node_failures[endpoint] += 1

    def rolled_back(self, depth: int) -> None:
        """The chain was reorganised by `depth` blocks."""
        self.reorgs += 1
        self.deepest_reorg = max(self.deepest_reorg, depth)

    @property
    def since_progress_s(self) -> float:
        return (self._now() - self._progressed_at).total_seconds()

    def why_not_alive(self) -> str:
        """Why it should be started anew; empty while it works or stands by."""
        if self.standing_by or self.since_progress_s < STALLED_AFTER_S:
            return ""
        return f"no step was done for {self.since_progress_s:.0f} s: {self._reason or 'no reason is known'}"

    async def why_not_ready(self) -> str:
        """Why its books should not be relied on as present; empty if they may."""
        if self.standing_by:
            return "another indexer works, this one stands by"
        if self._known is None or self._reason:
            return self._reason
        if self._known.behind > self._behind_max:
            return f"{self._known.behind} blocks behind the node"
        return ""

    async def figures(self) -> list[Metric]:
        """For Prometheus. The breaks that are open come from the books: raises RetryableError while they are away."""
        known = self._known
        found = [
            figure("gauge", "indexer_standing_by", "1 while another indexer works here", int(self.standing_by)),
            figure("gauge", "indexer_since_progress_seconds", "time since the last step", self.since_progress_s),
            figure("counter", "indexer_reorgs_total", "reorgs that were followed", self.reorgs),
            figure("gauge", "indexer_reorg_depth_blocks", "depth of the deepest reorg", self.deepest_reorg),
            figure(
                "counter", "indexer_node_failures_total", "answers that failed or were not believed",
                dict(self._node_failures), "endpoint",
            ),
        ]  # fmt: skip
        if known is not None:
            found += [
                figure("gauge", "indexer_head_block", "last block whose effects are committed", known.head.number),
                figure("gauge", "indexer_finalised_block", "last block that is final", known.finalised.number),
                figure("gauge", "indexer_behind_blocks", "blocks between the node's head and ours", known.behind),
            ]
        if self._store is not None:
            async with self._store.read() as work:
                breaks = {each.value: 0 for each in Severity} | await open_breaks_by_severity(work)
            found.append(figure("gauge", "indexer_open_breaks", "disagreements that are open", breaks, "severity"))
        return found
