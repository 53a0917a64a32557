"""A private anvil chain for one test (or module) on a free port, with P-256 in its precompile (hard fork osaka)."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHAIN_ID = 31337
START_TIMEOUT_S = 20.0
DEVELOPMENT_KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
)
"""Of the accounts that anvil funds, from the mnemonic every Ethereum test tool uses."""
DEVELOPMENT_ADDRESSES = ("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class AnvilChain:
    """A running chain and its JSON-RPC address."""

    url: str
    process: subprocess.Popen[bytes]

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of one JSON-RPC call, for set-up and mischief (`anvil_reorg`, `evm_mine`). Raises on any error."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
            answer = json.load(response)
        if "error" in answer:
            raise AssertionError(f"anvil refused {method}: {answer['error']}")
        return answer["result"]

    def send(self, fields: dict[str, str]) -> dict[str, Any]:
        """The receipt of a transaction of an unlocked account, of a chain that mines by itself. Fails if it reverted.

        anvil answers before it mines: a time that is set for the next block right after would become this one's. Give it gas:
        of a call that would revert it takes the estimate's failure for "as much as you like", and mines it in vain.
        """
        tx_hash = self.rpc("eth_sendTransaction", {"gas": hex(3_000_000)} | fields)
        deadline = time.monotonic() + START_TIMEOUT_S
        receipt: dict[str, Any] | None = None
        while receipt is None:
            assert time.monotonic() < deadline, f"{tx_hash} was not mined"
            receipt = self.rpc("eth_getTransactionReceipt", tx_hash)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def mine(self, blocks: int = 1) -> None:
        """Append empty blocks."""
        self.rpc("anvil_mine", hex(blocks))


def anvil_binary() -> Path | None:
    """The chain's native program: npm's wrapper script would leave it running when it is killed itself."""
    for found in sorted(_ROOT.glob("node_modules/@foundry-rs/anvil-*/bin/anvil")):
        return found
    on_path = shutil.which("anvil")
    return Path(on_path) if on_path else None


@contextmanager
def start_anvil(
    *,
    chain_id: int = CHAIN_ID,
    slots_in_an_epoch: int = 1,
    block_time_s: float | None = None,
    timestamp: int | None = None,
    automine: bool = True,
    state: Path | None = None,
    arguments: tuple[str, ...] = (),
) -> Iterator[AnvilChain]:
    """Run anvil until the block ends. It mines each transaction at once unless told a block time or `automine=False`.

    `finalized` is two epochs behind the head. Fails the test where anvil is not installed (npm ci).
    """
    binary = anvil_binary()
    if binary is None:
        pytest.fail("anvil is not installed: run `make test`, or npm ci")
    port = _free_port()
    command = [str(binary), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id), "--silent"]
    command += ["--hardfork", "osaka", "--slots-in-an-epoch", str(slots_in_an_epoch), *arguments]
    if block_time_s is not None:
        command += ["--block-time", str(block_time_s)]
    if timestamp is not None:
        command += ["--timestamp", str(timestamp)]
    if not automine:
        command.append("--no-mining")
    if state is not None:
        command += ["--state", str(state)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        chain = AnvilChain(f"http://127.0.0.1:{port}", process)
        _wait_until_up(chain)
        yield chain
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(chain: AnvilChain) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            chain.rpc("eth_chainId")
            return
        except OSError:
            if chain.process.poll() is not None:
                raise AssertionError(f"anvil ended at once with exit code {chain.process.returncode}") from None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
