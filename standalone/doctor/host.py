"""This host: clock, disk, who may read secrets, and when certificates end."""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from community.runtime.system_clock import SystemClock
from gateway_agent.clock_state import WatchedHostClock, host_probes
from gateway_agent.diagnosis import Finding, Verdict
from standalone.doctor.subject import Subject

FREE_WRONG, FREE_NOTE = 0.05, 0.15
ENDS_WRONG, ENDS_NOTE = timedelta(days=14), timedelta(days=30)
OURS = ("INGEST_", "SETTLEMENT_", "SIGNER_", "INDEXER_", "API_")
PUBLIC_FILES = ("_CA_FILE", "_CERT_FILE", "_ISSUERS_FILE", "_ISSUERS_CA_FILE", "_NODE_URL_FILE")


async def clock() -> list[Finding]:
    """Whether a time server confirms it."""
    known = await WatchedHostClock(SystemClock(), host_probes(SystemClock())).look()
    if known is None:
        return [
            Finding("clock", Verdict.UNKNOWN, "neither systemd nor chrony says here; the node's head is compared above")
        ]
    if not known:
        step = (
            "Let this host follow a time server: timedatectl set-ntp true. The signer refuses requests two minutes off."
        )
        return [Finding("clock", Verdict.WRONG, "it is not synchronised", step)]
    return [Finding("clock", Verdict.OK, "synchronised")]


def disk(subject: Subject) -> list[Finding]:
    """Room where something is written: the SQLite books, the signer's folder, and what DOCTOR_DISK_PATHS names."""
    places = dict.fromkeys((*subject.doctor.disk_paths, *_written(subject)))
    return [_room(place) for place in places]


def _written(subject: Subject) -> Iterator[Path]:
    url = subject.database_url
    if url is not None and url.startswith("sqlite"):
        yield Path(url.removeprefix("sqlite:///").partition("?")[0]).parent
    if subject.signer is not None:
        yield subject.signer.folder


def _room(place: Path) -> Finding:
    topic = f"disk of {place}"
    try:
        usage = shutil.disk_usage(place)
    except OSError as error:
        return Finding(
            topic, Verdict.WRONG, f"it cannot be looked at: {error.strerror}", "Is the path right, and mounted?"
        )
    share = usage.free / usage.total if usage.total else 0.0
    what = f"{usage.free // 10**6} MB free, {share:.0%}"
    if share < FREE_WRONG:
        return Finding(
            topic, Verdict.WRONG, what, "Free some, or enlarge it: a full disk stops intake (nothing is lost)."
        )
    if share < FREE_NOTE:
        return Finding(topic, Verdict.NOTE, what, "Plan for more.")
    return Finding(topic, Verdict.OK, what)


def secret_files(environment: Mapping[str, str]) -> dict[str, Path]:
    """Files that hold secrets, by the variable that names them."""
    return {
        name: Path(value)
        for name, value in sorted(environment.items())
        if value
        and (name.endswith("_FILE") or name == "SETTLEMENT_REQUESTER_KEY")
        and name.startswith(OURS)
        and not name.endswith(PUBLIC_FILES)
    }


def permissions(subject: Subject) -> list[Finding]:
    """Whether others may read keys and passwords."""
    found = []
    for name, path in secret_files(subject.environment).items():
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            found.append(
                Finding(f"file of {name}", Verdict.WRONG, f"{path}: {error.strerror}", "Make it, or name another.")
            )
            continue
        if mode & 0o077:
            what = f"{path} may be read by others ({mode:o})"
            found.append(Finding(f"file of {name}", Verdict.WRONG, what, f"chmod 600 {path}"))
        elif not os.access(path, os.R_OK):
            found.append(Finding(f"file of {name}", Verdict.WRONG, f"{path} cannot be read", "Give it to this user."))
    count = len(secret_files(subject.environment))
    return found or [Finding("key files", Verdict.OK, f"{count} files, readable by their owner alone")]


def certificate_files(subject: Subject) -> list[Path]:
    """Those that are named for the doctor, and those of the settings."""
    named = [
        Path(value)
        for name, value in sorted(subject.environment.items())
        if value and name.endswith(("_CA_FILE", "_CERT_FILE")) and name.startswith(OURS)
    ]
    return list(dict.fromkeys((*subject.doctor.certificate_files, *named)))


def certificates(subject: Subject, now: datetime) -> list[Finding]:
    """When each ends."""
    return [_certificate(path, now) for path in certificate_files(subject)]


def _certificate(path: Path, now: datetime) -> Finding:
    topic = f"certificate {path}"
    try:
        ends = min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        return Finding(topic, Verdict.WRONG, f"it cannot be read: {error}", "Is it a certificate in PEM?")
    left = ends - now
    what = f"ends on {ends:%Y-%m-%d}, in {left.days} days"
    if left < ENDS_WRONG:
        return Finding(
            topic, Verdict.WRONG, what, "Renew it now; our own: delete the file, python -m tools.deployment."
        )
    return Finding(
        topic, Verdict.NOTE if left < ENDS_NOTE else Verdict.OK, what, "Renew it soon." if left < ENDS_NOTE else ""
    )
