"""A situation as it stands in a folder: a timeline of agreeing settlements, what went wrong then, and what is found.

`timeline.txt` has a line `10:15 settled 100 Wh` for each quarter-hour, in order; every other line is for the reader.
`when/changes.toml` changes the facts: `[[remove]]`, `[[change]]` and `[[add]]` name a table of facts and rows by number
(negative from the end); `[chain] follows = true` lets the contract's own answers and the indexed balances follow what is
then minted, and the other tables of `[chain]` set single answers. `then/found.toml` has the breaks and the rows that
match, are pending, or are attributed.
"""

import re
import tomllib
from dataclasses import fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from community.minting.issuances import IssuanceState
from community.reconciliation.facts import (
    AlteredInterval,
    AlteredReading,
    AskedTotals,
    Configured,
    Facts,
    ShareTokens,
    SourceOnChain,
)
from community.reconciliation.results import Reconciliation
from community.tokens.supply import Supply
from tests.support.books_in_agreement import LONG_AGO, OPENING_AT, SOURCE, agreeing

HERE = Path(__file__).parent
_SETTLED = re.compile(r"^(\d\d):(\d\d) settled (\d+) Wh\b")
_NEW: dict[str, Any] = {
    "altered_readings": AlteredReading(SOURCE.id, "mea_1", OPENING_AT, 0, 0),
    "altered_intervals": AlteredInterval(SOURCE.id, OPENING_AT, 0, 0),
    "configured": Configured(0, 0, SOURCE.ref, 0, 0),
}


def situations() -> list[Path]:
    """Every situation's folder."""
    return sorted(path for path in HERE.glob("given_*") if path.is_dir())


def facts_of(folder: Path) -> Facts:
    """The facts of a situation."""
    energies = []
    for line in (folder / "timeline.txt").read_text().splitlines():
        if found := _SETTLED.match(line):
            at = OPENING_AT + timedelta(minutes=15 * (len(energies) + 1))
            assert (at.hour, at.minute) == (int(found[1]), int(found[2])), f"{folder.name}: {line} comes out of turn"
            energies.append(int(found[3]))
    changes = tomllib.loads((folder / "when" / "changes.toml").read_text())
    facts = agreeing(energies)
    for change in changes.get("remove", ()):
        kept = list(getattr(facts, change["table"]))
        for row in sorted((row % len(kept) for row in change["rows"]), reverse=True):
            del kept[row]
        facts = replace(facts, **{change["table"]: tuple(kept)})
    for change in changes.get("change", ()):
        rows = list(getattr(facts, change["table"]))
        rows[change["row"]] = _changed(rows[change["row"]], change["set"])
        facts = replace(facts, **{change["table"]: tuple(rows)})
    for change in changes.get("add", ()):
        rows = getattr(facts, change["table"])
        like = rows[change["like"]] if "like" in change else _NEW[change["table"]]
        facts = replace(facts, **{change["table"]: (*rows, _changed(like, change["set"]))})
    return _told_by_the_chain(facts, changes.get("chain", {}), changes.get("facts", {}))


def found_in(facts: Facts, result: Reconciliation) -> dict[str, Any]:
    """A result in the words of `then/found.toml`: rows by their number in the facts."""
    numbers = {one.id: n for n, one in enumerate(facts.issuances)}
    events = {(one.block_number, one.log_index): n for n, one in enumerate(facts.settled)}
    intervals = {one.key: n for n, one in enumerate(facts.intervals)}
    found: dict[str, Any] = {
        "matches": [
            [numbers[one.issuance_id], events[one.event.block_number, one.event.log_index]] for one in result.matches
        ],
        "pending": [numbers[one] for one in result.pending.issuances],
        "attributed": [
            [intervals[one] for one in result.attributed],
            [one.confidence.value for one in result.attributions],
        ],
        "break": [],
    }
    if facts.has_issuer:
        del found["attributed"]
    for one in result.breaks:
        told = {
            "kind": one.kind.value, "severity": one.severity.value, "says": one.what, "expected": one.expected or "",
            "found": one.found or "", "issuances": [numbers[i] for i in one.issuances],
            "events": [events[e] for e in one.events], "intervals": [intervals[i] for i in one.intervals],
        }  # fmt: skip
        found["break"].append({name: value for name, value in told.items() if value not in ("", [])})
    return found


def _told_by_the_chain(facts: Facts, chain: dict[str, Any], others: dict[str, Any]) -> Facts:
    assert facts.asked is not None
    if chain.get("follows"):
        balances: dict[str, int] = {}
        for mint in facts.mints:
            balances[mint.recipient] = balances.get(mint.recipient, 0) + mint.amount
        supply = Supply(sum(balances.values()))
        register_wh = max((one.to_wh for one in facts.settled), default=SOURCE.opening_register_wh)
        asked = AskedTotals(supply.outstanding, dict(balances), {SOURCE.ref: SourceOnChain(register_wh, 0)})
        facts = replace(facts, balances=balances, supply=supply, asked=asked)
    asked = facts.asked
    assert asked is not None
    if "total_supply" in chain:
        asked = replace(asked, total_supply=int(chain["total_supply"]))
    if "balances" in chain:
        asked = replace(asked, balances={**asked.balances, **{k: int(v) for k, v in chain["balances"].items()}})
    if "register_wh" in chain:
        asked = replace(asked, sources={SOURCE.ref: SourceOnChain(chain["register_wh"], chain.get("debt_wh", 0))})
    if "indexed_balances" in chain:
        facts = replace(facts, balances={**facts.balances, **{k: int(v) for k, v in chain["indexed_balances"].items()}})
    if "share_tokens" in chain:
        moved_at = chain.get("share_tokens_moved_at", LONG_AGO)
        facts = replace(facts, shares_on_chain={SOURCE.id: ShareTokens(chain["share_tokens"], moved_at)})
    times = {one.block_number: one.read_at for one in facts.settled}
    if others.get("plain_token"):
        facts = replace(facts, has_issuer=False, block_times=times, settled=(), issuances=(), configured=())
        asked = replace(asked, sources={})
    return replace(facts, asked=None if chain.get("silent") else asked)


def _changed(row: Any, changes: dict[str, Any]) -> Any:
    own = {field.name: getattr(row, field.name) for field in fields(row)}
    for name, value in changes.items():
        first, _, rest = name.partition(".")
        own[first] = _changed(own[first], {rest: value}) if rest else _typed(own[first], value)
    return type(row)(**own)


def _typed(before: Any, value: Any) -> Any:
    """TOML knows no integers of 256 bits, no enumerations, no tuples and no None."""
    if value == "nothing":
        return None
    if isinstance(before, StrEnum):
        return IssuanceState(value)
    if type(before) is int and isinstance(value, str):
        return int(value)
    if isinstance(before, tuple):
        return tuple((one[0], int(one[1])) for one in value)
    assert not isinstance(before, datetime) or isinstance(value, datetime)
    return value
