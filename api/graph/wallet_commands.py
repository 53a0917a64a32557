"""Wallets that members bring: a challenge, a signature (EIP-712), and from then on tokens go there."""

import json
import secrets
from datetime import datetime
from typing import Annotated

import strawberry

from api.errors import BAD_REQUEST, Refused, forbidden
from api.graph.carrying_out import NOT_FOUND, CommandInput, Problem, carry_out, not_possible
from api.graph.device_commands import octets
from api.graph.identities import Member, identity_of
from api.graph.projection import Info, given_id
from api.scalars import Address, Hash, Hex
from community.errors import FatalError
from community.identity.wallet_links import LinkRefused, WalletChallenge
from community.store import decisions, wallet_links
from community.store.unit_of_work import Work
from community.store.views import chain, identities


@strawberry.type
class WalletChallengeMade:
    """What the wallet is to sign by `eth_signTypedData_v4`, within ten minutes."""

    nonce: Hash
    typed_data: str = strawberry.field(description="The typed data as JSON text.")
    expires_at: datetime


@strawberry.type
class WalletDecided:
    """The member with his coin addresses as they are now."""

    member: Member


WalletChallengeResult = Annotated[WalletChallengeMade | Problem, strawberry.union("WalletChallengeResult")]
WalletResult = Annotated[WalletDecided | Problem, strawberry.union("WalletResult")]


def _own(info: Info, member_id: strawberry.ID) -> str:
    """The member, if the viewer stands behind him. An operator cannot link a wallet for somebody: he has not signed."""
    subject = given_id(member_id)
    if subject not in info.context.scope.identity_ids:
        raise forbidden("member")
    return subject


async def _result(info: Info, member_id: str) -> WalletDecided | Problem:
    async with info.context.reading() as work:
        view = (await identities.by_ids(work, info.context.scope, [member_id])).get(member_id)
    member = None if view is None else identity_of(view)
    return WalletDecided(member=member) if isinstance(member, Member) else NOT_FOUND


@strawberry.type
class WalletCommands:
    """Linking wallets."""

    @strawberry.mutation
    async def wallet_link_challenge(
        self, info: Info, member_id: strawberry.ID, address: Address
    ) -> WalletChallengeResult:
        """Ask for the message by which a wallet is linked to the viewer's own member. It can be used once."""
        subject, now = _own(info, member_id), info.context.clock.now()
        await info.context.refresh()
        async with info.context.store.begin() as work:
            head = await chain.head(work)
            if head is None:
                return not_possible("The chain is not indexed yet. Ask again when it is.")
            try:
                challenge = WalletChallenge.issue(subject, address, head.chain_id, secrets.token_bytes(32), now)
            except ValueError:
                raise Refused(BAD_REQUEST, "address is no address of an EVM chain.") from None
            await wallet_links.add_challenge(work, challenge)
        return WalletChallengeMade(
            nonce=Hash(challenge.nonce), typed_data=json.dumps(challenge.typed_data()), expires_at=challenge.expires_at
        )

    @strawberry.mutation
    async def link_wallet(
        self, info: Info, member_id: strawberry.ID, nonce: Hash, signature: Hex, command: CommandInput
    ) -> WalletResult:
        """Answer a challenge: from now on the wallet is an address of the member."""
        subject, now = _own(info, member_id), info.context.clock.now()

        async def decide(work: Work) -> decisions.Outcome:
            try:
                signed = octets("signature", signature, 65)
            except ValueError as error:
                return decisions.NotPossible(f"The {error}.")
            verdict = await wallet_links.link(work, subject, nonce, signed, now)
            return decisions.NotPossible(verdict.reason) if isinstance(verdict, LinkRefused) else decisions.Decided()

        problem = await carry_out(info, "link_wallet", f"{subject} {nonce}", command, decide)
        return problem or await _result(info, subject)

    @strawberry.mutation
    async def unlink_wallet(
        self, info: Info, member_id: strawberry.ID, address: Address, command: CommandInput
    ) -> WalletResult:
        """From now on the wallet is no address of the member; its history stays."""
        subject, now = _own(info, member_id), info.context.clock.now()

        async def decide(work: Work) -> decisions.Outcome:
            if await wallet_links.unlink(work, subject, address, now):
                return decisions.Decided()
            raise FatalError(f"{address} is no address of yours now.")

        problem = await carry_out(info, "unlink_wallet", f"{subject} {address}", command, decide)
        return problem or await _result(info, subject)
