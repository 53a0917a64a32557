"""A TPM 2.0 in software, in a directory of its own; killed when its block ends."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.brokers import free_port

START_DEADLINE_S = 10


@contextmanager
def software_tpm(folder: Path) -> Iterator[str]:
    """Its TCTI, as `Tpm2Signer` takes it. swtpm counts a connection as one user: nothing else may connect."""
    program = shutil.which("swtpm")
    assert program is not None, "swtpm is not installed (Debian: apt-get install swtpm libtss2-tcti-swtpm0)"
    folder.mkdir(parents=True, exist_ok=True)
    port, control = _two_ports()
    log = folder / "swtpm.log"
    process = subprocess.Popen(
        [
            program,
            "socket",
            "--tpm2",
            "--tpmstate",
            f"dir={folder}",
            "--server",
            f"type=tcp,port={port},bindaddr=127.0.0.1",
            "--ctrl",
            f"type=tcp,port={control},bindaddr=127.0.0.1",
            "--flags",
            "not-need-init,startup-clear",
            "--log",
            f"file={log}",
        ]
    )
    try:
        deadline = time.monotonic() + START_DEADLINE_S
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "swtpm does not listen"
            time.sleep(0.02)
        yield f"swtpm:host=127.0.0.1,port={port}"
    finally:
        process.kill()
        process.wait()


def _two_ports() -> tuple[int, int]:
    """The library takes the control channel to be at the next port."""
    while True:
        port = free_port()
        try:
            import socket

            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port + 1))
        except (OSError, OverflowError):
            continue
        return port, port + 1


def _listens(port: int) -> bool:
    wanted = f"0100007F:{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in lines)
