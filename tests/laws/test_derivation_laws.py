"""hdwallet, our public derivation and a wallet with the private key give the same address, for any seed and index."""

from eth_account.hdaccount import HDPath
from eth_keys.datatypes import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from community.identity.derivation import (
    CoinChain,
    address_of,
    derive_address,
    derive_addresses,
    derive_public_key,
    hdwallet_public_key,
)
from community.identity.extended_keys import parse_account_xpub
from signer.hd_tree import entropy_of, mnemonic_of, seed_of, xpub_at

INDICES = st.integers(0, 2**31 - 1)


@settings(max_examples=25, deadline=None)
@given(entropy=st.binary(min_size=32, max_size=32), account=st.sampled_from([0, 1, 2, 9]), index=INDICES)
def test_public_and_private_derivation_agree(entropy: bytes, account: int, index: int) -> None:
    words = mnemonic_of(entropy)
    xpub = xpub_at(words, f"m/44'/60'/{account}'")
    private = HDPath(f"m/44'/60'/{account}'/0/{index}").derive(bytes.fromhex(seed_of(words)))
    expected = PrivateKey(private).public_key
    assert derive_public_key(xpub, index) == expected.to_compressed_bytes() == hdwallet_public_key(xpub, index)
    assert derive_address(xpub, CoinChain.EVM, index) == expected.to_address()
    assert address_of(expected.to_compressed_bytes(), CoinChain.EVM) == expected.to_address()
    for chain in CoinChain:
        assert list(derive_addresses(xpub, chain, index, 1)) == [derive_address(xpub, chain, index)]
    assert parse_account_xpub(xpub).text() == xpub


@settings(max_examples=25, deadline=None)
@given(entropy=st.binary(min_size=32, max_size=32))
def test_a_mnemonic_gives_its_entropy_back(entropy: bytes) -> None:
    assert entropy_of(mnemonic_of(entropy)) == entropy
