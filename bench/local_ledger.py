"""The contracts on a private chain that records every step, for measuring what calls cost."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.repricing import surcharge
from contracts import abi, shares
from standalone.anvil import ADMIN, anvil_program

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 60.0
PLENTY = 16_000_000
"""Gas offered with each transaction; EIP-7825 caps one at 2^24."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Gas of one transaction, all told: on the chain it ran on, and on Polygon."""

    anvil: int
    polygon: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """Token, issuer and share tokens on the chain at `url`. The chain's first account holds every role."""

    url: str
    token: str = ""
    issuer: str = ""
    shares: str = ""

    def rpc(self, method: str, *params: Any) -> Any:
        """Result of one JSON-RPC call. Raises RuntimeError with the contract's or the node's reason."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = httpx.post(self.url, json=request, timeout=60, trust_env=False).json()
        if "error" in answer:
            reason = str(answer["error"].get("data", "0x"))
            said = abi.decode_revert(bytes.fromhex(reason[2:])) if reason.startswith("0x") else reason
            raise RuntimeError(f"{method}: {answer['error']['message']} ({said})")
        return answer["result"]

    def send(self, to: str | None, data: bytes) -> dict[str, Any]:
        """Receipt of a transaction, mined at once. Raises RuntimeError if it failed."""
        request = {"from": ADMIN, "data": "0x" + data.hex(), "gas": hex(PLENTY), **({"to": to} if to else {})}
        sent = self.rpc("eth_sendTransaction", request)
        deadline = time.monotonic() + TIMEOUT_S
        receipt: dict[str, Any] | None = None
        while receipt is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the transaction {sent} was not mined in {TIMEOUT_S} s")
            receipt = self.rpc("eth_getTransactionReceipt", sent)
        if receipt["status"] != "0x1":
            request.pop("gas")
            self.rpc("eth_call", request, "latest")
            raise RuntimeError(f"the transaction {receipt['transactionHash']} failed")
        return receipt

    def cost(self, to: str, data: bytes) -> Cost:
        """What this transaction costs, sent and traced step by step."""
        receipt = self.send(to, data)
        options = {"disableStack": True, "disableStorage": True, "disableMemory": True}
        trace = self.rpc("debug_traceTransaction", receipt["transactionHash"], options)
        used = int(receipt["gasUsed"], 16)
        return Cost(used, used + surcharge(trace["structLogs"]))


@contextmanager
def traced_ledger(timestamp: int) -> Iterator[Ledger]:
    """A fresh chain at this instant with the committed artifacts on it; ended when the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(anvil_program(ROOT)), "--host", "127.0.0.1", "--port", str(port), "--hardfork", "osaka"]
    command += ["--steps-tracing", "--timestamp", str(timestamp), "--silent"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        bare = Ledger(f"http://127.0.0.1:{port}")
        _wait_until_up(bare, process)
        yield _deployed(bare)
    finally:
        process.kill()
        process.wait()


def _wait_until_up(ledger: Ledger, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            ledger.rpc("eth_chainId")
            return
        except httpx.TransportError:
            if process.poll() is not None:
                raise RuntimeError(f"anvil ended at once with exit code {process.returncode}") from None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _deployed(bare: Ledger) -> Ledger:
    tokens = bare.send(None, shares.encode_deploy_shares("", 900, ADMIN, 0))["contractAddress"]
    token = bare.send(None, abi.encode_deploy_token(ADMIN, 0))["contractAddress"]
    issuer = bare.send(None, abi.encode_deploy_issuer(token, ADMIN, 0, tokens))["contractAddress"]
    bare.send(token, abi.encode_grant_role(abi.MINTER_ROLE, issuer))
    bare.send(tokens, abi.encode_grant_role(abi.REGISTRAR_ROLE, ADMIN))
    for role in (abi.REGISTRAR_ROLE, abi.SETTLER_ROLE):
        bare.send(issuer, abi.encode_grant_role(role, ADMIN))
    return Ledger(bare.url, token, issuer, tokens)
