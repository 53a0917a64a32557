"""Each alarm fires when it should, with what a person reads then, and stays quiet short of it: judged by Prometheus itself."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.repository import ROOT
from tools.stack.prometheus import DEPLOYED, figures_in, prometheus_program, write_configuration

ALARMS = DEPLOYED / "alarms.yml"
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(ALARMS.read_text())["groups"] for rule in group["rules"]
}
Series = Mapping[str, str]
"""Values of each series from minute to minute, in promtool's notation: `1+0x4` is five times 1, `_` is nothing."""

UPLINKS = 'ingest_uplinks_total{service="ingest",verdict="%s"}'
LOGGED = 'log_events_total{event="%s",level="error",process="%s"}'
FAILURES, STANDS = 'indexer_node_failures_total{endpoint="node.example.org"}', "indexer_since_progress_seconds"


@dataclass(frozen=True)
class Case:
    """One alarm: what lets it fire at `minute`, with which labels and words, and what must not."""

    alarm: str
    minute: int
    fires: Series
    summary: str
    quiet: tuple[Series, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


CASES = [
    Case(
        "ProcessAway", 5, {'up{job="energy-community",service="ingest"}': "1+0x1 0+0x9"}, "ingest does not answer",
        ({'up{job="energy-community",service="ingest"}': "1+0x3 0+0x9"}, {'up{job="other",service="x"}': "0+0x9"}),
        {"job": "energy-community", "service": "ingest"},
    ),
    Case(
        "SignerAway", 5, {'signer_ready{service="signer"}': "1+0x1 0+0x9"},
        "The signer answers no request: nothing is minted until it does; nothing is lost",
        ({'signer_ready{service="signer"}': "1+0x9", 'up{service="signer"}': "1+0x9"}, {'up{service="api"}': "0+0x9"}),
        {"service": "signer"},
    ),
    Case(
        "SignerAway", 5, {'up{service="signer"}': "0+0x9"},
        "The signer answers no request: nothing is minted until it does; nothing is lost", (), {"service": "signer"},
    ),
    *(
        Case(
            "BooksAway", 5, {f"{process}_measured": "0+0x9"}, "A process cannot read the books",
            ({f"{process}_measured": "0+0x3 1+0x9"},),
        )
        for process in ("ingest", "settlement", "indexer")
    ),
    *(
        Case(
            "BrokerAway", 5, {f'{process}_broker_connected{{service="{process}"}}': "0+0x9"},
            f"{process} is not connected to the broker; devices keep their readings",
            ({f'{process}_broker_connected{{service="{process}"}}': "0+0x4 1+0x9"},), {"service": process},
        )
        for process in ("ingest", "settlement", "signer")
    ),
    Case(
        "NothingArrives", 10, {"ingest_newest_frame_age_seconds": "3601+60x20", "ingest_active_devices": "3+0x20"},
        "For an hour no frame of any device has arrived",
        (
            {"ingest_newest_frame_age_seconds": "3600+0x20", "ingest_active_devices": "3+0x20"},
            {"ingest_newest_frame_age_seconds": "9999+60x20", "ingest_active_devices": "0+0x20"},
        ),
    ),
    Case(
        "DevicesSilent", 20, {"ingest_silent_devices": "2+0x30"}, "2 devices have been silent for two hours",
        ({"ingest_silent_devices": "2+0x9 0+0x30"},),
    ),
    Case(
        "SignaturesFail", 70, {UPLINKS % "rejected": "0+1x90"},
        "60 uplinks were rejected within an hour: a wrong key, a replay, or somebody tries",
        ({UPLINKS % "rejected": "0+1x10 10+0x90", UPLINKS % "admitted": "0+100x90"},),
        {"service": "ingest", "verdict": "rejected"},
    ),
    Case(
        "QuarantineGrows", 400, {UPLINKS % "quarantined": "0+1x500"},
        "Much is being quarantined; `python -m ingest inbox list` shows what is of unknown devices",
        ({UPLINKS % "quarantined": "0+1x30 30+0x500"},), {"service": "ingest", "verdict": "quarantined"},
    ),
    *(
        Case(
            "TransactionStuck", 12, {LOGGED % ("transaction_stuck", "settlement"): values},
            "A transaction is not mined at the fees that are allowed; later ones queue behind it",
            ({LOGGED % ("transaction_stuck", "settlement"): "1+0x30"}, {LOGGED % ("other", "settlement"): "0+1x30"}),
            {"event": "transaction_stuck", "level": "error", "process": "settlement"},
        )
        for values in ("_x8 1+0x30", "1+0x8 2+0x30")
    ),
    Case(
        "SettlementLate", 10, {"settlement_oldest_open_seconds": "1860+0x20"},
        "An issuance has been under way for 31m 0s",
        ({"settlement_oldest_open_seconds": "1800+0x20"}, {"settlement_oldest_open_seconds": "1900+0x3 20+0x20"}),
    ),
    Case(
        "SettlementStopped", 1, {'settlement_issuances{state="stopped"}': "1+0x5"},
        "1 issuances were refused or reverted and wait for a person",
        ({'settlement_issuances{state="stopped"}': "0+0x5", 'settlement_issuances{state="mined"}': "9+0x5"},),
        {"state": "stopped"},
    ),
    Case(
        "SourcesBlocked", 70, {"settlement_blocked_sources": "2+0x90"},
        "2 sources wait for a person: `python -m settlement status` says for what",
        ({"settlement_blocked_sources": "0+0x20 2+0x90"},),
    ),
    Case(
        "AccountFrozen", 1, {"settlement_frozen_accounts": "1+0x5"},
        "A nonce was used by a transaction that is not ours: the settler's key may be stolen",
        ({"settlement_frozen_accounts": "0+0x5"},),
    ),
    Case(
        "CoinsLow", 15, {"settlement_account_coins": "0.5+0x20"}, "The settler has 0.5 coins left for fees",
        ({"settlement_account_coins": "1+0x20"}, {"settlement_account_coins": "0.5+0x8 5+0x20"}),
    ),
    Case(
        "SignerSilent", 15, {LOGGED % ("issuance_retries", "settlement"): "0+3x20"},
        "Settlement repeats the same step again and again: signer or node do not answer",
        ({LOGGED % ("issuance_retries", "settlement"): "0+1x20"},),
        {"event": "issuance_retries", "level": "error", "process": "settlement"},
    ),
    Case(
        "NodeAway", 10, {FAILURES: "0+5x20", STANDS: "0+60x20"},
        "node.example.org fails or is not believed, and the index stands still",
        ({FAILURES: "0+5x20", STANDS: "3+0x20"}, {FAILURES: "0+1x20", STANDS: "0+60x20"}), {"endpoint": "node.example.org"},
    ),
    Case(
        "IndexBehind", 10, {"indexer_behind_blocks": "51+0x20"}, "The index is 51 blocks behind its node",
        ({"indexer_behind_blocks": "50+0x20"}, {"indexer_behind_blocks": "900+0x7 0+0x20"}),
    ),
    Case(
        "DeepReorg", 20, {"indexer_reorgs_total": "0+0x9 1+0x30", "indexer_reorg_depth_blocks": "0+0x9 11+0x30"},
        "A reorg of more than 10 blocks was followed; nothing that was final changed",
        (
            {"indexer_reorgs_total": "0+0x9 1+0x30", "indexer_reorg_depth_blocks": "0+0x9 10+0x30"},
            {"indexer_reorgs_total": "4+0x30", "indexer_reorg_depth_blocks": "30+0x30"},
        ),
    ),
    *(
        Case(
            "FinalityBroken", 12, {LOGGED % (event, process): values},
            "The chain, or a node, takes back what was final. Nothing was rewritten here: decide by hand",
            ({LOGGED % (event, process): "1+0x30"},), {"event": event, "level": "error", "process": process},
        )
        for event, process in (
            ("finality_contradicted", "indexer"),
            ("final_settlement_vanished", "settlement"),
            ("final_block_changed", "indexer"),
        )
        for values in ("_x8 1+0x30", "1+0x8 2+0x30")
    ),
    Case(
        "BreaksOpen", 40,
        {'indexer_open_breaks{severity="grave"}': "3+0x60", 'indexer_open_breaks{severity="minor"}': "0+0x60"},
        "3 breaks (grave) between meters, issuances and chain are open",
        ({'indexer_open_breaks{severity="grave"}': "0+0x15 3+0x60"},), {"breaks": "grave"},
    ),
]  # fmt: skip


def _series(given: Series) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in given.items()]


def _expected(case: Case) -> dict[str, Any]:
    rule = RULES[case.alarm]
    return {
        "exp_labels": {**case.labels, **rule["labels"]},
        "exp_annotations": {"summary": case.summary, "runbook_url": rule["annotations"]["runbook_url"]},
    }


def judged(folder: Path, tests: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """What promtool says of the alarms under these circumstances."""
    file = folder / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALARMS)], "evaluation_interval": "1m", "tests": tests}))
    return promtool("test", "rules", str(file))


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([prometheus_program("promtool"), *words], capture_output=True, text=True, check=False)


def asked(case: Case, given: Series, expected: list[dict[str, Any]]) -> dict[str, Any]:
    question = {"eval_time": f"{case.minute}m", "alertname": case.alarm, "exp_alerts": expected}
    return {"interval": "1m", "input_series": _series(given), "alert_rule_test": [question]}


def together(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same questions in fewer runs: those whose alarms look at different figures share one."""
    shared: list[tuple[set[str], dict[str, Any]]] = []
    for test in tests:
        figures = {name for each in test["alert_rule_test"] for name in figures_in(RULES[each["alertname"]]["expr"])}
        taken, run = next((one for one in shared if not one[0] & figures), (set(), {"interval": "1m"}))
        if not taken:
            shared.append((taken, run))
        taken |= figures
        for part in ("input_series", "alert_rule_test"):
            run[part] = [*run.get(part, []), *test[part]]
    return [run for _, run in shared]


def test_each_alarm_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    fires = [asked(case, case.fires, [_expected(case)]) for case in CASES]
    quiet = [asked(case, given, []) for case in CASES for given in case.quiet]
    answer = judged(tmp_path, together(fires + quiet))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_several_kinds_of_breaks_are_several_alarms(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.alarm == "BreaksOpen")
    given = {f'indexer_open_breaks{{severity="{severity}"}}': "2+0x60" for severity in ("grave", "minor")}
    expected = [
        _expected(Case(case.alarm, case.minute, given, case.summary.replace("3 breaks (grave)", f"2 breaks ({severity})"),
                       (), {"breaks": severity}))
        for severity in ("grave", "minor")
    ]  # fmt: skip
    answer = judged(tmp_path, [asked(case, given, expected)])
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_alarm_is_judged_both_ways() -> None:
    assert {case.alarm for case in CASES} == {case.alarm for case in CASES if case.quiet} == set(RULES)
    for case in CASES:
        assert {name.split("{")[0] for name in case.fires} <= figures_in(RULES[case.alarm]["expr"])


def test_a_wrong_expectation_is_noticed(tmp_path: Path) -> None:
    case = CASES[0]
    answer = judged(tmp_path, [asked(case, case.fires, [])])
    assert answer.returncode != 0 and "ProcessAway" in answer.stdout + answer.stderr


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    """As it is deployed, and as the stack uses it."""
    for file in (DEPLOYED / "prometheus.yml", write_configuration(tmp_path / "prometheus", {"api": 1234})):
        answer = promtool("check", "config", str(file))
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert f"{len(RULES)} rules found" in answer.stdout
    assert ROOT in DEPLOYED.parents
