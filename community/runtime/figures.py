"""Figures of a process in Prometheus' text format, by prometheus_client: its own, those of its host process, its log events.

Names are `<process>_<what>_<unit>`; what only grows ends in `_total`. A label has few values that are known beforehand.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Kind = Literal["gauge", "counter"]

log_events: Counter[tuple[str, str]] = Counter()
"""How often this process has logged each (level, event), warnings and worse only. Counted by `logs.count_event`."""


def figure(kind: Kind, name: str, text: str, values: float | Mapping[str, float], label: str = "") -> Metric:
    """One metric: a number, or a number for each value of one `label`."""
    family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(
        name, text, labels=[label] if label else None
    )
    if isinstance(values, Mapping):
        for each, value in sorted(values.items()):
            family.add_metric([each], value)
    else:
        family.add_metric([], values)
    return family


def page(figures: Iterable[Metric]) -> str:
    """These figures as one page."""
    return generate_latest(_Given(figures)).decode()


def process_page(process: str, figures: Iterable[Metric]) -> str:
    """A whole page of `process`: `figures`, then memory, processor time and open files, then what it has logged."""
    return page([*figures, *_of_host_process(), _of_log(process)])


def _of_host_process() -> Iterator[Metric]:
    """Reads /proc at this moment; nothing where there is none."""
    return iter(ProcessCollector(registry=None).collect())


def _of_log(process: str) -> Metric:
    """A log event that calls a person is an alarm without a metric of its own: `transaction_stuck`, `reorg_followed`."""
    family = CounterMetricFamily(
        "log_events", "warnings and errors logged since the start", labels=["process", "level", "event"]
    )
    for (level, event), count in sorted(log_events.items()):
        family.add_metric([process, level, event], count)
    return family


class _Given(CollectorRegistry):
    """A registry that holds what it was given, so that nothing is global."""

    def __init__(self, figures: Iterable[Metric]) -> None:
        super().__init__(auto_describe=False)
        self._figures = list(figures)

    def collect(self) -> Iterator[Metric]:
        yield from self._figures
