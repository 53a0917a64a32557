"""Values that SQL cannot finish: it leaves a mark with what it knows, and the mark is replaced in the answer's bytes.

A mark is a JSON string that begins with a secret of the process, so that no text in the books can pass for one.
"""

import re
import secrets
from collections.abc import Callable
from functools import lru_cache

from community.minting.apportionment import apportion
from community.store.views.keyset import encoded_cursor
from community.store.views.scope import pseudonym
from community.units import WattHours, base_units

SECRET = f"~{secrets.token_hex(8)}:"
MISSING = f"{SECRET}missing"
"""Stands where a root found nothing although it must: the standard way then tells why."""
EVENT = f"{SECRET}#"
"""Stands where an event's cursor is to be written: the place in the outbox it was read at or after."""
ADDRESS, CURSOR, PSEUDONYM, SUM, REST, EARNED = "acpsre"
_MARK = re.compile(b'"' + SECRET.encode() + b'([acpsre])([^"]*)"')


def with_event_cursor(answer: bytes, cursor: int) -> bytes:
    """The answer of a stream with its place in the outbox."""
    return answer.replace(EVENT.encode(), str(cursor).encode())


def finished(answer: bytes, address: Callable[[str], str]) -> bytes:
    """The answer with its marks replaced. `address` is the form in which addresses leave."""
    if SECRET.encode() not in answer:
        return answer

    def replaced(found: re.Match[bytes]) -> bytes:
        kind, payload = found[1].decode(), found[2].decode()
        text = address(payload) if kind == ADDRESS else _finish(kind, payload)
        return b'"' + text.encode() + b'"'

    return _MARK.sub(replaced, answer)


@lru_cache(maxsize=50_000)
def _finish(kind: str, payload: str) -> str:
    match kind:
        case "c":
            return encoded_cursor(bytes.fromhex(payload))
        case "p":
            what, _, identity_id = payload.partition(" ")
            return pseudonym(what, identity_id)
        case "s":
            return str(sum(final for _, final in _amounts(payload)))
        case "r":
            return str(max(0, sum(amount - final for amount, final in _amounts(payload))))
        case _:
            return str(_earned(payload))


def _amounts(payload: str) -> list[tuple[int, int]]:
    """Indexed and final amounts, `7,3;5,5`."""
    pairs = (one.split(",") for one in payload.split(";") if one)
    return [(int(amount), int(final)) for amount, final in pairs]


def _earned(payload: str) -> int:
    """Parts of issuances not minted yet, then parts of what no issuance covers: `3;4|energy,weight,total,weights of the others`.

    The others' weights (`1 2 3`) stand only at the last holder, who takes the rest (community.minting.apportionment).
    """
    parts, _, rests = payload.partition("|")
    earned = sum(int(part) for part in parts.split(";") if part)
    for rest in rests.split(";"):
        if not rest:
            continue
        energy, weight, total, others = rest.split(",")
        if others:
            earned += apportion(WattHours(int(energy)), [*map(int, others.split()), int(weight)])[-1]
        else:
            earned += base_units(WattHours(int(energy))) * int(weight) // int(total)
    return earned
