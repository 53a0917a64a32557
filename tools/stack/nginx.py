"""nginx from the system's package with deploy/nginx/nginx.conf; only where things are is written anew."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from community.errors import FatalError

ROOT = Path(__file__).resolve().parents[2]
TEMPORARY = "/tmp/nginx"  # noqa: S108 - how the names of its temporary files begin in a container of its own


@dataclass(frozen=True, slots=True)
class Places:
    """Where nginx finds what it serves, and where it listens. `sign_in` may be nothing's address."""

    port: int
    certificate: Path
    key: Path
    page: Path
    api: str
    ingest: str
    sign_in: str


def nginx_program() -> str:
    """The program. Raises FatalError where it is not installed."""
    found = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
    if found is None:
        raise FatalError("nginx is not installed (Debian and Ubuntu: sudo apt-get install nginx).")
    return found


def write_configuration(folder: Path, places: Places) -> Path:
    """Copy the configuration into `folder` with its own places; returns the main file."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
    # several may run on one machine, each with its own temporary files
    text = text.replace(TEMPORARY, f"{folder}/nginx").replace("worker_processes auto;", "worker_processes 1;")
    if os.geteuid() == 0:
        # as root it would drop to a user that may not enter our folder; containers are never root
        text = f"user root;\n{text}"
    (folder / "nginx.conf").write_text(text)
    (folder / "places.conf").write_text(
        f"map '' $api     {{ default {places.api}; }}\n"
        f"map '' $ingest  {{ default {places.ingest}; }}\n"
        f"map '' $sign_in {{ default {places.sign_in}; }}\n"
        f"map '' $page    {{ default {places.page}; }}\n"
    )
    (folder / "listen.conf").write_text(
        f"listen 127.0.0.1:{places.port} ssl;\nssl_certificate {places.certificate};\nssl_certificate_key {places.key};\n"
    )
    return folder / "nginx.conf"


def command(main: Path, *, test: bool = False) -> tuple[str, ...]:
    """How nginx is started in the foreground, or asked whether its configuration holds."""
    words = (nginx_program(), "-e", "stderr", "-p", str(main.parent), "-c", str(main))
    return (*words, "-t") if test else (*words, "-g", "daemon off;")
