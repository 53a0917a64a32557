"""The committed artifacts, deployed on a real node and spoken to in plain JSON-RPC."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from contracts import abi
from tests.support.anvil import start_anvil

NOW = 1_997_400 * 900
"""The chain's clock at its start, after every golden reading."""


class RefusedError(Exception):
    """A call that the contract reverted, with the bytes it answered."""

    def __init__(self, data: bytes) -> None:
        super().__init__(abi.decode_revert(data))
        self.name = abi.revert_name(data)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Token and issuer on a chain. Account 0 is the admin and holds every role of the issuer."""

    http: httpx.Client
    accounts: tuple[str, ...]
    token: str = ""
    issuer: str = ""

    def rpc(self, method: str, *params: Any) -> Any:
        """Result of one JSON-RPC call. Raises RefusedError if a contract reverted, AssertionError for other errors."""
        answer = self.http.post("", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json()
        if "error" not in answer:
            return answer["result"]
        if answer["error"]["code"] == 3:
            raise RefusedError(bytes.fromhex(answer["error"].get("data", "0x")[2:]))
        raise AssertionError(f"{method}: {answer['error']}")

    def call(self, to: str, data: bytes, sender: int = 0) -> bytes:
        """Answer of a contract to a call that changes nothing."""
        request = {"from": self.accounts[sender], "to": to, "data": "0x" + data.hex()}
        return bytes.fromhex(self.rpc("eth_call", request, "latest")[2:])

    def send(self, to: str | None, data: bytes, sender: int = 0) -> dict[str, Any]:
        """Receipt of a mined transaction. Raises RefusedError if it would revert."""
        request = {"from": self.accounts[sender], "data": "0x" + data.hex(), **({"to": to} if to else {})}
        self.rpc("eth_call", request, "latest")
        sent = self.rpc("eth_sendTransaction", request)
        deadline = time.monotonic() + 20
        receipt: dict[str, Any] | None = None
        while receipt is None:
            assert time.monotonic() < deadline, f"{sent} was not mined"
            receipt = self.rpc("eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def balance(self, holder: str) -> int:
        """Base units of a holder."""
        return abi.decode_uint(self.call(self.token, abi.encode_balance_of(holder)))

    def supply(self) -> int:
        """Base units in existence."""
        return abi.decode_uint(self.call(self.token, abi.encode_total_supply()))

    def source(self, source_id: bytes) -> abi.SourceState:
        """State of a source."""
        return abi.decode_source(self.call(self.issuer, abi.encode_source(source_id)))


def _deploy(http: httpx.Client) -> Ledger:
    bare = Ledger(http, ())
    bare = Ledger(http, tuple(bare.rpc("eth_accounts")))
    admin = bare.accounts[0]
    token = bare.send(None, abi.encode_deploy_token(admin, 0))["contractAddress"]
    issuer = bare.send(None, abi.encode_deploy_issuer(token, admin, 0))["contractAddress"]
    bare.send(token, abi.encode_grant_role(abi.MINTER_ROLE, issuer))
    for role in (abi.SETTLER_ROLE, abi.REGISTRAR_ROLE, abi.CORRECTOR_ROLE, abi.PAUSER_ROLE):
        bare.send(issuer, abi.encode_grant_role(role, admin))
    return Ledger(http, bare.accounts, token, issuer)


@pytest.fixture(scope="module")
def deployed() -> Iterator[Ledger]:
    with (
        start_anvil(timestamp=NOW) as chain,
        httpx.Client(base_url=chain.url, trust_env=False, timeout=20) as http,
    ):
        yield _deploy(http)


@pytest.fixture
def ledger(deployed: Ledger) -> Iterator[Ledger]:
    """The freshly deployed contracts; what a test does to them is undone."""
    snapshot = deployed.rpc("evm_snapshot")
    yield deployed
    assert deployed.rpc("evm_revert", snapshot)
