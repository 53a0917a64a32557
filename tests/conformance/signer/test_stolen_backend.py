"""A stolen backend: it has the database, the broker and settlement's key, but no device's, signer's or operator's key.

Each attack is refused by the signer, a process of its own behind both of its doors; and where the signer's own key is stolen
too, by the contract.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from eth_account import Account

from community.attestation import merkle
from community.attestation.sealing import derive_salt_key, slot_salt
from community.attestation.signatures import normalise_low_s
from community.attestation.statement import SlotReading, leaf_inputs_of
from community.chain.signature_requests import RefusedReply, SignatureRequest, SignedReply
from community.minting.issuances import issuance_id
from contracts.abi import (
    MINTER_ROLE,
    SettleEvidence,
    ShareConfig,
    encode_correct,
    encode_grant_role,
    encode_settle,
    encode_transfer,
)
from settlement.requester_key import load_requester_key
from settlement.signature_broker import BrokeredSigner
from settlement.terms import GWEI
from signer.keys import SETTLER_FILE
from signer.settler import KeystoreAccount
from signer.transactions import sign_transaction
from tests.support.anvil import CHAIN_ID
from tests.support.plant_on_chain import HOLDERS, OPENING_WH, SOURCE_REF, WEIGHTS
from tests.support.sending_device import NOON_SLOT, SendingDevice
from tests.support.settlement_world import PASSPHRASE, SettlementWorld, settlement_world
from tests.support.signed_http import RequestSigner, web3_of
from tests.support.signer_process import signer_process

pytestmark = pytest.mark.timeout(180)
THIEF = "0x" + "66" * 20


@dataclass
class Thief:
    """Holds everything of the backend, and what passed through it: one true statement of the device."""

    world: SettlementWorld
    url: str
    asker: BrokeredSigner
    attempts: int = 0

    def evidence(
        self, wh: int, after: int, device: SendingDevice | None = None, key: SendingDevice | None = None
    ) -> SettleEvidence:
        """A statement over one reading; of the plant's device unless another, or another's key, is named."""
        sender = device or self.world.device
        readings = [SlotReading(NOON_SLOT + after, 0, 1, (OPENING_WH + wh,))]
        signed = sender.sign(readings, key_of=key).signed
        salt = partial(slot_salt, derive_salt_key(sender.secret, bytes.fromhex(sender.eui)))
        leaves = leaf_inputs_of(readings, salt)
        signature = normalise_low_s(signed.signature)
        path = merkle.inclusion_path([merkle.leaf_hash(leaf) for leaf in leaves], 0)
        return SettleEvidence(signed.to_be_signed(), signature[:32], signature[32:], leaves[0], path, 0)

    def request(
        self,
        evidence: SettleEvidence,
        config: ShareConfig | None = None,
        *,
        from_wh: int = 0,
        to_wh: int = 500,
        nonce: int = 0,
    ) -> SignatureRequest:
        """A request as settlement would make it."""
        self.attempts += 1
        name = issuance_id(
            CHAIN_ID, self.world.issuer, "0x" + SOURCE_REF.hex(), OPENING_WH + from_wh, OPENING_WH + to_wh
        )
        return SignatureRequest(
            f"attack-{self.attempts}",
            "settlement",
            name,
            CHAIN_ID,
            self.world.account,
            nonce,
            self.world.issuer,
            encode_settle(SOURCE_REF, evidence, config or self.world.config),
            600_000,
            100 * GWEI,
            GWEI,
        )

    async def by_broker(self, request: SignatureRequest) -> str:
        """Why the signer refuses behind the broker."""
        reply = await self.asker.ask(request)
        assert isinstance(reply, RefusedReply), f"signed: {request.id}"
        return reply.reason

    async def by_json_rpc(self, request: SignatureRequest) -> str:
        """Why it refuses at its other door."""
        answer = await self.rpc(request)
        assert "error" in answer, f"signed: {request.id}"
        return str(answer["error"]["message"])

    async def rpc(self, request: SignatureRequest) -> dict:
        fields = {
            "from": request.account,
            "to": request.to,
            "nonce": hex(request.nonce),
            "gas": hex(request.gas),
            "maxFeePerGas": hex(request.max_fee),
            "maxPriorityFeePerGas": hex(request.tip),
            "data": "0x" + request.data.hex(),
            "chainId": hex(request.chain_id),
        }
        provider = web3_of(self.url, RequestSigner(self.asker._key)).provider
        return dict(await asyncio.to_thread(provider.make_request, "eth_signTransaction", [fields]))  # type: ignore[arg-type]

    def mined(self, raw: bytes) -> dict:
        """The receipt of a transaction; a chain on a busy machine mines it a little later."""
        chain, deadline = self.world.chain, time.monotonic() + 30
        tx_hash = chain.rpc("eth_sendRawTransaction", "0x" + raw.hex())
        while (receipt := chain.rpc("eth_getTransactionReceipt", tx_hash)) is None:
            assert time.monotonic() < deadline, "the transaction was not mined"
            time.sleep(0.05)
        return dict(receipt)

    def on_chain(self, request: SignatureRequest) -> str:
        """What the chain makes of the call when the signer's own key has signed it: the name of the contract's error."""
        keystore = json.loads((self.world.folder / "signer" / SETTLER_FILE).read_text())
        account = KeystoreAccount(Account.from_key(Account.decrypt(keystore, PASSPHRASE)))
        chain = self.world.chain
        nonce = self.world.mine_nonces()
        raw = sign_transaction(account, replace(request, nonce=nonce)).raw
        assert self.mined(raw)["status"] == "0x0", "the contract took it"
        call = {"from": account.address, "to": request.to, "data": "0x" + request.data.hex()}
        try:
            chain.rpc("eth_call", call, "latest")
        except AssertionError as error:
            return str(error)
        raise AssertionError("the contract takes it now")


@pytest.fixture
async def thief(tmp_path: Path) -> AsyncIterator[Thief]:
    async with settlement_world(tmp_path, serve=False) as world:
        world.registry["limits"]["fee_wei_per_day_max"] = 10 * 600_000 * 100 * GWEI
        world.pin()
        key = load_requester_key(tmp_path / "requester.pem")
        asker = BrokeredSigner(world.broker, "signer", "settlement", key, 30)
        async with signer_process(tmp_path / "signer", PASSPHRASE, world.broker) as url:
            await asker.start()
            try:
                yield Thief(world, url, asker)
            finally:
                await asker.stop()


def other_config(world: SettlementWorld) -> ShareConfig:
    return replace(world.config, holders=(THIEF, *HOLDERS[1:]))


Attack = Callable[[Thief], tuple[SignatureRequest, str]]


def without_evidence(thief: Thief) -> tuple[SignatureRequest, str]:
    return thief.request(thief.evidence(500, 2, key=SendingDevice())), "does not verify"


def with_an_own_device(thief: Thief) -> tuple[SignatureRequest, str]:
    own = SendingDevice()
    point = own.public_key
    config = ShareConfig(point[1:33], point[33:], HOLDERS, WEIGHTS)
    return thief.request(thief.evidence(500, 2, device=own), config), "is not pinned"


def with_another_sources_statement(thief: Thief) -> tuple[SignatureRequest, str]:
    return thief.request(thief.evidence(500, 2, device=SendingDevice(eui="70b3d57ed0000002"))), "does not verify"


def to_another_holder(thief: Thief) -> tuple[SignatureRequest, str]:
    return thief.request(thief.evidence(500, 2), other_config(thief.world)), "is not pinned"


def with_another_leaf(thief: Thief) -> tuple[SignatureRequest, str]:
    leaf = thief.evidence(5000, 2).leaf
    return thief.request(replace(thief.evidence(500, 2), leaf=leaf), to_wh=5000), "not in the signed statement"


def above_the_nameplate(thief: Thief) -> tuple[SignatureRequest, str]:
    return thief.request(thief.evidence(40_000, 2), to_wh=40_000), "can make in the time"


REFUSED_BY_BOTH = [
    (without_evidence, "BadSignature"),
    (with_an_own_device, "WrongConfig"),
    (with_another_sources_statement, "BadSignature"),
    (to_another_holder, "WrongConfig"),
    (with_another_leaf, "NotIncluded"),
    (above_the_nameplate, "Implausible"),
]


def error_selector(name: str) -> str:
    from eth_utils.abi import function_abi_to_4byte_selector

    from contracts.artifacts import load

    entry = next(each for each in load("EnergyIssuer").abi if each["type"] == "error" and each["name"] == name)
    return "0x" + function_abi_to_4byte_selector(entry | {"type": "function"}).hex()


async def test_what_a_stolen_backend_tries_is_refused_by_the_signer_and_by_the_contract(thief: Thief) -> None:
    world = thief.world
    for attack, error in REFUSED_BY_BOTH:
        request, sentence = attack(thief)
        assert sentence in await thief.by_broker(request), attack.__name__
        assert sentence in await thief.by_json_rpc(request), attack.__name__
        assert error_selector(error) in thief.on_chain(request) or error in thief.on_chain(request), attack.__name__
    assert world.supply() == 0


async def test_a_stolen_backend_mints_no_watt_hour_twice(thief: Thief) -> None:
    world = thief.world
    true = thief.evidence(500, 2)
    nonce = world.mine_nonces()
    good = thief.request(true, nonce=nonce)
    reply = await thief.asker.ask(good)
    assert isinstance(reply, SignedReply)
    assert thief.mined(reply.raw)["status"] == "0x1"
    supply = world.supply()
    assert supply == 500 * 10**15
    old = thief.evidence(400, 1)
    replays = [
        (thief.request(true, nonce=nonce + 1), "is bound to nonce"),
        (thief.request(true, from_wh=500, to_wh=500, nonce=nonce + 1), "is not after the last one"),
        (thief.request(old, to_wh=400, nonce=nonce + 1), "is not after the last one"),
        (thief.request(thief.evidence(900, 3), from_wh=500, to_wh=900, nonce=nonce), "is bound to issuance"),
    ]
    for request, sentence in replays:
        assert sentence in await thief.by_broker(request)
        assert "error" in await thief.rpc(request)
    for request, _ in replays[:3]:
        assert "Stale" in thief.on_chain(request) or error_selector("Stale") in thief.on_chain(request)
    assert (await thief.rpc(good))["result"] == "0x" + reply.raw.hex(), "the old answer, and nothing but it"
    assert world.supply() == supply


async def test_a_stolen_backend_raises_no_ceiling_and_burns_no_fees(thief: Thief) -> None:
    world = thief.world
    good = thief.request(thief.evidence(500, 2))
    setup = replace(good, data=encode_grant_role(MINTER_ROLE, THIEF))
    attacks = [
        (replace(good, chain_id=1), "for chain 1"),
        (replace(good, gas=3_000_001), "gas; the ceiling"),
        (replace(good, max_fee=2_001 * GWEI), "maximum fee; the ceiling"),
        (replace(good, max_fee=1_900 * GWEI, tip=501 * GWEI), "tip; the ceiling"),
        (replace(good, gas=3_000_000, max_fee=300 * GWEI), "fees of a day"),
        (replace(good, to=world.token, data=encode_transfer(THIEF, 1)), "calls of the issuer"),
        (setup, "signs settle and settleMany"),
        (replace(good, data=encode_correct(SOURCE_REF, 1, bytes([1]) * 32)), "signs settle and settleMany"),
        (replace(good, data=good.data + bytes(32)), "cannot be read"),
        (replace(good, account=THIEF), "not " + THIEF),
    ]
    for number, (request, sentence) in enumerate(attacks):
        assert sentence in await thief.by_broker(replace(request, id=f"limit-{number}"))
        assert sentence in await thief.by_json_rpc(request)
    assert "AccessControlUnauthorizedAccount" in thief.on_chain(setup) or "0xe2517d3f" in thief.on_chain(setup)
    assert world.supply() == 0
