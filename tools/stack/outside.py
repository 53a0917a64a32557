"""The stack as the public, an operator and Prometheus see it: what is asked from outside, and what must come back."""

import asyncio
import json
import os
import ssl
import sys
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
import websockets
from prometheus_client.parser import text_string_to_metric_families

from gateway_agent.diagnosis import Verdict
from standalone.audit import Findings
from standalone.doctor.examination import examine
from standalone.layout import Facts
from tools.stack.prometheus import look_at_figures
from tools.stack.system import MEMBER, PERSON, Stack

DEADLINE_S = 30
OF_THE_REPLAY = {"devices"}
"""What is replayed lies two days back, and the network server stamps its uplinks with the replayed time: they seem old."""
BALANCES = "{ balances { member { id } final } }"


async def look_from_outside(stack: Stack, facts: Facts) -> Findings:
    """Page, operations, live data, sign-in, probes, figures and alarms in Prometheus, and the doctor's opinion."""
    findings = Findings()
    context = ssl.create_default_context(cafile=str(stack.secrets / "broker" / "ca.pem"))
    async with httpx.AsyncClient(base_url=stack.url, verify=context, trust_env=False, timeout=DEADLINE_S) as client:
        await _page(client, findings)
        await _operator(client, facts, findings)
        await _live(stack, facts, context, findings)
        await _signed_in(stack, client, findings)
    await _probes(stack, findings)
    await asyncio.to_thread(_logs, stack, findings)
    figures = await look_at_figures(f"http://127.0.0.1:{stack.watching}", set(stack.probes))
    findings.figures |= figures.figures
    findings.problems += figures.problems
    doctor = await examine(stack.environment(facts), datetime.now(UTC))
    findings.problems += [
        f"doctor: {each.topic}: {each.what}"
        for each in doctor
        if each.verdict is Verdict.WRONG and each.topic not in OF_THE_REPLAY
    ]
    findings.figures["doctor_looked_at"] = len(doctor)
    return findings


async def _page(client: httpx.AsyncClient, findings: Findings) -> None:
    page = await client.get("/")
    findings.expect(page.status_code == 200 and "<title>" in page.text, "nginx does not serve the page")
    findings.expect((await client.get("/healthz")).json() == {"ok": True}, "the API is not reached through nginx")
    hook = await client.post("/webhooks/chirpstack", json={})
    findings.expect(hook.status_code in (401, 403), f"a webhook without its secret is answered {hook.status_code}")


async def _operator(client: httpx.AsyncClient, facts: Facts, findings: Findings) -> None:
    answer = await client.post("/graphql", json={"query": BALANCES}, headers=_bearer(facts.operator_key))
    members = answer.json().get("data", {}).get("balances", [])
    findings.expect(len(members) >= 5, f"an operator is shown {len(members)} balances through nginx")
    findings.figures["balances_through_nginx"] = len(members)


async def _live(stack: Stack, facts: Facts, context: ssl.SSLContext, findings: Findings) -> None:
    """A subscription by WebSocket and one by server-sent events, each through nginx."""
    protocol, address = [websockets.Subprotocol("graphql-transport-ws")], f"wss://localhost:{stack.web}/graphql"
    payload = {"authorization": f"Bearer {facts.operator_key}"}
    subscription = {"query": "subscription { balances { cursor } }"}
    async with asyncio.timeout(DEADLINE_S):
        async with websockets.connect(address, subprotocols=protocol, ssl=context, proxy=None) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": subscription}))
            kinds = [json.loads(await socket.recv())["type"] for _ in range(2)]
        findings.expect("next" in kinds, f"the WebSocket through nginx said {kinds}")
        headers = {**_bearer(facts.operator_key), "Accept": "text/event-stream"}
        client = httpx.AsyncClient(base_url=stack.url, verify=context, trust_env=False, timeout=DEADLINE_S)
        async with client, client.stream("POST", "/graphql", json=subscription, headers=headers) as events:
            heard = [line async for line in _until_data(events)]
    findings.expect(bool(heard), "no event came through nginx")


async def _until_data(events: httpx.Response):  # type: ignore[no-untyped-def]
    async for line in events.aiter_lines():
        if line.startswith("data:") and "cursor" in line:
            yield line
            return


async def _signed_in(stack: Stack, client: httpx.AsyncClient, findings: Findings) -> None:
    """A person with a token of the provider sees his own balance, once an operator has bound him."""
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S) as provider:
        form = {"grant_type": "client_credentials"}
        token = (await provider.post(f"{stack.issuer}/token", data=form, auth=(PERSON, f"secret-of-{PERSON}"))).json()
    credential = _bearer(str(token["access_token"]))
    before = await client.post("/graphql", json={"query": BALANCES}, headers=credential)
    findings.expect(before.status_code == 403, f"somebody who is not bound is answered {before.status_code}")
    bind = ("login", "bind", "--member", MEMBER, "--login", f"{stack.issuer}#{PERSON}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", *bind, cwd=stack.layout.root,
        env={**os.environ, "API_DATABASE_URL": stack.layout.database_url},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    findings.expect(await process.wait() == 0, f"`python -m api {urlencode({'login': 'bind'})}` failed")
    answer = await client.post("/graphql", json={"query": BALANCES}, headers=credential)
    shown = [each["member"]["id"] for each in answer.json().get("data", {}).get("balances", [])]
    findings.expect(shown == [MEMBER], f"a member who has signed in is shown {shown}")


async def _probes(stack: Stack, findings: Findings) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S) as client:
        for name, port in stack.probes.items():
            url = f"http://127.0.0.1:{port}"
            ready = (await client.get(f"{url}/ready")).json()
            findings.expect(ready["ok"], f"{name} is not ready: {ready['reason']}")
            families = list(text_string_to_metric_families((await client.get(f"{url}/metrics")).text))
            findings.expect(len(families) >= 10, f"{name} shows {len(families)} metrics")
            values = {sample.name: sample.value for family in families for sample in family.samples}
            findings.figures[f"{name}_memory_mb"] = int(values.get("process_resident_memory_bytes", 0) / 10**6)


def _logs(stack: Stack, findings: Findings) -> None:
    """Every line of a process of ours is an event with a name, a level and an instant."""
    lines = 0
    for name in stack.probes:
        for line in (stack.layout.logs / f"{name}.log").read_text(errors="replace").splitlines():
            lines += 1
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            whole = isinstance(event, dict) and {"event", "level", "timestamp", "process"} <= set(event)
            findings.expect(whole, f"{name} logs what is no event: {line[:200]}")
    findings.figures["log_lines"] = lines


def _bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}", "Accept": "application/json"}
