"""The settler's key in SoftHSM2: it signs what the network takes, survives the token's absence, and is known from another."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from pkcs11 import Attribute, ObjectClass

from community.chain.signature_requests import SignedReply
from community.chain.signed_transactions import read_signed
from community.clients.pkcs11_signing import TokenAway, TokenKey, TokenRefuses
from signer.keys import TokenPlace, create_keys, open_settler, settler_address
from signer.pinning import follow
from signer.pkcs11_settler import ORDER, Pkcs11Account
from signer.signing import Signer
from tests.conformance.gateway_agent.test_token_removal import taken_out
from tests.support.anvil import start_anvil
from tests.support.signing_plant import SigningPlant
from tests.support.tokens import SoftToken

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def place(token: SoftToken) -> TokenPlace:
    return TokenPlace(token.module, token.label, f"settler-{secrets.token_hex(4)}")


@pytest.fixture
def folder(token: SoftToken, place: TokenPlace, tmp_path: Path) -> Path:
    create_keys(tmp_path / "signer", token.pin, token=place)
    return tmp_path / "signer"


def key_of(token: SoftToken, place: TokenPlace) -> TokenKey:
    return TokenKey(place.module, place.token, place.key, token.pin, "secp256k1", "make it", "the file")


@pytest.fixture
def plant(folder: Path, token: SoftToken) -> Iterator[SigningPlant]:
    plant = SigningPlant(folder)
    plant.signer = Signer(open_settler(folder, token.pin), plant.journal, follow(plant.journal))
    plant.now = plant.now.replace(hour=20)
    yield plant
    plant.journal.close()


def test_the_address_is_that_of_the_key_in_the_token(folder: Path, token: SoftToken, place: TokenPlace) -> None:
    account = open_settler(folder, token.pin)
    assert isinstance(account, Pkcs11Account)
    assert account.address == settler_address(folder)
    assert b"private" not in (folder / "settler.json").read_bytes()

    def extractable(session: object) -> bool:
        return bool(key_of(token, place).find(session, ObjectClass.PRIVATE_KEY)[Attribute.EXTRACTABLE])

    assert not key_of(token, place).use(extractable)


def test_signatures_have_the_lower_s_and_recover(folder: Path, token: SoftToken) -> None:
    account = open_settler(folder, token.pin)
    parities = set()
    for _ in range(24):
        digest = secrets.token_bytes(32)
        signature = account.sign_digest(digest)
        assert 0 < signature.s <= ORDER // 2
        parities.add(signature.y_parity)
        vrs = (signature.y_parity + 27, signature.r, signature.s)
        assert Account._recover_hash(digest, vrs=vrs).lower() == account.address  # type: ignore[arg-type]
    assert parities == {0, 1}


def test_other_bytes_each_time_but_the_first_for_ever(plant: SigningPlant) -> None:
    digest = bytes(32)
    account = plant.signer._account
    assert account.sign_digest(digest) != account.sign_digest(digest), "a token draws its own random number"
    request = plant.request(500, after=1)
    first = plant.ask(request)
    assert isinstance(first, SignedReply) and read_signed(first.raw).sender == plant.signer.address
    assert [plant.ask(request) for _ in range(3)] == [first] * 3


def test_a_network_takes_what_the_token_signed(plant: SigningPlant) -> None:
    reply = plant.ask(plant.request(500, after=1))
    assert isinstance(reply, SignedReply)
    with start_anvil() as chain:
        chain.rpc("anvil_setBalance", plant.signer.address, hex(10**20))
        assert chain.rpc("eth_sendRawTransaction", "0x" + reply.raw.hex()) == reply.tx_hash
        assert chain.rpc("eth_getTransactionByHash", reply.tx_hash)["from"] == plant.signer.address


def test_a_token_that_was_away_signs_again_and_no_nonce_is_lost(plant: SigningPlant) -> None:
    request = plant.request(500, after=1)
    with taken_out(), pytest.raises(TokenAway, match="plugged in"):
        plant.ask(request)
    assert plant.journal.intent_at(request) is None, "nothing is bound to a signature that was not made"
    assert isinstance(plant.ask(request), SignedReply)


def test_the_key_of_another_token_is_noticed(token: SoftToken, place: TokenPlace, folder: Path) -> None:
    other = replace(place, key=place.key + "-other")
    key_of(token, other).create()
    original = (folder / "settler.json").read_text()
    (folder / "settler.json").write_text(original.replace(f'"{place.key}"', f'"{other.key}"'))
    with pytest.raises(TokenRefuses, match="is not that of 0x"):
        open_settler(folder, token.pin)
    (folder / "settler.json").write_text(original.replace(f'"{place.key}"', '"absent"'))
    with pytest.raises(TokenRefuses, match="holds no key"):
        open_settler(folder, token.pin)


def test_a_wrong_pin_is_said_at_the_start(folder: Path) -> None:
    with pytest.raises(TokenRefuses, match="PIN of the token"):
        open_settler(folder, "0000")
