"""How the indexer is, for those who watch over it: is it alive, is it ready, and the figures for Prometheus."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from community.chain.index_checkpoint import IndexCheckpoint

STALLED_AFTER_S = 60.0


class Condition:
    """What the running indexer reports of itself. Ready means at most `behind_max` blocks behind its node."""

    def __init__(self, now: Callable[[], datetime], behind_max: int) -> None:
        self._now = now
        self._behind_max = behind_max
        self._known: IndexCheckpoint | None = None
        self._progressed_at = now()
        self._reason = "nothing is indexed yet"
        self._node_failures: Counter[str] = Counter()
        self.reorgs = 0
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
        self.reorgs += 1 if depth else 0

    @property
    def since_progress_s(self) -> float:
        return (self._now() - self._progressed_at).total_seconds()

    def why_not_alive(self) -> str:
        """Why it should be started anew; empty while it works or stands by."""
        if self.standing_by or self.since_progress_s < STALLED_AFTER_S:
            return ""
        return f"no step was done for {self.since_progress_s:.0f} s: {self._reason or 'no reason is known'}"

    def why_not_ready(self) -> str:
        """Why its books should not be relied on as present; empty if they may."""
        if self.standing_by:
            return "another indexer works, this one stands by"
        if self._known is None or self._reason:
            return self._reason
        if self._known.behind > self._behind_max:
            return f"{self._known.behind} blocks behind the node"
        return ""

    def metrics(self) -> str:
        """Prometheus' text format, version 0.0.4."""
        known = self._known
        lines = [
            *_metric("indexer_standing_by", "gauge", "1 while another indexer works on this database", {"": int(self.standing_by)}),
            *_metric("indexer_ready", "gauge", "1 while the books are present", {"": int(not self.why_not_ready())}),
            *_metric("indexer_since_progress_seconds", "gauge", "time since the last step", {"": round(self.since_progress_s, 3)}),
            *_metric("indexer_reorgs_total", "counter", "reorgs that were followed", {"": self.reorgs}),
            *_metric(
                "indexer_node_failures_total", "counter", "answers that failed or were not believed",
                {f'{{endpoint="{name}"}}': count for name, count in sorted(self._node_failures.items())},
            ),
        ]  # fmt: skip
        if known is not None:
            lines += [
                *_metric(
                    "indexer_head_block", "gauge", "last block whose effects are committed", {"": known.head.number}
                ),
                *_metric("indexer_finalised_block", "gauge", "last block that is final", {"": known.finalised.number}),
                *_metric(
                    "indexer_behind_blocks", "gauge", "blocks between the node's head and ours", {"": known.behind}
                ),
            ]
        return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, text: str, values: dict[str, float]) -> list[str]:
    return [
        f"# HELP {name} {text}",
        f"# TYPE {name} {kind}",
        *(f"{name}{labels} {value}" for labels, value in values.items()),
    ]
