"""The contracts of a test on its chain, and how a plant is registered there."""

from typing import Any

from bench.settling.counting import creation_code, encode_open
from community.ids import digest_of
from contracts.abi import (
    MINTER_ROLE,
    MODE_DEVICE,
    REGISTRAR_ROLE,
    ShareConfig,
    SourceSetup,
    encode_configure,
    encode_deploy_issuer,
    encode_deploy_token,
    encode_grant_role,
)
from tests.support.anvil import DEVELOPMENT_ADDRESSES, AnvilChain
from tests.support.sending_device import NOON, SendingDevice

SOURCE_REF = bytes.fromhex("5a" * 32)
NAMEPLATE_W = 30_000
OPENING_WH = 1_000_000
HOLDERS = tuple(f"0x{n:040x}" for n in (0xA1, 0xB2, 0xC3))
WEIGHTS = (300, 200, 500)
ADMIN = DEVELOPMENT_ADDRESSES[0]


def config_of(device: SendingDevice) -> ShareConfig:
    """What is committed on chain for the plant of this device."""
    key = device.public_key
    return ShareConfig(key[1:33], key[33:], HOLDERS, WEIGHTS)


def ref_of(plant: str) -> bytes:
    """A plant's id on chain."""
    return SOURCE_REF if plant == "plant" else bytes.fromhex(digest_of(plant.encode()))


def transact(chain: AnvilChain, to: str | None, data: bytes) -> dict[str, Any]:
    """A transaction of the admin, whom anvil unlocks; mined whether or not the chain mines by itself."""
    fields = {"from": ADMIN, "data": "0x" + data.hex(), "gas": hex(8_000_000)} | ({} if to is None else {"to": to})
    tx_hash = chain.rpc("eth_sendTransaction", fields)
    receipt = chain.rpc("eth_getTransactionReceipt", tx_hash)
    if receipt is None:
        chain.mine()
        receipt = chain.rpc("eth_getTransactionReceipt", tx_hash)
    assert receipt["status"] == "0x1", receipt
    return dict(receipt)


def deploy(chain: AnvilChain) -> tuple[str, str]:
    """Token and issuer from the committed artifacts; the issuer may mint, the admin may register."""
    token = str(transact(chain, None, encode_deploy_token(ADMIN, 0))["contractAddress"])
    issuer = str(transact(chain, None, encode_deploy_issuer(token, ADMIN, 0))["contractAddress"])
    grant(chain, token, MINTER_ROLE, issuer)
    grant(chain, issuer, REGISTRAR_ROLE, ADMIN)
    return token, issuer


def deploy_counting(chain: AnvilChain) -> tuple[str, str]:
    """The issuer without guards, which is its own token; the plant's register stands at its opening."""
    address = str(transact(chain, None, creation_code())["contractAddress"])
    transact(chain, address, encode_open(SOURCE_REF, OPENING_WH))
    return address, address


def grant(chain: AnvilChain, contract: str, role: bytes, account: str) -> None:
    """Give an account a role."""
    transact(chain, contract, encode_grant_role(role, account))


def configure(chain: AnvilChain, issuer: str, device: SendingDevice, config: ShareConfig, plant: str = "plant") -> None:
    """Register a plant on chain."""
    setup = SourceSetup(
        source_id=ref_of(plant),
        device_id=bytes.fromhex(device.eui),
        profile=device.profile,
        channel=0,
        max_watt=NAMEPLATE_W,
        start_register_wh=OPENING_WH,
        start_read_at=int(NOON.timestamp()),
        mode=MODE_DEVICE,
        config=config,
    )
    transact(chain, issuer, encode_configure(setup))
