"""Nothing but the transaction that was asked for, by the right key, is ever stored or sent."""

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from community.chain.signature_requests import SignatureRequest
from community.chain.transactions import Attempt, AttemptState, ChainTransaction, Fees
from community.errors import FatalError
from settlement.submitter import check_signed
from signer.settler import KeystoreAccount
from signer.transactions import sign_transaction
from tests.support.anvil import DEVELOPMENT_ADDRESSES, DEVELOPMENT_KEYS
from tests.support.sending_device import NOON

ACCOUNT = KeystoreAccount(Account.from_key(DEVELOPMENT_KEYS[0]))
ATTEMPT = Attempt(1, Fees(100, 10), AttemptState.REQUESTED, NOON)
TRANSACTION = ChainTransaction(
    "tx_1", "0x" + "11" * 32, 137, DEVELOPMENT_ADDRESSES[0], 3, "0x" + "15" * 20, b"call", 21_000, (ATTEMPT,)
)
REQUEST = SignatureRequest(
    "tx_1.1",
    "settlement",
    "0x" + "11" * 32,
    137,
    ACCOUNT.address.lower(),
    3,
    "0x" + "15" * 20,
    b"call",
    21_000,
    100,
    10,
)


def test_what_was_asked_for_passes() -> None:
    signed = sign_transaction(ACCOUNT, REQUEST)
    check_signed(TRANSACTION, ATTEMPT, signed.raw, signed.tx_hash)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 1},
        {"nonce": 4},
        {"to": "0x" + "16" * 20},
        {"data": b"cull"},
        {"gas": 21_001},
        {"max_fee": 101},
        {"tip": 9},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_other_field_is_refused(change: dict[str, Any]) -> None:
    signed = sign_transaction(ACCOUNT, replace(REQUEST, **change))
    with pytest.raises(FatalError, match="not the transaction that was asked for"):
        check_signed(TRANSACTION, ATTEMPT, signed.raw, signed.tx_hash)


def test_value_another_key_another_hash_and_no_transaction_are_refused() -> None:
    good = sign_transaction(ACCOUNT, REQUEST)
    stranger = sign_transaction(KeystoreAccount(Account.from_key(DEVELOPMENT_KEYS[1])), REQUEST)
    fields = {"type": 2, "chainId": 137, "nonce": 3, "to": bytes.fromhex("15" * 20), "value": 1, "data": b"call"}
    fields |= {"gas": 21_000, "maxFeePerGas": 100, "maxPriorityFeePerGas": 10}
    paying = Account.from_key(DEVELOPMENT_KEYS[0]).sign_transaction(fields)
    for raw, tx_hash in (
        (stranger.raw, stranger.tx_hash),
        (good.raw, stranger.tx_hash),
        (bytes(paying.raw_transaction), "0x" + bytes(paying.hash).hex()),
        (b"\x02", good.tx_hash),
        (b"", good.tx_hash),
    ):
        with pytest.raises(FatalError, match="The signer's answer for nonce 3"):
            check_signed(TRANSACTION, ATTEMPT, raw, tx_hash)
