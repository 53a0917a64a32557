"""The tree of keys below the master seed: mnemonic, seed and account-level public keys (BIP-39, BIP-32, BIP-44, BIP-84).

Only here and in `community.identity.derivation` is hdwallet spoken. Its `dump()`, which contains the seed, is never called.
"""

from hdwallet.derivations import CustomDerivation
from hdwallet.eccs import SLIP10Secp256k1ECC
from hdwallet.entropies import BIP39Entropy
from hdwallet.exceptions import Error as HDWalletError
from hdwallet.hds import BIP32HD
from hdwallet.mnemonics import BIP39Mnemonic
from hdwallet.seeds import BIP39Seed

from community.errors import FatalError

ENTROPY_SIZES = (16, 20, 24, 28, 32)
"""Bytes of entropy that BIP-39 knows: 12 to 24 words."""


def xpub_at(mnemonic: str, path: str, passphrase: str = "") -> str:
    """The extended public key at `path` of the tree under `mnemonic`; `passphrase` is BIP-39's, which we do not use."""
    return xpub_of_seed(bytes.fromhex(seed_of(mnemonic, passphrase)), path)


def xpub_of_seed(seed: bytes, path: str) -> str:
    """The extended public key at `path` of the tree under a seed.

    The wallet is made afresh for each path: hdwallet derives from where its object stands, not from the master key.
    """
    wallet = BIP32HD(ecc=SLIP10Secp256k1ECC).from_seed(seed=seed.hex())
    wallet.from_derivation(CustomDerivation(path=path))
    return str(wallet.xpublic_key())


def seed_of(mnemonic: str, passphrase: str = "") -> str:
    """BIP-39 seed (hex) of a mnemonic in any of its languages.

    Through BIP39Mnemonic: a plain text would not be brought into Unicode's decomposed form, and give another seed.
    """
    return str(BIP39Seed.from_mnemonic(mnemonic=BIP39Mnemonic(mnemonic=mnemonic), passphrase=passphrase))


def mnemonic_of(entropy: bytes, language: str = "english") -> str:
    """The BIP-39 words of `entropy`."""
    return str(BIP39Mnemonic.from_entropy(entropy=BIP39Entropy(entropy=entropy), language=language))


def entropy_of(mnemonic: str) -> bytes:
    """The entropy of English BIP-39 words. Raises FatalError for a wrong word or checksum, without repeating it."""
    words = " ".join(mnemonic.split()).lower()
    try:
        entropy = bytes.fromhex(str(BIP39Mnemonic.decode(mnemonic=words)))
        valid = mnemonic_of(entropy) == words
    except (HDWalletError, ValueError):
        entropy, valid = b"", False
    if not valid:
        raise FatalError("The mnemonic is not valid: a word is misspelt, missing, or in the wrong place.") from None
    return entropy
