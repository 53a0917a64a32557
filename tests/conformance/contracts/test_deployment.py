"""The planned deployment is carried out on a real node and found to be as recorded; a difference is named."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import rlp
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts import abi, deployment, shares
from tests.conformance.contracts.conftest import Ledger
from tests.support.anvil import start_anvil

CONTRACTS = Path(__file__).parents[3] / "contracts"
TOOL = CONTRACTS / "tools" / "deploy"
LOCAL = CONTRACTS / "deployments" / "anvil.json"
ROLES = ("admin", "settler", "registrar", "corrector", "pauser")


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(TOOL), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def holders(ledger: Ledger) -> dict[str, str]:
    return dict(zip(ROLES, ledger.accounts[1:6], strict=True))


def planned(ledger: Ledger, holders: dict[str, str], record: Path, *more: str) -> dict[str, Any]:
    creator = ledger.accounts[0]
    nonce = int(ledger.rpc("eth_getTransactionCount", creator, "latest"), 16)
    roles = [word for role, holder in holders.items() for word in (f"--{role}", holder)]
    done = tool("plan", str(record), "--chain-id", "31337", "--creator", creator, "--nonce", str(nonce), *roles, *more)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def bytes_of(transaction: dict[str, Any]) -> bytes:
    return bytes.fromhex(transaction["data"][2:])


@pytest.mark.timeout(300)
def test_a_plan_carried_out_is_what_the_record_says(ledger: Ledger, holders: dict[str, str], tmp_path: Path) -> None:
    record = tmp_path / "local.json"
    more = ("--shares-period", "900", "--shares-uri", "https://example.org/{id}")
    printed = planned(ledger, holders, record, *more)
    names = json.loads(record.read_text())["contracts"]
    url = str(ledger.http.base_url)
    assert "not so: KwhToken stands at" in tool("verify", str(record), "--rpc", url).stdout, "nothing is there yet"
    for creation in printed["creations"]:
        receipt = ledger.send(None, bytes_of(creation), sender=0)
        assert receipt["contractAddress"] == names[creation["creates"]]
    missing = tool("verify", str(record), "--rpc", url)
    assert missing.returncode == 1 and "not so: the issuer mints" in missing.stdout
    assert "stands at" not in missing.stdout and "administers" not in missing.stdout
    for granted in printed["administrator"]:
        ledger.send(granted["to"], bytes_of(granted), sender=1)
    done = tool("verify", str(record), "--rpc", url)
    assert (done.returncode, done.stdout) == (0, "the chain agrees with the record\n"), done.stderr
    assert not abi.decode_bool(
        ledger.call(names["KwhToken"], abi.encode_has_role(abi.DEFAULT_ADMIN_ROLE, ledger.accounts[0]))
    ), "who creates the contracts has no power over them"
    answer = ledger.call(names["EnergyIssuer"], shares.encode_shares())
    assert answer[12:].hex() == names["EnergyShares"][2:]


@pytest.mark.timeout(300)
def test_the_record_of_the_local_test_network_is_true(tmp_path: Path) -> None:
    """A fresh chain, its first account as creator, the next five for the roles."""
    again = tmp_path / "anvil.json"
    with start_anvil() as chain, httpx.Client(base_url=chain.url, trust_env=False, timeout=20) as http:
        ledger = Ledger(http, tuple(chain.rpc("eth_accounts")))
        roles = dict(zip(ROLES, ledger.accounts[1:6], strict=True))
        printed = planned(ledger, roles, again, "--shares-period", "900", "--shares-uri", "https://example.org/{id}")
        assert again.read_text() == LOCAL.read_text(), f"plan it again: contracts/tools/deploy plan {LOCAL.name} ..."
        for creation in printed["creations"]:
            ledger.send(None, bytes_of(creation), sender=0)
        for granted in printed["administrator"]:
            ledger.send(granted["to"], bytes_of(granted), sender=1)
        assert tool("verify", str(LOCAL), "--rpc", chain.url).stdout == "the chain agrees with the record\n"


def test_without_share_tokens_there_are_two_contracts(holders: dict[str, str]) -> None:
    plan = deployment.plan("0x" + "11" * 20, 0, deployment.Holders(**holders))
    assert [one.name for one in plan.creations] == ["KwhToken", "EnergyIssuer"]
    assert plan.shares == abi.ZERO_ADDRESS
    assert {grant.to for grant in plan.grants} == {plan.token, plan.issuer}


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**64 - 1))
def test_created_addresses_are_those_of_a_general_encoder(creator: bytes, nonce: int) -> None:
    expected = "0x" + keccak(rlp.encode([creator, nonce]))[12:].hex()
    assert deployment.created_address("0x" + creator.hex(), nonce) == expected


def test_roles_that_must_not_meet(holders: dict[str, str]) -> None:
    deployment.Holders(**holders)
    for role in ("admin", "settler"):
        with pytest.raises(ValueError, match="another role too"):
            deployment.Holders(**{**holders, role: holders["pauser"]})
    with pytest.raises(ValueError, match="zero address"):
        deployment.Holders(**{**holders, "pauser": abi.ZERO_ADDRESS})
    with pytest.raises(ValueError, match="not an address"):
        deployment.Holders(**{**holders, "corrector": "the treasurer"})


def test_a_record_that_cannot_be_is_refused(ledger: Ledger, holders: dict[str, str], tmp_path: Path) -> None:
    done = tool("verify", str(tmp_path / "none.json"), "--rpc", "http://127.0.0.1:1")
    assert done.returncode == 2 and "none.json" in done.stderr
    planned(ledger, holders, tmp_path / "local.json")
    done = tool("verify", str(tmp_path / "local.json"), "--rpc", "http://127.0.0.1:1")
    assert done.returncode == 2 and done.stderr
