"""A request as a signed transaction of type 2 (EIP-1559), without value and without an access list."""

import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak

from community.chain.signature_requests import SignatureRequest
from community.chain.signed_transactions import TYPE, read_signed
from community.errors import FatalError
from signer.journal import SignedBytes
from signer.settler import SettlerAccount


def sign_transaction(account: SettlerAccount, request: SignatureRequest) -> SignedBytes:
    """The request's transaction, signed. Raises RetryableError while the key is away.

    What comes out is read back before it leaves: a token that signs with another key, or a recovery number gone wrong,
    would give bytes that the network takes for a stranger's. Raises FatalError then.
    """
    fields = [
        request.chain_id,
        request.nonce,
        request.tip,
        request.max_fee,
        request.gas,
        bytes.fromhex(request.to[2:]),
        0,
        request.data,
        [],
    ]
    head = bytes((TYPE,))
    signature = account.sign_digest(keccak(head + rlp.encode(fields)))
    raw = head + rlp.encode([*fields, signature.y_parity, signature.r, signature.s])
    read = read_signed(raw)
    if read.sender != account.address:
        raise FatalError(
            f"The key signed as {read.sender}, not as {account.address}. Nothing was handed out. Is the key of another account "
            "in the token or the keystore?"
        )
    return SignedBytes(raw, read.tx_hash)
