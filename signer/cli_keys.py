"""The part of the command line about keys: creating, exporting, and checking the paper backup."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from community.errors import FatalError
from community.identity.coin_addresses import AccountRole, CoinChain
from community.runtime.lifecycle import EXIT_OK
from signer import keys
from signer.cli_options import add_folder, add_passphrase, content_of, passphrase_of
from signer.operators import create_operator_key

Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
_ACCOUNTS = [(chain, role) for chain in CoinChain for role in AccountRole]


def add_commands(add: Add) -> None:
    """`init`, `restore`, `check`, `address`, `xpub` and `operator-key`."""
    init = add("init", _init, "Create the seed and the settler's key; prints the settler's address.")
    init.add_argument("--no-words", action="store_true", help="do not show the words: there will be no paper backup")
    restore = add("restore", _init, "As init, with the seed from a paper backup and a new settler's key.")
    restore.add_argument("--mnemonic-file", type=Path, required=True, help="file with the 24 words")
    for command in (init, restore):
        add_folder(command)
        add_passphrase(command)
        command.add_argument(
            "--pkcs11-module", type=Path, help="make the settler's key in a token: its PKCS#11 library"
        )
        command.add_argument("--pkcs11-token", help="label of the token; the passphrase is its PIN")
        command.add_argument("--pkcs11-key", default="settler", help="label of the key in the token")
    check = add("check", _check, "Check a paper backup: its words must give the seed here, or a known account key.")
    check.add_argument("--mnemonic-file", type=Path, required=True, help="file with the 24 words")
    check.add_argument("--xpub", help="an account key that was exported; then no folder is needed")
    add_folder(check, required=False)
    add_passphrase(check)
    address = add("address", _address, "Print the settler's address.")
    add_folder(address)
    xpub = add("xpub", _xpub, "Print the account key from which the backend derives addresses.")
    add_folder(xpub)
    add_passphrase(xpub)
    xpub.add_argument("--chain", type=CoinChain, choices=list(CoinChain), default=CoinChain.EVM)
    xpub.add_argument("--role", type=AccountRole, choices=list(AccountRole), default=AccountRole.MEMBER)
    xpub.add_argument("--all", action="store_true", help="the accounts of every role on every chain, as a list")
    operator = add(
        "operator-key", _operator_key, "Create an operator's key, on his own machine; prints its public key."
    )
    operator.add_argument("--out", type=Path, required=True, help="the key file to create")
    add_passphrase(operator)


def _init(options: argparse.Namespace) -> int:
    words = getattr(options, "mnemonic_file", None)
    mnemonic = None if words is None else content_of(words)
    passphrase, token = passphrase_of(options), None
    if options.pkcs11_module is not None:
        if not options.pkcs11_token:
            raise FatalError("Say which token the settler's key is made in: --pkcs11-token LABEL.")
        token = keys.TokenPlace(options.pkcs11_module, options.pkcs11_token, options.pkcs11_key)
    address = keys.create_keys(options.folder, passphrase, mnemonic=mnemonic, token=token)
    if mnemonic is None and not options.no_words:
        print(
            "Write these words on paper, now and by hand; they are never shown again. Who reads them owns every address below "
            f"them.\n\n{_in_lines(keys.new_mnemonic(options.folder, passphrase))}\n\nThen check the paper: `signer check`.\n",
            file=sys.stderr,
        )
    print(address)
    return EXIT_OK


def _in_lines(mnemonic: str) -> str:
    words = mnemonic.split()
    numbered = [f"{number:2} {word:9}" for number, word in enumerate(words, 1)]
    return "\n".join("".join(numbered[at : at + 6]).rstrip() for at in range(0, len(numbered), 6))


def _check(options: argparse.Namespace) -> int:
    mnemonic = content_of(options.mnemonic_file)
    if options.xpub is not None:
        found = next((one for one in keys.xpubs_of(mnemonic, _ACCOUNTS) if one.xpub == options.xpub), None)
        if found is None:
            raise FatalError(
                "These words give another tree: no account of theirs has this key. Look for the right paper."
            )
        print(f"The words give this key, at {found.path}.")
        return EXIT_OK
    if options.folder is None:
        raise FatalError(
            "Say what to check the words against: --folder with the seed, or --xpub with a known account key."
        )
    if not keys.is_backup(options.folder, passphrase_of(options), mnemonic):
        raise FatalError("These words are valid, but not those of the seed in this folder. Look for the right paper.")
    print("The words give the seed in this folder.")
    return EXIT_OK


def _address(options: argparse.Namespace) -> int:
    print(keys.settler_address(options.folder))
    return EXIT_OK


def _xpub(options: argparse.Namespace) -> int:
    wanted = _ACCOUNTS if options.all else [(options.chain, options.role)]
    fields = [
        {"chain": account.chain, "role": account.role, "path": account.path, "xpub": account.xpub}
        for account in keys.account_xpubs(options.folder, passphrase_of(options), wanted)
    ]
    print(json.dumps(fields if options.all else fields[0], indent=2))
    return EXIT_OK


def _operator_key(options: argparse.Namespace) -> int:
    print(create_operator_key(options.out, passphrase_of(options)))
    return EXIT_OK
