"""Asking the signer, as a process of its own, for what only it can do. The seed never enters this process."""

import asyncio
import json
import sys
from pathlib import Path

from community.errors import FatalError
from community.identity.coin_addresses import AccountRole, CoinChain, HdAccount
from community.ids import named_id
from standalone.layout import Layout

_ROLES = (AccountRole.MEMBER, AccountRole.DEVICE, AccountRole.ENERGY_SOURCE)
TIMEOUT_S = 180.0
OPERATORS = ("anna", "bert")
"""On this machine both are one person; in earnest each keeps his key on a machine of his own."""


async def _signer(layout: Layout, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "signer",
        *arguments,
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
    """Create seed and settler's key; returns the settler's address (lower-case 0x hex). Nobody keeps a paper of it."""
    return (await _signer(layout, "init", "--no-words", "--folder", str(layout.signer), *_passphrase(layout))).strip()


async def export_accounts(layout: Layout) -> list[HdAccount]:
    """The account-level public keys of every role on every chain."""
    exported = json.loads(await _signer(layout, "xpub", "--all", "--folder", str(layout.signer), *_passphrase(layout)))
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


async def create_operators(layout: Layout) -> dict[str, str]:
    """Keys of the two operators who approve what the signer believes; returns their public keys by name."""
    made = await asyncio.gather(
        *(_signer(layout, "operator-key", "--out", str(_key(layout, name)), *_passphrase(layout)) for name in OPERATORS)
    )
    return {name: public.strip() for name, public in zip(OPERATORS, made, strict=True)}


async def pin_registry(layout: Layout, registry: str) -> None:
    """Give the signer its registry, approved by both operators."""
    draft = layout.secrets / "registry.json"
    draft.write_text(registry)
    approvals = await asyncio.gather(*(_approve(layout, draft, name) for name in OPERATORS))
    given = [word for approval in approvals for word in ("--approval", str(approval))]
    await _signer(layout, "registry", "pin", "--folder", str(layout.signer), "--file", str(draft), *given)


async def _approve(layout: Layout, draft: Path, name: str) -> Path:
    key = ("--operator", name, "--key", str(_key(layout, name)))
    approval = layout.secrets / f"{name}.approval"
    approval.write_text(await _signer(layout, "registry", "approve", "--file", str(draft), *key, *_passphrase(layout)))
    return approval


def _key(layout: Layout, operator: str) -> Path:
    return layout.secrets / f"operator-{operator}.pem"
