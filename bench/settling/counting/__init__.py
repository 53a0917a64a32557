"""An issuer without guards, compiled with the contracts' compiler and kept: `python -m bench.settling.counting`."""

import hashlib
import json
import subprocess
from functools import cache
from pathlib import Path

from eth_abi.abi import encode
from eth_utils.crypto import keccak

FOLDER = Path(__file__).parent
SOURCE, ARTIFACT = FOLDER / "CountingIssuer.sol", FOLDER / "CountingIssuer.json"
_REPOSITORY = FOLDER.parents[2]


def source_digest() -> str:
    """SHA-256 of the source: the artifact says of which source it is."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def compile_source() -> dict[str, str]:
    """The artifact, by the pinned compiler of package-lock.json. Raises RuntimeError with the compiler's words."""
    request = {
        "language": "Solidity",
        "sources": {SOURCE.name: {"content": SOURCE.read_text()}},
        "settings": {
            "evmVersion": "prague",
            "optimizer": {"enabled": True, "runs": 1000},
            "viaIR": True,
            "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
            "outputSelection": {"*": {"*": ["evm.bytecode.object", "evm.deployedBytecode.object"]}},
        },
    }
    solc = ["node", str(_REPOSITORY / "contracts" / "tools" / "solc"), "--standard-json"]
    done = subprocess.run(solc, input=json.dumps(request), capture_output=True, text=True, check=True)
    output = json.loads(done.stdout)
    problems = [error["formattedMessage"] for error in output.get("errors", [])]
    if problems:
        raise RuntimeError("\n".join(problems))
    evm = output["contracts"][SOURCE.name]["CountingIssuer"]["evm"]
    return {
        "sourceSha256": source_digest(),
        "bytecode": "0x" + evm["bytecode"]["object"],
        "deployedBytecode": "0x" + evm["deployedBytecode"]["object"],
    }


@cache
def artifact() -> dict[str, str]:
    """The compiled contract as it is kept."""
    kept: dict[str, str] = json.loads(ARTIFACT.read_text())
    return kept


def creation_code() -> bytes:
    """What deploys it."""
    return bytes.fromhex(artifact()["bytecode"][2:])


def code_hash() -> str:
    """keccak256 of the code that then stands on the chain, as the gate wants it."""
    return "0x" + keccak(bytes.fromhex(artifact()["deployedBytecode"][2:])).hex()


def encode_open(source_id: bytes, register_wh: int) -> bytes:
    """Call data of `open`: where a source's register stands at first."""
    return keccak(text="open(bytes32,uint64)")[:4] + encode(["bytes32", "uint64"], [source_id, register_wh])


def encode_counts(source_id: bytes, to_wh: int) -> bytes:
    """Call data of `counts`: how often the way up to a register value was minted."""
    return keccak(text="counts(bytes32,uint64)")[:4] + encode(["bytes32", "uint64"], [source_id, to_wh])
