"""What the doctor looks at: the settings of every process that are in its environment. A process without any is left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from api.settings import ApiSettings
from api.settings import read_settings as read_api
from community.clients.mqtt import MqttAddress
from community.errors import CommunityError
from community.runtime.settings import SettingsReader
from gateway_agent.diagnosis import Finding, Verdict
from indexer.settings import IndexerSettings
from indexer.settings import read_settings as read_indexer
from ingest.settings import Settings as IngestSettings
from ingest.settings import read_settings as read_ingest
from settlement.settings import SettlementSettings
from settlement.settings import read_settings as read_settlement
from signer.settings import SignerSettings
from signer.settings import read_settings as read_signer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DoctorSettings:
    """`DOCTOR_PROBES_URLS` are where processes answer, `DOCTOR_SIGNER_URL` where the signer does; `DOCTOR_CERTIFICATE_FILES` and `DOCTOR_DISK_PATHS` are looked at too."""

    probes_urls: tuple[str, ...] = ()
    signer_url: str | None = None
    certificate_files: tuple[Path, ...] = ()
    disk_paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything that is known; None for a process that has no settings here, or none that can be used."""

    environment: Mapping[str, str]
    doctor: DoctorSettings
    ingest: IngestSettings | None = None
    settlement: SettlementSettings | None = None
    signer: SignerSettings | None = None
    indexer: IndexerSettings | None = None
    api: ApiSettings | None = None

    @property
    def database_url(self) -> str | None:
        """The books: those of the first process that names them."""
        for each in (self.ingest, self.settlement, self.indexer, self.api):
            if each is not None:
                return each.database_url
        return self.environment.get("STORE_DATABASE_URL") or None

    @property
    def brokers(self) -> dict[str, MqttAddress]:
        """Whose way into the broker it is, and how."""
        found: dict[str, MqttAddress] = {}
        if self.ingest is not None and self.ingest.device_broker is not None:
            found["ingest"] = self.ingest.device_broker
        if self.settlement is not None:
            found["settlement"] = self.settlement.broker
        if self.signer is not None:
            found["signer"] = self.signer.broker
        return found

    @property
    def node_urls(self) -> tuple[str, ...]:
        """Every node once."""
        urls = () if self.indexer is None else self.indexer.rpc_urls
        return tuple(dict.fromkeys((*urls, *(() if self.settlement is None else (self.settlement.node_url,)))))

    @property
    def chain_id(self) -> int | None:
        """The chain that the settings mean."""
        if self.settlement is not None:
            return self.settlement.terms.chain_id
        return None if self.indexer is None else self.indexer.chain_id


def read_subject(environment: Mapping[str, str]) -> tuple[Subject, list[Finding]]:
    """Read what is there, and say of each process whether its settings can be used."""
    findings: list[Finding] = []

    def of(process: str, read: Callable[[Mapping[str, str]], T]) -> T | None:
        if not any(name.startswith(f"{process.upper()}_") for name in environment):
            findings.append(
                Finding(f"settings of {process}", Verdict.UNKNOWN, "none in this environment: not looked at")
            )
            return None
        try:
            settings = read(environment)
        except CommunityError as error:
            problems = [line.strip(" -") for line in str(error).splitlines()[1:]] or [str(error)]
            findings.extend(
                Finding(f"settings of {process}", Verdict.WRONG, problem, "Set it right: .env.example explains each.")
                for problem in problems
            )
            return None
        findings.append(Finding(f"settings of {process}", Verdict.OK, "complete"))
        return settings

    subject = Subject(
        environment,
        _doctor(environment),
        of("ingest", read_ingest),
        of("settlement", read_settlement),
        of("signer", read_signer),
        of("indexer", read_indexer),
        of("api", read_api),
    )
    return subject, findings


def _doctor(environment: Mapping[str, str]) -> DoctorSettings:
    reader = SettingsReader("DOCTOR", environment)
    settings = DoctorSettings(
        tuple(url.rstrip("/") for url in reader.texts("PROBES_URLS", "")),
        reader.text("SIGNER_URL", "").rstrip("/") or None,
        tuple(map(Path, reader.texts("CERTIFICATE_FILES", ""))),
        tuple(map(Path, reader.texts("DISK_PATHS", ""))),
    )
    reader.finish()
    return settings
