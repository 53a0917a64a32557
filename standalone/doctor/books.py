"""What the books tell: silent devices, what is stuck, what lags, what disagrees."""

from datetime import datetime, timedelta

from community.errors import CommunityError
from community.minting.issuances import IssuanceState
from community.store import chain_index
from community.store.issuances import count_by_state
from community.store.operating_figures import (
    intake_figures,
    open_breaks_by_severity,
    settlement_figures,
    silent_devices,
)
from community.store.unit_of_work import Store, Work
from gateway_agent.diagnosis import Finding, Verdict
from standalone.doctor.subject import Subject

STUCK_AFTER = timedelta(minutes=30)
INDEX_AGE_MAX = timedelta(minutes=2)
BEHIND_MAX = 50
NAMED_MAX = 5


async def books(subject: Subject, now: datetime) -> list[Finding]:
    """Everything that can be read there."""
    if subject.database_url is None:
        return []
    store = Store.open(subject.database_url)
    try:
        async with store.read() as work:
            return [
                *await _devices(work, now),
                *await _issuances(work, now),
                *await _index(work, subject.chain_id, now),
                *await _breaks(work),
            ]
    except CommunityError as error:
        return [Finding("books", Verdict.UNKNOWN, f"they cannot be read: {error}")]
    finally:
        await store.close()


async def _devices(work: Work, now: datetime) -> list[Finding]:
    figures, silent = await intake_figures(work, now), await silent_devices(work, now)
    found = []
    if silent:
        named = ", ".join(f"{eui} ({name})" for eui, name in silent[:NAMED_MAX])
        more = f" and {figures.silent_devices - NAMED_MAX} more" if figures.silent_devices > NAMED_MAX else ""
        what = f"{figures.silent_devices} of {figures.active_devices} silent for two hours: {named}{more}"
        found.append(Finding("devices", Verdict.WRONG, what, "docs/runbooks/silent-device.md"))
    else:
        found.append(Finding("devices", Verdict.OK, f"{figures.active_devices} in service, none is silent"))
    for count, topic, step in (
        (figures.open_gaps, "gaps", "python -m ingest gaps names those that need a person."),
        (figures.open_quarantine, "quarantine", "python -m ingest inbox list; device show names what is missing."),
    ):
        verdict = Verdict.NOTE if count else Verdict.OK
        found.append(Finding(topic, verdict, f"{count} open", step if count else ""))
    return found


async def _issuances(work: Work, now: datetime) -> list[Finding]:
    counts, figures = await count_by_state(work), await settlement_figures(work)
    stopped, runbook = counts.get(IssuanceState.STOPPED, 0), "docs/runbooks/stuck-transaction.md"
    found = []
    if figures.frozen_accounts:
        what = f"{figures.frozen_accounts} frozen: a nonce was used by a transaction that is not ours"
        found.append(Finding("accounts", Verdict.WRONG, what, runbook))
    if stopped:
        step = f"python -m settlement status names each with its reason; {runbook}"
        found.append(Finding("issuances", Verdict.WRONG, f"{stopped} stopped and wait for a person", step))
    if figures.oldest_open_at is not None and now - figures.oldest_open_at > STUCK_AFTER:
        minutes = int((now - figures.oldest_open_at).total_seconds() // 60)
        found.append(Finding("issuances", Verdict.WRONG, f"the oldest has been under way for {minutes} min", runbook))
    final = counts.get(IssuanceState.FINAL, 0)
    return found or [Finding("issuances", Verdict.OK, f"{final} final, none is stuck")]


async def _index(work: Work, chain_id: int | None, now: datetime) -> list[Finding]:
    if chain_id is None:
        return []
    known = await chain_index.checkpoint(work, chain_id)
    if known is None:
        return [Finding("index", Verdict.WRONG, "nothing is indexed yet", "Start the indexer.")]
    age = now - known.updated_at
    what = f"block {known.head.number}, {known.behind} behind, looked at {int(age.total_seconds())} s ago"
    if age > INDEX_AGE_MAX:
        return [Finding("index", Verdict.WRONG, what, "The indexer stands still: docs/runbooks/rpc-down.md.")]
    if known.behind > BEHIND_MAX:
        return [
            Finding("index", Verdict.WRONG, what, "It catches up, or the node is too slow: docs/runbooks/rpc-down.md.")
        ]
    return [Finding("index", Verdict.OK, what)]


async def _breaks(work: Work) -> list[Finding]:
    found = await open_breaks_by_severity(work)
    if not found:
        return [Finding("reconciliation", Verdict.OK, "no break is open")]
    what = ", ".join(f"{count} {severity}" for severity, count in sorted(found.items()))
    verdict = Verdict.NOTE if set(found) == {"minor"} else Verdict.WRONG
    return [Finding("reconciliation", verdict, f"breaks are open: {what}", "python -m indexer reconcile show")]
