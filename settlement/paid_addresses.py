"""Whether the addresses of a share table still are their holders': what is minted to a stranger never comes back."""

from collections.abc import Sequence
from datetime import datetime

from community.identity.coin_addresses import AddressEvent, CoinChain
from community.identity.shares import ShareTable
from community.store.coin_addresses import address_events
from community.store.unit_of_work import Work


async def why_not_payable(work: Work, table: ShareTable, at: datetime) -> str | None:
    """`why_not_payable_by` with the address book as it is known now."""
    events = await address_events(work, CoinChain.EVM, [share.holder_id for share in table.shares])
    return why_not_payable_by(events, table, at)


def why_not_payable_by(events: Sequence[AddressEvent], table: ShareTable, at: datetime) -> str | None:
    """Why energy of an interval that ends at `at` must not go to this table's addresses; None if it may.

    By an address book whose entries reach back in time: an address must be the holder's, and he must not have given it up by
    then. One that was entered later was nobody else's before. A holder of whom the book says nothing is paid where the share
    table says.
    """
    known = {(event.identity_id, event.address.lower()) for event in events}
    told = {event.identity_id for event in events}
    given_up: dict[tuple[str, str], bool] = {}
    for event in sorted(events, key=lambda each: (each.effective_at, each.seq)):
        if event.effective_at <= at:
            given_up[event.identity_id, event.address.lower()] = not event.holds
    for share in table.shares:
        place = share.holder_id, share.address.lower()
        if share.holder_id in told and (place not in known or given_up.get(place, False)):
            return (
                f"{share.holder_id} did not hold {share.address} at {at.isoformat()}, but share table {table.id} pays there: "
                "record a table with an address that he held then, and have the registrar commit it."
            )
    return None
