"""A chain of half a million transfers: built once on anvil, kept in a file, loaded again for each bench."""

import hashlib
import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from standalone.anvil import anvil_program

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".bench" / "index_chain"
CHAIN_ID = 31337
ACCOUNTS = 1_000
BLOCKS = 10_000
TRANSFERS_PER_BLOCK = 50
_MINTS_PER_BLOCK = 50
_AMOUNT = 10**24
_FINAL_AFTER = 3
"""Empty blocks at the end, after which anvil with epochs of one slot calls everything before final."""
_SOURCE = Path(__file__).with_name("BenchToken.sol")
_START_S = 180.0


@dataclass(frozen=True, slots=True)
class BenchChain:
    """A running chain: `events` transfers of `token` in the blocks up to `head`."""

    url: str
    token: str
    events: int
    head: int

    @property
    def first_busy(self) -> int:
        """The first block that scatters transfers; before it there are the token and the accounts' first amounts."""
        return self.head - _FINAL_AFTER - BLOCKS + 1

    def events_in(self, blocks: int) -> int:
        """How many transfers there are up to and with the first `blocks` busy blocks."""
        return ACCOUNTS + blocks * TRANSFERS_PER_BLOCK

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of one call."""
        return _Rpc(int(self.url.rsplit(":", 1)[1])).call(method, *params)

    def offer_transfers(self, seed: int, count: int) -> None:
        """Put a transaction with `count` transfers where the next block takes it."""
        data = _call("scatter(uint256,uint256)", BLOCKS + seed, count)
        sender = self.rpc("eth_accounts")[0]
        self.rpc("eth_sendTransaction", {"from": sender, "to": self.token, "gas": hex(8_000_000), "data": data})


class _Rpc:
    """One connection that is kept: ten thousand calls go over it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())
        if "error" in answer:
            raise RuntimeError(f"anvil refused {method}: {answer['error']}")
        return answer["result"]


@contextmanager
def running_chain(port: int) -> Iterator[BenchChain]:
    """The chain on `port` until the block ends; built first, with progress, where it is not there yet."""
    stamp = hashlib.sha256(_SOURCE.read_bytes() + f"{ACCOUNTS} {BLOCKS} {TRANSFERS_PER_BLOCK}".encode()).hexdigest()[
        :16
    ]
    state, facts = FOLDER / f"state-{stamp}.json", FOLDER / f"facts-{stamp}.json"
    if not facts.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with _anvil(port, "--dump-state", str(state)):
            built = _build(port)
        facts.write_text(json.dumps(asdict(built)))  # written last: a state without facts is built again
    kept = json.loads(facts.read_text())
    with _anvil(port, "--load-state", str(state)):
        yield BenchChain(**(kept | {"url": f"http://127.0.0.1:{port}"}))


@contextmanager
def _anvil(port: int, *arguments: str) -> Iterator[None]:
    # Ponder asks it under six addresses of the loopback interface
    command = [str(anvil_program(ROOT)), "--host", "0.0.0.0", "--port", str(port), "--chain-id", str(CHAIN_ID)]
    command += [
        "--silent",
        "--hardfork",
        "osaka",
        "--no-mining",
        "--slots-in-an-epoch",
        "1",
        "--prune-history",
        *arguments,
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                _Rpc(port).call("eth_chainId")
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("anvil did not start; is npm ci done?") from None
                time.sleep(0.1)
        yield
    finally:
        process.terminate()  # it writes its state before it ends
        process.wait(_START_S)


def _build(port: int) -> BenchChain:
    rpc = _Rpc(port)
    sender = rpc.call("eth_accounts")[0]

    def mined(data: str, to: str | None = None) -> str:
        request = {"from": sender, "gas": hex(20_000_000), "data": data} | ({} if to is None else {"to": to})
        tx_hash: str = rpc.call("eth_sendTransaction", request)
        rpc.call("evm_mine")
        return tx_hash

    token = str(rpc.call("eth_getTransactionReceipt", mined(_creation_code()))["contractAddress"]).lower()
    for first in range(0, ACCOUNTS, _MINTS_PER_BLOCK):
        mined(_call("mint(uint256,uint256,uint256)", first, _MINTS_PER_BLOCK, _AMOUNT), token)
    began = time.monotonic()
    for block in range(BLOCKS):
        mined(_call("scatter(uint256,uint256)", block, TRANSFERS_PER_BLOCK), token)
        if block % 1_000 == 999:
            left_s = (time.monotonic() - began) / (block + 1) * (BLOCKS - block - 1)
            print(f"  building the chain: {block + 1} of {BLOCKS} blocks, {left_s:.0f} s left", flush=True)
    for _ in range(_FINAL_AFTER):
        rpc.call("evm_mine")
    return BenchChain("", token, ACCOUNTS + BLOCKS * TRANSFERS_PER_BLOCK, int(rpc.call("eth_blockNumber"), 16))


def _call(signature: str, *numbers: int) -> str:
    return "0x" + keccak(text=signature)[:4].hex() + "".join(f"{number:064x}" for number in numbers)


def _creation_code() -> str:
    request = {
        "language": "Solidity",
        "sources": {_SOURCE.name: {"content": _SOURCE.read_text()}},
        "settings": {
            "optimizer": {"enabled": True, "runs": 1000},
            "evmVersion": "prague",
            "outputSelection": {"*": {"BenchToken": ["evm.bytecode.object"]}},
        },
    }
    solc = ["node", str(ROOT / "contracts" / "tools" / "solc"), "--standard-json"]
    done = subprocess.run(solc, input=json.dumps(request), capture_output=True, text=True, check=True)
    return "0x" + str(json.loads(done.stdout)["contracts"][_SOURCE.name]["BenchToken"]["evm"]["bytecode"]["object"])
