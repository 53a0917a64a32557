"""Programs that the tests use and that come with the system: real servers, a browser, a software secure element."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.problems import APT_REGISTRY, CannotPrepare, sentence_for

APT_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class SystemPackage:
    """A Debian package and where what it brings may lie: names on PATH or patterns of files."""

    name: str
    programs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def is_present(self, root: Path = Path("/"), path: str | None = None) -> bool:
        """Whether any of the programs or files is there."""
        if any(shutil.which(program, path=path) for program in self.programs):
            return True
        return any(next(root.glob(pattern), None) is not None for pattern in self.files)


NEEDED_BY_TESTS = (
    SystemPackage("postgresql", ("initdb",), ("usr/lib/postgresql/*/bin/initdb",)),
    SystemPackage("mosquitto", ("mosquitto",), ("usr/sbin/mosquitto", "usr/local/sbin/mosquitto")),
    SystemPackage("rabbitmq-server", (), ("usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",)),
    SystemPackage("nginx", ("nginx",), ("usr/sbin/nginx",)),
    SystemPackage("prometheus", ("promtool",)),
    SystemPackage("softhsm2", (), ("usr/lib/softhsm/libsofthsm2.so", "usr/lib/*/softhsm/libsofthsm2.so",
                                   "usr/local/lib/softhsm/libsofthsm2.so", "opt/homebrew/lib/softhsm/libsofthsm2.so")),
    SystemPackage("chromium", ("chromium", "chromium-browser", "google-chrome")),
)  # fmt: skip


def missing(packages: Iterable[SystemPackage] = NEEDED_BY_TESTS) -> list[str]:
    """Names of the packages of which nothing is there."""
    return [package.name for package in packages if not package.is_present()]


def ask_for(names: list[str]) -> str:
    """What to tell a person whose system we may not change."""
    return (
        f"The tests need programs that are not installed: {', '.join(names)} "
        f"(Debian and Ubuntu: sudo apt-get install {' '.join(names)}); install them and try again."
    )


def privilege() -> list[str] | None:
    """The words before apt-get: none for root, sudo where it asks no password; None where there is no way."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def install(names: list[str], log: Path) -> None:
    """Install through apt-get; raises CannotPrepare with the packages' names where that is not allowed or fails."""
    before = privilege()
    if before is None:
        raise CannotPrepare(ask_for(names))
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    with log.open("ab") as output:
        for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *names]):
            command = [*before, *environment, "apt-get", *words]
            answer = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False, timeout=APT_TIMEOUT_S
            )
            # a failed update may still leave lists that are good enough: the installation decides
            if answer.returncode != 0 and words[0] == "install":
                said = log.read_text(errors="replace")[-4000:]
                raise CannotPrepare(sentence_for(said, APT_REGISTRY) or f"{ask_for(names)} (apt-get's words: {log})")
    still = missing(package for package in NEEDED_BY_TESTS if package.name in names)
    if still:
        raise CannotPrepare(ask_for(still))
