"""The signer's keys: the master seed of all coin addresses, and the settler account, which is not in that tree.

Nothing here prints, logs or returns a private key except to the code that signs.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account

from community.clients.pkcs11_signing import TokenKey
from community.errors import FatalError
from community.identity.derivation import AccountRole, CoinChain, account_path
from signer.hd_tree import entropy_of, mnemonic_of, xpub_at
from signer.pkcs11_settler import CURVE, Pkcs11Account, address_of_point
from signer.sealed_file import WrongPassphrase, seal, unseal, write_new
from signer.settler import KeystoreAccount, SettlerAccount

SEED_FILE = "seed.json"
SETTLER_FILE = "settler.json"
ENTROPY_SIZE = 32
"""256 bits: a mnemonic of 24 words."""
KEYSTORE_ITERATIONS = 1 << 18
"""scrypt's n in the settler's keystore v3, as wallets use it."""
_PKCS11 = ("module", "token", "key", "public_key")


@dataclass(frozen=True, slots=True)
class AccountXpub:
    """What the backend needs to derive addresses of one role on one kind of chain. Confidential, but no secret."""

    chain: CoinChain
    role: AccountRole
    path: str
    xpub: str


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where the settler's key is to be in a PKCS#11 token: module, label of the token, label of the key."""

    module: Path
    token: str
    key: str


def create_keys(
    folder: Path,
    passphrase: str,
    *,
    mnemonic: str | None = None,
    token: TokenPlace | None = None,
    keystore_iterations: int = KEYSTORE_ITERATIONS,
) -> str:
    """Create the seed and the settler's key in `folder`; returns the settler's address (0x lower-case hex).

    With a `mnemonic` the seed is restored from it instead. With a `token` the settler's key is made in it, and the
    passphrase is also the token's PIN. Raises FatalError if keys are there already or the mnemonic is wrong.
    """
    for name in (SEED_FILE, SETTLER_FILE):
        if (folder / name).exists():
            raise FatalError(f"{folder / name} exists already. Keys are never replaced; use another folder.")
    entropy = secrets.token_bytes(ENTROPY_SIZE) if mnemonic is None else entropy_of(mnemonic)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if token is None:
        account = Account.create()
        settler: Any = Account.encrypt(account.key, passphrase, kdf="scrypt", iterations=keystore_iterations)
    else:
        point = _token_key(token, passphrase).create()
        settler = {"module": str(token.module), "token": token.token, "key": token.key, "public_key": point.hex()}
    seal(folder / SEED_FILE, entropy, passphrase)
    write_new(folder / SETTLER_FILE, json.dumps(settler, indent=2) + "\n")
    return settler_address(folder)


def settler_address(folder: Path) -> str:
    """The settler's address, readable without the passphrase."""
    settler = _settler(folder)
    if "public_key" in settler:
        return address_of_point(bytes.fromhex(settler["public_key"]))
    return "0x" + str(settler["address"]).lower().removeprefix("0x")


def open_settler(folder: Path, passphrase: str) -> SettlerAccount:
    """The settler's account, ready to sign. Raises WrongPassphrase, FatalError."""
    settler = _settler(folder)
    if "public_key" in settler:
        place = TokenPlace(Path(settler["module"]), settler["token"], settler["key"])
        account = Pkcs11Account(_token_key(place, passphrase), bytes.fromhex(settler["public_key"]))
        # a wrong PIN, an empty token or another key is said at the start, not at the first settlement
        account.sign_digest(secrets.token_bytes(32))
        return account
    try:
        key = Account.decrypt(settler, passphrase)
    except ValueError:
        raise WrongPassphrase(f"The passphrase does not open {folder / SETTLER_FILE}.") from None
    return KeystoreAccount(Account.from_key(key))


def new_mnemonic(folder: Path, passphrase: str) -> str:
    """The words of the seed, for the one time that they are written on paper."""
    return mnemonic_of(unseal(folder / SEED_FILE, passphrase))


def is_backup(folder: Path, passphrase: str, mnemonic: str) -> bool:
    """Whether the words on the paper are those of the seed in `folder`. Raises FatalError for words that are none."""
    return secrets.compare_digest(entropy_of(mnemonic), unseal(folder / SEED_FILE, passphrase))


def account_xpub(folder: Path, passphrase: str, chain: CoinChain, role: AccountRole) -> AccountXpub:
    """The account-level extended public key of `role` on `chain`."""
    return account_xpubs(folder, passphrase, [(chain, role)])[0]


def account_xpubs(folder: Path, passphrase: str, wanted: Sequence[tuple[CoinChain, AccountRole]]) -> list[AccountXpub]:
    """The account-level extended public keys of several accounts; the seed is opened once."""
    return xpubs_of(mnemonic_of(unseal(folder / SEED_FILE, passphrase)), wanted)


def xpubs_of(mnemonic: str, wanted: Sequence[tuple[CoinChain, AccountRole]]) -> list[AccountXpub]:
    """The same from the words alone: what a paper backup would restore."""
    return [
        AccountXpub(chain, role, account_path(chain, role), xpub_at(mnemonic, account_path(chain, role)))
        for chain, role in wanted
    ]


def _token_key(place: TokenPlace, pin: str) -> TokenKey:
    return TokenKey(
        place.module,
        place.token,
        place.key,
        pin,
        curve=CURVE,
        how_to_create="restore the token's backup, or make a new settler in a new folder with `signer init`",
        where_pin_stands="the passphrase file",
    )


def _settler(folder: Path) -> dict[str, Any]:
    path = folder / SETTLER_FILE
    try:
        settler: Any = json.loads(path.read_text())
    except FileNotFoundError:
        raise FatalError(f"{path} does not exist. Create the signer's keys with `python -m signer init`.") from None
    except (OSError, ValueError) as error:
        raise FatalError(f"{path} cannot be read: {error}. Restore it from the backup.") from error
    known = isinstance(settler, dict) and ({"address", "crypto"} <= set(settler) or set(settler) == set(_PKCS11))
    if not known:
        raise FatalError(
            f"{path} is neither a keystore (version 3) nor names a key in a token. Restore it from the backup."
        )
    fields: dict[str, Any] = settler
    return fields
