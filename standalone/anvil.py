"""The local chain: anvil from npm, its state kept over restarts, its programme found without npm's wrapper."""

import shutil
from pathlib import Path

from community.errors import FatalError
from standalone.processes import Command

CHAIN_ID = 31337
BLOCK_TIME_S = 1
EPOCH_BLOCKS = 4
"""`finalized` lies two epochs behind the head, so a reorg of up to 7 blocks is one that may happen."""

ADMIN = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
"""The first account that anvil funds and signs for: the administrator of the local contracts."""


def anvil_program(root: Path) -> Path:
    """The native programme. npm's wrapper script would leave it running when it is itself killed."""
    for found in sorted(root.glob("node_modules/@foundry-rs/anvil-*/bin/anvil")):
        return found
    on_path = shutil.which("anvil")
    if on_path:
        return Path(on_path)
    raise FatalError("The chain node anvil is not installed. `make demo` installs it; by hand: npm ci")


def anvil_command(root: Path, port: int, state: Path) -> Command:
    """How to start the chain on `port` with its state in the file `state`, written every few seconds and at the end."""
    arguments = (
        str(anvil_program(root)), "--host", "127.0.0.1", "--port", str(port), "--hardfork", "osaka",
        "--chain-id", str(CHAIN_ID), "--block-time", str(BLOCK_TIME_S), "--slots-in-an-epoch", str(EPOCH_BLOCKS),
        "--state", str(state), "--state-interval", "10", "--silent",
    )  # fmt: skip
    return Command("anvil", arguments)
