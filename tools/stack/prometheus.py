"""Prometheus from the system's package with deploy/prometheus; only where it finds the processes is added."""

import asyncio
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from community.errors import FatalError
from standalone.audit import Findings

ROOT = Path(__file__).resolve().parents[2]
DEPLOYED = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "energy-community.json"
TARGETS_UP_S = 60.0
"""Three turns of asking, and one more."""
NEVER_YET = {"log_events_total", "indexer_node_failures_total"}
"""Counters that appear with the first trouble."""


def prometheus_program(name: str = "prometheus") -> str:
    """`prometheus` or `promtool`. Raises FatalError where it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise FatalError("Prometheus is not installed (Debian and Ubuntu: sudo apt-get install prometheus).")
    return found


def write_configuration(folder: Path, probes: Mapping[str, int]) -> Path:
    """Copy the configuration into `folder`; each name of a process leads to its port of this machine. Returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(DEPLOYED / "alarms.yml", folder / "alarms.yml")
    # after the deployed rules, which make the label `service` of the name
    rules = "".join(
        f"      - {{source_labels: [__address__], regex: '{name}:.*', target_label: __address__, "
        f"replacement: '127.0.0.1:{port}'}}\n"
        for name, port in probes.items()
    )
    main = folder / "prometheus.yml"
    main.write_text((DEPLOYED / "prometheus.yml").read_text() + rules)
    return main


def command(main: Path, port: int) -> tuple[str, ...]:
    """How Prometheus is started in the foreground."""
    return (
        prometheus_program(), f"--config.file={main}", f"--storage.tsdb.path={main.parent / 'figures'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    )  # fmt: skip


_WORDS = {
    "and", "or", "unless", "offset", "by", "ignoring", "sum", "rate", "increase", "changes", "label_replace", "job", "event",
    "process", "level", "service", "verdict", "state", "severity", "outcome", "status", "endpoint",
}  # fmt: skip


class Prometheus:
    """What is asked of a running one."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer. Raises FatalError with its words."""
        answer = (await self._client.get(f"/api/v1/{path}", params=parameters)).json()
        if answer["status"] != "success":
            raise FatalError(f"Prometheus refuses {parameters or path}: {answer['error']}")
        return answer["data"]

    async def services(self) -> dict[str, str]:
        """How each target is: `up`, `down` or `unknown`, by its label `service`."""
        targets = (await self.ask("targets", state="active"))["activeTargets"]
        return {target["labels"].get("service", target["scrapeUrl"]): target["health"] for target in targets}

    async def until_up(self, wanted: set[str]) -> dict[str, str]:
        """Wait until these services were asked and answered; what they are when that came, or the time was over."""
        found: dict[str, str] = {}
        try:
            async with asyncio.timeout(TARGETS_UP_S):
                while found != dict.fromkeys(wanted, "up"):
                    found = await self.services()
                    await asyncio.sleep(0.5)
        except TimeoutError:
            return found
        return found


def figures_in(expression: str) -> set[str]:
    """The metric names of a PromQL expression: identifiers outside of quotes and durations that are no word of PromQL."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\d+[smhdw]', "", expression)
    return set(re.findall(r"[a-z_][a-z0-9_]*", bare)) - _WORDS


def panels() -> list[tuple[str, str]]:
    """Title and expression of everything that the dashboard shows."""
    return [
        (panel["title"], target["expr"])
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel["targets"]
    ]


async def look_at_figures(url: str, wanted: set[str]) -> Findings:
    """Every process is asked and answers, every alarm can be judged, and every panel of the dashboard has something to show."""
    findings = Findings()
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        asked = Prometheus(client)
        services = await asked.until_up(wanted)
        findings.expect(services == dict.fromkeys(wanted, "up"), f"Prometheus finds its targets so: {services}")
        rules = [rule for group in (await asked.ask("rules"))["groups"] for rule in group["rules"]]
        findings.problems += [
            f"alarm {rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] == "err"
        ]  # fmt: skip
        known = set(await asked.ask("label/__name__/values")) | NEVER_YET
        shown = 0
        for title, expression in panels():
            shown += bool((await asked.ask("query", query=expression))["result"])
            unknown = figures_in(expression) - known
            findings.expect(not unknown, f"panel {title}: nobody shows {', '.join(sorted(unknown))}")
        findings.figures |= {"targets_up": len(services), "alarms": len(rules), "panels_with_figures": shown}
    return findings
