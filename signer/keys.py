"""The signer's keys: the master seed of all coin addresses, and the settler account, which is not in that tree.

Nothing here prints, logs or returns a private key except to the code that signs; hdwallet's `dump()`, which contains
the seed, is never called.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from hdwallet.derivations import CustomDerivation
from hdwallet.eccs import SLIP10Secp256k1ECC
from hdwallet.entropies import BIP39Entropy
from hdwallet.exceptions import Error as HDWalletError
from hdwallet.hds import BIP32HD
from hdwallet.mnemonics import BIP39Mnemonic
from hdwallet.seeds import BIP39Seed

from community.errors import FatalError
from community.identity.derivation import AccountRole, CoinChain, account_path
from signer.sealed_file import WrongPassphrase, seal, unseal, write_new

SEED_FILE = "seed.json"
SETTLER_FILE = "settler.json"
ENTROPY_SIZE = 32
"""256 bits: a mnemonic of 24 words."""
KEYSTORE_ITERATIONS = 1 << 18
"""scrypt's n in the settler's keystore v3, as wallets use it."""


@dataclass(frozen=True, slots=True)
class AccountXpub:
    """What the backend needs to derive addresses of one role on one kind of chain. Confidential, but no secret."""

    chain: CoinChain
    role: AccountRole
    path: str
    xpub: str


def create_keys(
    folder: Path, passphrase: str, *, mnemonic: str | None = None, keystore_iterations: int = KEYSTORE_ITERATIONS
) -> str:
    """Create the seed and the settler's key in `folder`; returns the settler's address (0x lower-case hex).

    With a `mnemonic` the seed is restored from it instead. Raises FatalError if keys are there already or the mnemonic
    is wrong.
    """
    for name in (SEED_FILE, SETTLER_FILE):
        if (folder / name).exists():
            raise FatalError(f"{folder / name} exists already. Keys are never replaced; use another folder.")
    entropy = secrets.token_bytes(ENTROPY_SIZE) if mnemonic is None else entropy_of(mnemonic)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    account: LocalAccount = Account.create()
    keystore = Account.encrypt(account.key, passphrase, kdf="scrypt", iterations=keystore_iterations)
    seal(folder / SEED_FILE, entropy, passphrase)
    write_new(folder / SETTLER_FILE, json.dumps(keystore, indent=2) + "\n")
    return str(account.address).lower()


def settler_address(folder: Path) -> str:
    """The settler's address, readable without the passphrase."""
    return "0x" + str(_keystore(folder)["address"]).lower().removeprefix("0x")


def open_settler(folder: Path, passphrase: str) -> LocalAccount:
    """The settler's account, ready to sign. Raises WrongPassphrase, FatalError."""
    keystore = _keystore(folder)
    try:
        key = Account.decrypt(keystore, passphrase)
    except ValueError:
        raise WrongPassphrase(f"The passphrase does not open {folder / SETTLER_FILE}.") from None
    account: LocalAccount = Account.from_key(key)
    return account


def backup_mnemonic(folder: Path, passphrase: str) -> str:
    """The 24 words to be written on paper."""
    return mnemonic_of(unseal(folder / SEED_FILE, passphrase))


def account_xpub(folder: Path, passphrase: str, chain: CoinChain, role: AccountRole) -> AccountXpub:
    """The account-level extended public key of `role` on `chain`."""
    return account_xpubs(folder, passphrase, [(chain, role)])[0]


def account_xpubs(folder: Path, passphrase: str, wanted: Sequence[tuple[CoinChain, AccountRole]]) -> list[AccountXpub]:
    """The account-level extended public keys of several accounts; the seed is opened once."""
    words = mnemonic_of(unseal(folder / SEED_FILE, passphrase))
    return [
        AccountXpub(chain, role, account_path(chain, role), xpub_at(words, account_path(chain, role)))
        for chain, role in wanted
    ]


def xpub_at(mnemonic: str, path: str, passphrase: str = "") -> str:
    """The extended public key at `path` of the tree under `mnemonic`; `passphrase` is BIP-39's, which we do not use.

    The wallet is made afresh for each path: hdwallet derives from where its object stands, not from the master key.
    """
    wallet = BIP32HD(ecc=SLIP10Secp256k1ECC).from_seed(seed=BIP39Seed(seed_of(mnemonic, passphrase)))
    wallet.from_derivation(CustomDerivation(path=path))
    return str(wallet.xpublic_key())


def seed_of(mnemonic: str, passphrase: str = "") -> str:
    """BIP-39 seed (hex) of a mnemonic in any of its languages.

    Through BIP39Mnemonic: a plain text would not be brought into Unicode's decomposed form, and give another seed.
    """
    return str(BIP39Seed.from_mnemonic(mnemonic=BIP39Mnemonic(mnemonic=mnemonic), passphrase=passphrase))


def mnemonic_of(entropy: bytes) -> str:
    """The English BIP-39 words of `entropy`."""
    return str(BIP39Mnemonic.from_entropy(entropy=BIP39Entropy(entropy=entropy), language="english"))


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


def _keystore(folder: Path) -> dict[str, object]:
    path = folder / SETTLER_FILE
    try:
        keystore = json.loads(path.read_text())
    except FileNotFoundError:
        raise FatalError(f"{path} does not exist. Create the signer's keys with `python -m signer init`.") from None
    except (OSError, ValueError) as error:
        raise FatalError(f"{path} cannot be read: {error}. Restore it from the backup.") from error
    if not isinstance(keystore, dict) or "address" not in keystore or "crypto" not in keystore:
        raise FatalError(f"{path} is no keystore (version 3). Restore it from the backup.")
    return keystore
