"""A SoftHSM2 token in a directory of its own, for one test session."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MODULES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/libsofthsm2.so"),
)


@dataclass(frozen=True, slots=True)
class SoftToken:
    """An initialised token and how to enter it."""

    module: Path
    label: str
    pin: str


def softhsm_module() -> Path | None:
    """The PKCS#11 module of SoftHSM2, None where it is not installed."""
    if shutil.which("softhsm2-util") is None:
        return None
    return next((path for path in _MODULES if path.is_file()), None)


@contextmanager
def soft_token(folder: Path) -> Iterator[SoftToken]:
    """A fresh token in `folder`. The module reads its configuration once in a process: use one token a session."""
    module = softhsm_module()
    assert module is not None, "softhsm2 is not installed"
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(config)
    token = SoftToken(module, "gateway", "1234")
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", token.label, "--pin", token.pin, "--so-pin", "5678"],
        check=True,
        capture_output=True,
    )
    try:
        yield token
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before
