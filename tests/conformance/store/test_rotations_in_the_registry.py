"""A change of keys in the registry: where one key ends the next begins, and whatever would leave a statement behind is refused."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from community.attestation.key_rotation import KeyRotation, encode_rotation
from community.attestation.reasons import Reason
from community.clock import slot_at
from community.store import revocations
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.devices import DeviceFile, load_device
from community.store.key_rotation import rotate_key
from community.store.onboarding import Told
from community.store.statements import contiguous_counter
from community.store.unit_of_work import Store
from tests.conformance.ingest.intakes import running_intake
from tests.support.sending_device import EUI, INSTALLED, NOON, NOON_SLOT, SendingDevice, register
from tests.support.stores import COLUMN_KEY

NOW = NOON + timedelta(hours=6)
TOLD = Told("op_anna", "yearly change", "command-0001")


def rotation(old: SendingDevice, new: SendingDevice, **changes: int) -> bytes:
    claim = KeyRotation(bytes.fromhex(EUI), old.keyno, old.keyno + 1, new.public_key, NOON_SLOT + 2, 1)
    claim = replace(claim, **changes)  # type: ignore[arg-type]
    tbs = claim.to_be_signed()
    return encode_rotation(claim, old.public_key, old.raw_signature(tbs), new.raw_signature(tbs))


async def enter(store: Store, content: bytes, device: str = "dev-plant") -> Outcome:
    async with store.begin() as work:
        return await rotate_key(work, device, content, TOLD, NOW)


async def on_file(store: Store) -> DeviceFile:
    async with store.read() as work:
        found = await load_device(work, EUI, COLUMN_KEY)
    assert found is not None
    return found


async def test_one_key_ends_where_the_next_begins(store: Store) -> None:
    old = SendingDevice(keyno=1)
    new = SendingDevice(keyno=2, ctr=1, counter=10)
    await register(store, old)
    async with running_intake(store) as intake:
        await intake.send(old.frame((NOON_SLOT, 1000), (NOON_SLOT + 1, 1010)))
        content = rotation(old, new)
        for _again in range(2):
            assert await enter(store, content) == Decided()
        first, second = (await on_file(store)).keys
        assert (first.valid_to, second.keyno, second.first_ctr) == (second.valid_from, 2, 1)
        assert slot_at(second.valid_from) == NOON_SLOT + 2
        assert (await intake.send(new.frame((NOON_SLOT + 2, 1020)))).verdict == "admitted"
        late = await intake.send(old.frame((NOON_SLOT + 3, 1030)))
        assert late.reason == Reason.KEY_NOT_VALID
        assert await intake.readings() == [(0, 1000), (1, 1010), (2, 1020)]
    async with store.read() as work:
        # the new key's first statement has counter 1: its rotation said so, and it is acknowledged
        assert await contiguous_counter(work, "dev-plant", 2) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"valid_from_slot": NOON_SLOT + 1}, "signed up to .* already"),
        ({"first_ctr": 0}, "send what waits first"),
        ({"first_ctr": 5}, "send what waits first"),
        ({"valid_from_slot": slot_at(NOW + timedelta(days=8))}, "more than 7 days from now"),
        ({"valid_from_slot": slot_at(INSTALLED)}, "not after key 1 did"),
    ],
)
async def test_a_change_that_would_leave_something_behind(
    sqlite_store: Store, changes: dict[str, int], said: str
) -> None:
    old, new = SendingDevice(keyno=1), SendingDevice()
    await register(sqlite_store, old)
    async with running_intake(sqlite_store) as intake:
        await intake.send(old.frame((NOON_SLOT, 1000), (NOON_SLOT + 1, 1010)))
    refused = await enter(sqlite_store, rotation(old, new, **changes))
    assert isinstance(refused, NotPossible)
    assert re.search(said, refused.sentence), refused.sentence
    assert len((await on_file(sqlite_store)).keys) == 1


async def test_who_may_not_change_a_key(sqlite_store: Store) -> None:
    store = sqlite_store
    old, new, other = SendingDevice(keyno=1), SendingDevice(keyno=2), SendingDevice()
    await register(store, old)
    assert await enter(store, rotation(old, new), "dev-none") == NotFound()
    forged = await enter(store, rotation(SendingDevice(keyno=1), new))
    assert isinstance(forged, NotPossible) and "the old key" in forged.sentence
    wrong_number = await enter(store, rotation(replace(old, keyno=4), new))
    assert isinstance(wrong_number, NotPossible) and "another number" in wrong_number.sentence
    assert await enter(store, rotation(old, new)) == Decided()
    second = await enter(store, rotation(old, other))
    assert isinstance(second, NotPossible) and "followed by another key 2" in second.sentence
    back = await enter(store, rotation(new, old, valid_from_slot=NOON_SLOT + 9, first_ctr=9))
    assert isinstance(back, NotPossible) and "used once" in back.sentence
    async with store.begin() as work:
        assert await revocations.revoke(work, "dev-plant", NOON, TOLD, NOW, keyno=2) == Decided()
    revoked = await enter(store, rotation(new, other, valid_from_slot=NOON_SLOT + 9))
    assert isinstance(revoked, NotPossible) and "valid no longer" in revoked.sentence
    async with store.begin() as work:
        told = replace(TOLD, idempotency_key="command-0002")
        assert await revocations.revoke(work, "dev-plant", NOON, told, NOW) == Decided()
        taken = await revocations.revoke(work, "dev-plant", NOON, TOLD, NOW)
        assert isinstance(taken, NotPossible) and "belongs to another command" in taken.sentence
    ended = await enter(store, rotation(new, other, valid_from_slot=NOON_SLOT + 9))
    assert isinstance(ended, NotPossible) and "no key follows" in ended.sentence
