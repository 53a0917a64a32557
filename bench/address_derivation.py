"""Deriving many coin addresses from an account's extended public key, beside hdwallet on the same path."""

from hdwallet import HDWallet
from hdwallet.cryptocurrencies import Ethereum
from hdwallet.derivations import CustomDerivation
from hdwallet.entropies import BIP39Entropy
from hdwallet.hds import BIP32HD

from bench.measuring import Baseline, Figure, compare
from community.identity.coin_addresses import AccountRole, CoinChain
from community.identity.derivation import account_path, address_of, derive_addresses, hdwallet_public_key

NAME = "address_derivation"
ADDRESSES = 100
GATE = 10.0
"""hdwallet makes 400 to 1 040 addresses a second on one core, ours must make 10 000: ten times the most that it does."""


def _account_xpub() -> str:
    """The account key of a made-up seed; the seed is as good as any and protects nothing."""
    wallet = HDWallet(cryptocurrency=Ethereum, hd=BIP32HD).from_entropy(BIP39Entropy("5a" * 16))
    wallet.from_derivation(CustomDerivation(path=account_path(CoinChain.EVM, AccountRole.MEMBER)))
    return str(wallet.xpublic_key())


def run() -> list[Figure]:
    xpub = _account_xpub()

    def ours() -> list[str]:
        return list(derive_addresses(xpub, CoinChain.EVM, 0, ADDRESSES))

    def baseline() -> list[str]:
        return [address_of(hdwallet_public_key(xpub, index), CoinChain.EVM) for index in range(ADDRESSES)]

    if ours() != baseline():
        raise AssertionError("the two derivations disagree: no figure about them means anything")
    return [compare(NAME, "addresses/s", ours, Baseline("hdwallet", baseline), units=ADDRESSES, gate=GATE)]
