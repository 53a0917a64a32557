"""What must answer: the database, the brokers, the nodes, the issuers of sign-in, and our own processes."""

import asyncio
from datetime import datetime

import httpx

from api.app import trusted
from api.issuers import IssuerKeys, KeysUnavailable
from community.clients.evm import EvmNode, NodeRefused, quantity
from community.clients.mqtt import MqttAddress, MqttConnection
from community.errors import CommunityError, FatalError, RetryableError
from community.store.schema import require_current_schema
from gateway_agent.diagnosis import Finding, Verdict
from standalone.doctor.subject import Subject

ANSWER_S = 8.0
HEAD_AGE_MAX_S = 120
"""Every chain that is settled on makes a block every few seconds."""


async def database(subject: Subject) -> list[Finding]:
    """Reachable, and at the revision of this program."""
    url = subject.database_url
    if url is None:
        return [Finding("database", Verdict.UNKNOWN, "no process names it here")]
    try:
        await require_current_schema(url)
    except RetryableError as error:
        return [Finding("database", Verdict.WRONG, str(error), "Start it; docs/runbooks/process-away.md.")]
    except FatalError as error:
        return [Finding("database", Verdict.WRONG, str(error), "Migrate: python -m community.store migrate.")]
    return [Finding("database", Verdict.OK, "answers, and its schema is current")]


async def brokers(subject: Subject) -> list[Finding]:
    """Every way in that the settings name."""
    return list(await asyncio.gather(*(_broker(name, address) for name, address in subject.brokers.items())))


async def _broker(name: str, address: MqttAddress) -> Finding:
    connection = MqttConnection(address, f"doctor-{name}", clean_start=True, session_expiry_s=0)
    try:
        await connection.start(ANSWER_S)
    except CommunityError as error:
        step = "Does it run, and are user, password and certificate right? docs/runbooks/broker-down.md."
        return Finding(f"broker for {name}", Verdict.WRONG, f"{address.url}: {error}", step)
    finally:
        await connection.stop()
    return Finding(f"broker for {name}", Verdict.OK, f"{address.url} lets {address.username or 'it'} in")


async def nodes(subject: Subject, now: datetime) -> list[Finding]:
    """Chain id, and how old the head is. The address may hold a key: only its host is told."""
    found = []
    for url in subject.node_urls:
        node = EvmNode(url, ANSWER_S)
        try:
            found.append(await _node(node, subject.chain_id, now))
        except (RetryableError, NodeRefused) as error:
            step = "Take another node: deploy/secrets/node_url, docs/runbooks/rpc-down.md."
            found.append(Finding(f"node {node.name}", Verdict.WRONG, str(error), step))
        finally:
            await node.close()
    return found


async def _node(node: EvmNode, chain_id: int | None, now: datetime) -> Finding:
    topic = f"node {node.name}"
    told = await node.chain_id()
    if told != chain_id:
        what = f"it follows chain {told}, the settings say {chain_id}"
        return Finding(topic, Verdict.WRONG, what, "Name a node of that chain, or correct the chain id.")
    head, final = await node.block("latest"), await node.block("finalized")
    if head is None or final is None:
        return Finding(topic, Verdict.WRONG, "it tells of no head or of no finalised block", "Take another node.")
    age_s = int(now.timestamp()) - quantity(head["timestamp"])
    what = f"chain {told}, head {quantity(head['number'])}, {age_s} s old, final {quantity(final['number'])}"
    if age_s > HEAD_AGE_MAX_S:
        return Finding(topic, Verdict.WRONG, what, "It stands still or catches up: wait, or take another node.")
    if age_s < -HEAD_AGE_MAX_S:
        return Finding(topic, Verdict.WRONG, what, "Its blocks are in our future: set this host's clock right (NTP).")
    return Finding(topic, Verdict.OK, what)


async def sign_in(subject: Subject, now: datetime) -> list[Finding]:
    """Discovery and keys of each issuer of access tokens."""
    if subject.api is None or not subject.api.issuers:
        return []
    found = []
    async with httpx.AsyncClient(trust_env=False, verify=trusted(subject.api)) as http:
        for issuer in subject.api.issuers:
            topic, keys = f"sign-in {issuer.url}", IssuerKeys(issuer, http)
            try:
                await keys.find("", now)
            except KeysUnavailable as error:
                step = "Does Keycloak run, under this very name, with a certificate that API_ISSUERS_CA_FILE knows?"
                found.append(Finding(topic, Verdict.WRONG, str(error), step))
            else:
                found.append(_keys(topic, keys))
    return found


def _keys(topic: str, keys: IssuerKeys) -> Finding:
    if not keys.count:
        step = f"It must sign with {' or '.join(keys.issuer.algorithms)}: look at the realm's keys."
        return Finding(topic, Verdict.WRONG, "it publishes no key that may sign here", step)
    return Finding(topic, Verdict.OK, f"discovery and {keys.count} keys")


async def processes(subject: Subject) -> list[Finding]:
    """What each process says of itself."""
    found = []
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_S) as http:
        signer = subject.doctor.signer_url
        for url in (*subject.doctor.probes_urls, *(() if signer is None else (signer,))):
            topic = f"process {url.split('://')[-1]}"
            try:
                answer = (await http.get(f"{url}/ready")).json()
                reason = str(answer["reason"])
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                step = "Look into its log; docs/runbooks/process-away.md."
                what = f"does not answer: {error or type(error).__name__}"
                found.append(Finding(topic, Verdict.WRONG, what, step))
                continue
            if not reason:
                found.append(Finding(topic, Verdict.OK, "ready"))
            elif "stands by" in reason:
                found.append(Finding(topic, Verdict.OK, reason))
            else:
                found.append(Finding(topic, Verdict.WRONG, reason, "Look into its log; docs/runbooks/README.md."))
    return found
