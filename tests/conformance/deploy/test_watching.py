"""What watches over the system refers to what exists: metrics and log events in alarms and dashboards, runbooks, targets."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from community.store.unit_of_work import Store
from tests.architecture.repository import PRODUCT, ROOT, python_files
from tests.support.process_pages import pages
from tools.stack.prometheus import DASHBOARD, figures_in, panels

ALARMS: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alarms.yml").read_text())
RULES = [rule for group in ALARMS["groups"] for rule in group["rules"]]
OF_PROMETHEUS = {"up"}


def expressions() -> list[str]:
    """Every PromQL expression of the alarms and of the dashboards."""
    return [str(rule["expr"]) for rule in RULES] + [expression for _, expression in panels()]


def test_names_are_found_in_expressions() -> None:
    assert figures_in('sum by (event) (increase(log_events_total{level="error"}[1h])) > 3') == {"log_events_total"}
    assert figures_in("a_total > 10 and b_seconds > 60") == {"a_total", "b_seconds"}


async def test_every_metric_of_alarms_and_dashboards_exists(sqlite_store: Store, tmp_path: Path) -> None:
    known = set(OF_PROMETHEUS)
    shown = await pages(sqlite_store, tmp_path, "http://127.0.0.1:9")
    assert 'indexer_open_breaks{severity="grave"} 0.0' in shown["indexer"], "none is told as 0, not as nothing"
    for text in shown.values():
        for family in text_string_to_metric_families(text):
            known |= {family.name, *(sample.name for sample in family.samples)}
            if family.type == "counter":
                known.add(f"{family.name}_total")
    # these two appear once there is something to tell: a frame, a node that answers
    known |= {"ingest_newest_frame_age_seconds", "settlement_account_coins"}
    assert expressions()
    assert {name for each in expressions() for name in figures_in(each)} - known == set()


def test_every_log_event_of_an_alarm_is_logged_as_an_error_or_a_warning() -> None:
    source = "\n".join((ROOT / file).read_text() for file in python_files(*PRODUCT))
    named = {
        event for each in expressions() for events in re.findall(r'event=~?"([a-z_|]+)"', each)
        for event in events.split("|")
    }  # fmt: skip
    assert {"transaction_stuck", "finality_contradicted", "final_block_changed"} <= named
    for event in named:
        assert re.search(rf'(?:error|critical|warning|exception|raise_alarm)\(\s*"{event}"', source), event


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alarm_says_how_bad_it_is_and_names_a_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    runbook = ROOT / rule["annotations"]["runbook_url"]
    assert runbook.is_file()
    assert rule["alert"] in runbook.read_text(), "the runbook names the alarms that lead to it"


def test_prometheus_asks_every_process_of_the_compose_file() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    asked = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]
    targets = set(asked["static_configs"][0]["targets"])
    serving = {
        f"{name}:{value}" for name, service in services.items()
        for variable, value in service.get("environment", {}).items() if variable == f"{name.upper()}_PROBES_PORT"
    }  # fmt: skip
    assert targets == serving
    networks = set(services["prometheus"]["networks"])
    assert all(networks & set(services[target.split(":")[0]]["networks"]) for target in targets)


def test_panels_have_a_source_and_a_place_of_their_own() -> None:
    shown = json.loads(DASHBOARD.read_text())["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in shown]
    assert len(set(places)) == len(places) and len({panel["id"] for panel in shown}) == len(shown)
    provisioned = yaml.safe_load((DASHBOARD.parents[1] / "provisioning" / "datasources" / "prometheus.yml").read_text())
    assert {panel["datasource"]["uid"] for panel in shown} == {each["uid"] for each in provisioned["datasources"]}
