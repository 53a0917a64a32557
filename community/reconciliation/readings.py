"""Stored readings and intervals against what was signed: an edit in the database contradicts its own evidence."""

from collections.abc import Iterable, Iterator

from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.facts import Facts


def altered(facts: Facts, named_already: Iterable[str]) -> Iterator[Break]:
    """A break for each altered reading and interval; intervals in `named_already` stand in another energy break."""
    names = {source.id: source.name for source in facts.sources}
    for reading in facts.altered_readings:
        proof = "its proof leads to no signed statement" if reading.signed_wh is None else f"{reading.signed_wh} Wh"
        yield Break(
            BreakKind.READING_DIFFERS,
            reading.measurement_id,
            f"The reading of {names.get(reading.source_id, reading.source_id)} at {reading.at:%Y-%m-%d %H:%M} UTC stands "
            f"with {reading.stored_wh} Wh in the database; what the device signed: {proof}.",
            source_id=reading.source_id,
            expected=None if reading.signed_wh is None else f"{reading.signed_wh} Wh",
            found=f"{reading.stored_wh} Wh",
        )
    known = set(named_already)
    for interval in facts.altered_intervals:
        stored = "is missing" if interval.stored_wh is None else f"holds {interval.stored_wh} Wh"
        if interval.key not in known:
            yield Break(
                BreakKind.ENERGY_DIFFERS,
                interval.key,
                f"The interval of {names.get(interval.source_id, interval.source_id)} from "
                f"{interval.starts_at:%Y-%m-%d %H:%M} UTC {stored}; the readings at its two ends give "
                f"{interval.registers_wh} Wh.",
                source_id=interval.source_id,
                expected=f"{interval.registers_wh} Wh",
                found=None if interval.stored_wh is None else f"{interval.stored_wh} Wh",
            )
