"""Facts as they were: what lies up to a valid time. Knowledge time is the loader's, who leaves out what came later."""

from dataclasses import replace
from datetime import datetime

from community.reconciliation.facts import Facts


def until(facts: Facts, valid_until: datetime) -> Facts:
    """`facts` about energy up to `valid_until` only, whenever it was settled.

    Control totals are of all the chain and say nothing about a part of the time, so they are left out.
    """
    settled = tuple(one for one in facts.settled if one.read_at <= valid_until)
    gone = {one.tx_hash for one in facts.settled if one.read_at > valid_until}
    kept = {one.tx_hash for one in settled}
    return replace(
        facts,
        issuances=tuple(one for one in facts.issuances if one.period_end <= valid_until),
        intervals=tuple(one for one in facts.intervals if one.ends_at <= valid_until),
        settled=settled,
        mints=tuple(one for one in facts.mints if one.tx_hash in kept or one.tx_hash not in gone),
        altered_readings=tuple(one for one in facts.altered_readings if one.at <= valid_until),
        altered_intervals=tuple(one for one in facts.altered_intervals if one.starts_at < valid_until),
        asked=None,
        has_totals=False,
    )
