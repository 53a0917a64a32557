"""How the signer is: is it reachable, does its registry count, what did it answer. It tells nothing of its keys."""

from collections import Counter
from collections.abc import Callable

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from community.runtime.figures import figure
from signer.registry import Registry, RegistryError

OUTCOMES = ("signed", "refused", "stale", "malformed", "unusable")


class SignerCondition:
    """What the running signer reports of itself. `load_registry` raises RegistryError where nothing may be signed."""

    def __init__(self, load_registry: Callable[[], Registry], account: str) -> None:
        self._load_registry = load_registry
        self._account = account
        self._answers: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.broker_connected: Callable[[], bool] = lambda: False
        """Set by the door to the broker."""

    def answered(self, outcome: str) -> None:
        """A request came to one of OUTCOMES."""
        self._answers[outcome] += 1

    def why_not_alive(self) -> str:
        """Nothing: whoever answers this has a loop that turns."""
        return ""

    async def why_not_ready(self) -> str:
        """Why no request is answered at this moment."""
        try:
            self._load_registry()
        except RegistryError as error:
            return f"the registry cannot be used: {error}"
        return "" if self.broker_connected() else "the signature broker is not connected"

    async def figures(self) -> list[Metric]:
        """Answers since the start, and which revision of the registry counts."""
        found = [
            figure("counter", "signer_requests_total", "requests by outcome", dict(self._answers), "outcome"),
            figure("gauge", "signer_broker_connected", "1 while subscribed", int(self.broker_connected())),
            figure("gauge", "signer_account", "whose transactions are signed", {self._account: 1}, "address"),
        ]
        try:
            registry = self._load_registry()
        except RegistryError:
            return found
        return [
            *found,
            figure("gauge", "signer_registry_revision", "revision that counts", registry.revision),
            figure("gauge", "signer_registry_sources", "sources it may settle", len(registry.sources)),
            *_believed(registry),
        ]


def _believed(registry: Registry) -> list[Metric]:
    """Chain, issuer, sources and hashes of share tables: all of it is on chain, and the doctor compares it with the books."""
    contract = GaugeMetricFamily("signer_registry_contract", "whom it signs for", labels=["chain_id", "issuer"])
    contract.add_metric([str(registry.chain_id), registry.issuer], 1)
    tables = GaugeMetricFamily("signer_registry_table", "share tables it believes", labels=["source", "table"])
    for source in registry.sources.values():
        for table in source.share_tables:
            tables.add_metric([source.source_ref, "0x" + table.hash().hex()], 1)
    return [contract, tables]
