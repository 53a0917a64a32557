"""The issuer contract: its code, the account's role and coins; and whether the signer believes what the books say."""

from collections.abc import AsyncIterator, Iterable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from community.clients.evm import EvmNode, NodeRefused
from community.errors import CommunityError, RetryableError
from community.store.identities import energy_sources
from community.store.shares import share_tables
from community.store.unit_of_work import Store, Work
from gateway_agent.diagnosis import Finding, Verdict
from settlement.gate import check_code, check_role
from standalone.doctor.servers import ANSWER_S
from standalone.doctor.subject import Subject

COINS_MIN_WEI = 10**18


async def issuer(subject: Subject) -> list[Finding]:
    """Is this the contract, may the account settle, and can it pay."""
    if subject.settlement is None:
        return []
    terms, node = subject.settlement.terms, EvmNode(subject.settlement.node_url, ANSWER_S)
    found = []
    try:
        for topic, check, fine in (
            ("issuer", check_code, f"{terms.issuer} has the code that is expected"),
            ("settler's role", check_role, f"{terms.account} may settle"),
        ):
            try:
                await check(terms, node)
            except RetryableError:
                raise
            except (CommunityError, ValueError) as error:
                found.append(Finding(topic, Verdict.WRONG, str(error), "Settle nothing before this is right."))
            else:
                found.append(Finding(topic, Verdict.OK, fine))
        found.append(_coins(await node.balance(terms.account), terms.account))
    except (RetryableError, NodeRefused) as error:
        found.append(Finding("issuer", Verdict.UNKNOWN, f"the node does not say: {error}"))
    finally:
        await node.close()
    return found


def _coins(wei: int, account: str) -> Finding:
    whole, rest = divmod(wei, 10**18)
    what = f"{account} has {whole}.{rest // 10**15:03} coins for fees"
    if wei < COINS_MIN_WEI:
        return Finding("coins", Verdict.WRONG, what, "Send coins to it: without them nothing is settled.")
    return Finding("coins", Verdict.OK, what)


async def signer(subject: Subject) -> list[Finding]:
    """Whether the signer's registry agrees with settings and books, by what it tells of itself."""
    url = subject.doctor.signer_url
    if url is None or subject.settlement is None:
        return [Finding("signer's registry", Verdict.UNKNOWN, "DOCTOR_SIGNER_URL is not set: not compared")]
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_S) as http:
            told = _told((await http.get(f"{url}/metrics")).text)
    except (httpx.HTTPError, ValueError) as error:
        step = "docs/runbooks/signer-down.md"
        return [Finding("signer's registry", Verdict.WRONG, f"the signer does not answer: {error}", step)]
    problems = _of_settings(subject, told)
    if subject.database_url is not None:
        store = Store.open(subject.database_url)
        try:
            async with store.read() as work:
                problems += [each async for each in _of_books(work, told["signer_registry_table"])]
        except CommunityError as error:
            return [Finding("signer's registry", Verdict.UNKNOWN, f"the books do not answer: {error}")]
        finally:
            await store.close()
    step = "Draft, approve and pin a registry that agrees (docs/signer.md), or correct the settings or the books."
    if problems:
        return [Finding("signer's registry", Verdict.WRONG, problem, step) for problem in problems]
    return [Finding("signer's registry", Verdict.OK, "agrees with settings and books")]


Told = dict[str, list[dict[str, str]]]


def _told(text: str) -> Told:
    """The labels of what the signer shows, by name."""
    names = ("signer_account", "signer_registry_contract", "signer_registry_table")
    found: Told = {name: [] for name in names}
    for family in text_string_to_metric_families(text):
        if family.name in found:
            found[family.name] = [sample.labels for sample in family.samples]
    return found


def _of_settings(subject: Subject, told: Told) -> list[str]:
    assert subject.settlement is not None
    terms = subject.settlement.terms
    expected = (
        ("signer_account", {"address": terms.account}, "the account"),
        ("signer_registry_contract", {"chain_id": str(terms.chain_id), "issuer": terms.issuer}, "chain and issuer"),
    )
    return [
        f"{what} of the signer is {_words(told[name])}, settlement's settings say {_words([labels])}"
        for name, labels, what in expected
        if told[name] != [labels]
    ]


def _words(given: Iterable[dict[str, str]]) -> str:
    return "; ".join(", ".join(f"{name} {value}" for name, value in each.items()) for each in given) or "not told"


async def _of_books(work: Work, pinned: list[dict[str, str]]) -> AsyncIterator[str]:
    """What the books have approved for settlement and the signer would refuse."""
    known = {(each["source"], each["table"]) for each in pinned}
    for source in await energy_sources(work):
        if source.approved_at is None:
            continue
        if source.source_ref not in {ref for ref, _ in known}:
            yield f"it does not know the source {source.id} ({source.source_ref})"
            continue
        for table in await share_tables(work, source.id):
            if table.valid_to is None and (source.source_ref, table.config_hash) not in known:
                yield f"it does not know the shares of {source.id} that are valid now ({table.config_hash})"
