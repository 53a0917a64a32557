"""How a device is: what is missing of it, what was refused, its clock, and its time on the air."""

from datetime import datetime, timedelta

import strawberry

from api.scalars import Counter
from community.store.views import device_health as views


@strawberry.type
class MissingReadings:
    """Readings of the register that counts, over a span of time up to now."""

    expected: Counter = strawberry.field(description="Readings that should have come.")
    present: Counter = strawberry.field(description="Readings that came.")
    per_mille: int | None = strawberry.field(description="Missing ones of a thousand; null where none was expected.")


def missing_of(view: views.Missing) -> MissingReadings:
    return MissingReadings(expected=Counter(view.expected), present=Counter(view.present), per_mille=view.per_mille)


@strawberry.type
class DeviceHealth:
    """A device as the books show it. Counts of refusals are of the last 30 days."""

    last_seen_at: datetime | None = strawberry.field(description="When its newest frame arrived.")
    missing24h: MissingReadings = strawberry.field(description="Of the last 24 hours.")
    missing7d: MissingReadings = strawberry.field(description="Of the last 7 days.")
    missing30d: MissingReadings = strawberry.field(description="Of the last 30 days.")
    signature_failures: Counter = strawberry.field(description="Statements that did not verify.")
    counter_anomalies: Counter = strawberry.field(description="Counters that were repeated or used twice.")
    clock_drift_ms: Counter | None = strawberry.field(
        description="The least time from a reading to its arrival in the last day: the way through the network, and the clock."
    )
    clock_drifts: bool = strawberry.field(description="Whether its clock asks for a correction: over 30 s.")
    airtime_ms: Counter | None = strawberry.field(
        description="Time on the air of its LoRaWAN uplinks in the last 24 hours; null for a device without radio."
    )


def health_of(view: views.DeviceHealth) -> DeviceHealth:
    spans = {name: missing_of(view.missing[span]) for name, span in _SPANS.items()}
    drift = None if view.drift is None else Counter(view.drift // timedelta(milliseconds=1))
    return DeviceHealth(
        last_seen_at=view.last_seen_at,
        **spans,
        signature_failures=Counter(view.signature_failures),
        counter_anomalies=Counter(view.counter_anomalies),
        clock_drift_ms=drift,
        clock_drifts=view.drifts,
        airtime_ms=None if view.airtime_us is None else Counter(view.airtime_us // 1000),
    )


_SPANS = {"missing24h": "24 h", "missing7d": "7 d", "missing30d": "30 d"}
