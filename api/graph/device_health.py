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
class SaidOfItself:
    """What a device said of itself last. Nothing proves it: it is for those who look after the device."""

    is_online: bool = strawberry.field(description="False once its connection to the device broker ended.")
    firmware: str | None = strawberry.field(description="The version it runs.")
    backlog: Counter | None = strawberry.field(description="Readings and statements that wait in the device.")
    told_at: datetime = strawberry.field(description="When it said so.")


def _said(view: views.SaidOfItself) -> SaidOfItself:
    backlog = None if view.backlog is None else Counter(view.backlog)
    return SaidOfItself(is_online=view.is_online, firmware=view.firmware, backlog=backlog, told_at=view.told_at)


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
    signal_dbm: int | None = strawberry.field(
        description="How strongly the nearest gateway heard its newest LoRaWAN uplink of the last 24 hours (RSSI)."
    )
    said: SaidOfItself | None = strawberry.field(description="What it said of itself last; null if it never did.")


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
        signal_dbm=view.signal_dbm,
        said=None if view.said is None else _said(view.said),
    )


_SPANS = {"missing24h": "24 h", "missing7d": "7 d", "missing30d": "30 d"}
