"""Signing in with a wallet: a message, a signature, a token for an hour."""

import re
import secrets
from datetime import datetime
from typing import Annotated

import strawberry

from api.errors import BAD_REQUEST, Refused
from api.graph.carrying_out import Problem, not_possible
from api.graph.projection import Info
from api.scalars import Address, Hex
from community.identity.wallet_sign_in import LIFETIME, SignInMessage
from community.store import wallet_sign_ins
from community.store.views import chain

_OFF = not_possible("Members do not sign in with wallets here. The operator can turn it on: docs/sign-in.md.")
_REFUSED = Problem(
    code="SIGN_IN_REFUSED",
    sentence="The signature does not sign this message in: it is another wallet's, or used, or older than ten minutes. "
    "Ask for a new message and sign that.",
)
_NOT_LINKED = Problem(
    code="WALLET_NOT_LINKED",
    sentence="The signature is right, but the wallet is no member's. Sign in otherwise once and link it.",
)
_ETHEREUM = 1


@strawberry.type
class SignInAsked:
    """What the wallet is to sign by `personal_sign` within ten minutes, in the words of EIP-4361."""

    nonce: Hex
    message: str
    expires_at: datetime


@strawberry.type
class SignedIn:
    """A token to send as `Authorization: Bearer`, until `expiresAt`. It ends sooner when the wallet is unlinked."""

    token: str
    expires_at: datetime


SignInMessageResult = Annotated[SignInAsked | Problem, strawberry.union("SignInMessageResult")]
SignInResult = Annotated[SignedIn | Problem, strawberry.union("SignInResult")]


@strawberry.type
class SignInCommands:
    """For those who are not signed in yet."""

    @strawberry.mutation
    async def sign_in_message(self, info: Info, address: Address) -> SignInMessageResult:
        """Ask for the message by which a wallet signs in. It can be used once."""
        sessions, now = info.context.options.sessions, info.context.clock.now()
        if sessions is None:
            return _OFF
        await info.context.refresh()
        async with info.context.store.begin() as work:
            head = await chain.head(work)
            chain_id = _ETHEREUM if head is None else head.chain_id
            try:
                message = SignInMessage(
                    sessions.issuer.url, address, chain_id, secrets.token_hex(16), now, now + LIFETIME
                )
            except ValueError:
                raise Refused(BAD_REQUEST, "address is no address of an EVM chain.") from None
            if not await wallet_sign_ins.add_message(work, message):
                return Problem(code="TOO_MANY", sentence="Too many sign-ins are under way. Try again in some minutes.")
        return SignInAsked(nonce=Hex(message.nonce), message=message.text, expires_at=message.expires_at)

    @strawberry.mutation
    async def sign_in_with_wallet(self, info: Info, nonce: Hex, signature: Hex) -> SignInResult:
        """Give the signature of the message of this nonce, for a token."""
        sessions, now = info.context.options.sessions, info.context.clock.now()
        if sessions is None:
            return _OFF
        if not re.fullmatch(r"[0-9a-f]{32}", nonce) or not re.fullmatch(r"(0x)?[0-9a-fA-F]{130}", signature):
            return _REFUSED
        await info.context.refresh()
        async with info.context.store.begin() as work:
            address = await wallet_sign_ins.sign_in(work, nonce, bytes.fromhex(signature.removeprefix("0x")), now)
            if address is None:
                return _REFUSED
            if await wallet_sign_ins.member_of_wallet(work, address, now) is None:
                return _NOT_LINKED
        token, expires_at = sessions.token_for(address, now)
        return SignedIn(token=token, expires_at=expires_at)
