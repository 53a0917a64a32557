"""What the settlement process needs to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from community.clients.mqtt import MqttAddress
from community.runtime.probes import ProbesAddress, read_probes_address
from community.runtime.settings import SettingsError, SettingsReader
from settlement.terms import BATCH_SOURCES_MAX, GWEI, SettlementTerms

PREFIX = "SETTLEMENT"


@dataclass(frozen=True, slots=True)
class SettlementSettings:
    """Settings of `python -m settlement run`."""

    database_url: str
    node_url: str
    broker: MqttAddress
    signer_id: str
    requester_key_file: Path
    terms: SettlementTerms
    probes: ProbesAddress
    poll_ms: int = 500
    signature_timeout_s: int = 10
    follow_share_tokens: bool = False
    """Whether the share register is entered from the share tokens' holdings at each boundary."""
    signer_url: str | None = None
    """Of the signer's JSON-RPC door, where that is asked instead of the signature broker."""


def _zone(reader: SettingsReader) -> tzinfo:
    name = reader.text("ZONE", "UTC")
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        reader.note(f"SETTLEMENT_ZONE: {name!r} is no time zone; use a name such as Europe/Vienna")
        return UTC


def read_settings(environment: Mapping[str, str]) -> SettlementSettings:
    """The settings from `SETTLEMENT_…` variables. Raises SettingsError with every problem."""
    reader = SettingsReader(PREFIX, environment)
    issuer, account = reader.text("ISSUER").lower(), reader.text("ACCOUNT").lower()
    database_url = reader.text("DATABASE_URL")
    node_url, chain_id = reader.text("NODE_URL"), reader.integer("CHAIN_ID", low=1)
    broker_url = reader.text("BROKER_URL", "mqtt://127.0.0.1:1883")
    username, password = reader.optional("BROKER_USERNAME"), reader.secret("BROKER_PASSWORD", required=False)
    ca_file, version = reader.optional("BROKER_CA_FILE"), reader.integer("BROKER_MQTT_VERSION", 5, low=4, high=5)
    signer_id, requester_id = reader.text("SIGNER_ID", "signer"), reader.text("REQUESTER_ID", "settlement")
    signer_url = reader.optional("SIGNER_URL")
    if signer_url is not None and not signer_url.startswith(("http://", "https://")):
        reader.note(f"SETTLEMENT_SIGNER_URL: {signer_url!r} must begin with http:// or https://")
    key_file = reader.existing_file("REQUESTER_KEY")
    tip, ceiling = reader.integer("TIP_GWEI_MIN", 30, low=1), reader.integer("MAX_FEE_GWEI_MAX", 2_000, low=1)
    poll_ms = reader.integer("POLL_MS", 500, low=10, high=60_000)
    bump_after_s = reader.integer("BUMP_AFTER_S", 20, low=1)
    batch_sources = reader.integer("BATCH_SOURCES_MAX", 16, low=1, high=BATCH_SOURCES_MAX)
    batch_gas = reader.integer("BATCH_GAS_MAX", 2_500_000, low=100_000)
    timeout_s = reader.integer("SIGNATURE_TIMEOUT_S", 10, low=1)
    follow = reader.flag("FOLLOW_SHARE_TOKENS", default=False)
    accounts = tuple(one.lower() for one in reader.texts("ACCOUNTS", ""))
    probes = read_probes_address(reader, PREFIX)
    code_hash, zone = reader.optional("ISSUER_CODE_HASH"), _zone(reader)
    terms = None
    try:
        terms = SettlementTerms(
            chain_id=chain_id,
            issuer=issuer,
            account=account,
            requester_id=requester_id,
            tip_wei_min=tip * GWEI,
            max_fee_wei_max=ceiling * GWEI,
            bump_after_s=bump_after_s,
            zone=zone,
            accounts=accounts,
            batch_sources_max=batch_sources,
            batch_gas_max=batch_gas,
            code_hash=None if code_hash is None else code_hash.lower(),
        )
    except ValueError as error:
        reader.note(str(error))
    reader.finish()
    if terms is None:
        raise SettingsError("The terms of settlement cannot be used.")
    return SettlementSettings(
        database_url=database_url,
        node_url=node_url,
        broker=MqttAddress(broker_url, username, password, ca_file=ca_file, version=4 if version == 4 else 5),
        signer_id=signer_id,
        requester_key_file=key_file,
        terms=terms,
        probes=probes,
        poll_ms=poll_ms,
        signature_timeout_s=timeout_s,
        follow_share_tokens=follow,
        signer_url=signer_url,
    )
