"""The indexer's settings: environment variables `INDEXER_…`."""

from collections.abc import Mapping
from dataclasses import dataclass

from community.runtime.probes import NOWHERE, ProbesAddress, read_probes_address
from community.runtime.settings import SettingsReader
from contracts import abi
from indexer.decode import Contracts


@dataclass(frozen=True, slots=True)
class IndexerSettings:
    """What the indexer needs to know. `rpc_urls` are nodes of one chain, the healthiest of which is worked with.

    `head_urls` are WebSocket addresses that announce new heads; without any, nodes are only asked every `poll_ms`.
    Most of those that answer, and at least `finality_quorum`, must call a block final.
    """

    database_url: str
    rpc_urls: tuple[str, ...]
    head_urls: tuple[str, ...]
    finality_quorum: int
    chain_id: int
    contracts: Contracts
    start_block: int
    poll_ms: int
    rpc_timeout_ms: int
    reconcile_every_s: int
    reconcile_pause_ms: int
    grace_s: int
    probes: ProbesAddress = NOWHERE
    ready_behind: int = 10


def read_settings(environment: Mapping[str, str] | None = None) -> IndexerSettings:
    """The settings from `environment`, by default the process's own. Raises SettingsError with every problem."""
    reader = SettingsReader("INDEXER", environment)
    token = _address(reader, "TOKEN_ADDRESS", reader.text("TOKEN_ADDRESS"))
    issuer_text, shares_text = reader.optional("ISSUER_ADDRESS"), reader.optional("SHARES_ADDRESS")
    urls = reader.texts("RPC_URLS")
    settings = IndexerSettings(
        database_url=reader.text("DATABASE_URL"),
        rpc_urls=urls,
        head_urls=reader.texts("HEAD_URLS", ""),
        finality_quorum=reader.integer("FINALITY_QUORUM", 1, low=1, high=max(1, len(urls))),
        chain_id=reader.integer("CHAIN_ID", low=1),
        contracts=Contracts(
            token,
            None if issuer_text is None else _address(reader, "ISSUER_ADDRESS", issuer_text),
            None if shares_text is None else _address(reader, "SHARES_ADDRESS", shares_text),
        ),
        start_block=reader.integer("START_BLOCK", 0),
        poll_ms=reader.integer("POLL_MS", 1_000, low=10, high=60_000),
        rpc_timeout_ms=reader.integer("RPC_TIMEOUT_MS", 10_000, low=100, high=120_000),
        reconcile_every_s=reader.integer("RECONCILE_EVERY_S", 300, low=1, high=86_400),
        reconcile_pause_ms=reader.integer("RECONCILE_PAUSE_MS", 2_000, low=10),
        grace_s=reader.integer("RECONCILE_GRACE_S", 900, low=0),
        probes=read_probes_address(reader, "INDEXER"),
        ready_behind=reader.integer("READY_BEHIND", 10),
    )
    reader.finish()
    return settings


def _address(reader: SettingsReader, name: str, text: str) -> str:
    if not text:
        return abi.ZERO_ADDRESS  # noted as missing already
    try:
        return abi.address(text)
    except ValueError as error:
        reader.note(f"INDEXER_{name}: {error}")
        return abi.ZERO_ADDRESS
