"""Asking the signer, as a process of its own, for what only it can do. The seed never enters this process."""

import asyncio
import json
import sys

from community.errors import FatalError
from community.identity.coin_addresses import AccountRole, CoinChain, HdAccount
from community.ids import named_id
from standalone.layout import Layout

_ROLES = (AccountRole.MEMBER, AccountRole.DEVICE, AccountRole.ENERGY_SOURCE)
TIMEOUT_S = 120.0


async def _signer(layout: Layout, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "signer",
        *arguments,
        "--folder",
        str(layout.signer),
        cwd=layout.root,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(TIMEOUT_S):
        output, errors = await process.communicate()
    if process.returncode != 0:
        raise FatalError(f"`signer {arguments[0]}` failed: {errors.decode(errors='replace').strip()}")
    return output.decode()


def _passphrase(layout: Layout) -> tuple[str, str]:
    return "--passphrase-file", str(layout.secrets / "signer.passphrase")


async def create_signer(layout: Layout) -> str:
    """Create seed and settler's key; returns the settler's address (lower-case 0x hex)."""
    return (await _signer(layout, "init", *_passphrase(layout))).strip()


async def export_accounts(layout: Layout) -> list[HdAccount]:
    """The account-level public keys of every role on every chain."""
    exported = json.loads(await _signer(layout, "xpub", "--all", *_passphrase(layout)))
    accounts = [
        HdAccount(
            named_id("hda", account["path"]),
            CoinChain(account["chain"]),
            AccountRole(account["role"]),
            account["path"],
            account["xpub"],
        )
        for account in exported
    ]
    return [account for account in accounts if account.role in _ROLES]


async def pin_registry(layout: Layout, registry: str) -> None:
    """Give the signer its registry."""
    draft = layout.signer / "registry-draft.json"
    draft.write_text(registry)
    await _signer(layout, "registry", "pin", "--file", str(draft))
    draft.unlink()
