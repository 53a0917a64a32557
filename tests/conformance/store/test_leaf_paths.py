"""The path from a reading to its signed root: from its statement's leaves, or as it was stored before leaves were kept."""

import dataclasses

import pytest
from sqlalchemy import select, text, update
from sqlmodel import col

from community.attestation import merkle
from community.attestation.statement import parse_cose_sign1
from community.store.issuances import StoredEvidence, evidence_of
from community.store.statements import has_leaves, path_of
from community.store.tables.measuring import MeasurementRow, StatementRow
from community.store.unit_of_work import Store
from ingest.judging import Judge
from ingest.rebuild import rebuild
from tests.conformance.ingest.intakes import running_intake
from tests.support.sending_device import NOON_SLOT, SendingDevice, register
from tests.support.stores import COLUMN_KEY

COUNT = 5


async def _books(store: Store) -> list[str]:
    """Readings of one statement, the last of which was refused: it is a leaf all the same. Returns the ids."""
    device = SendingDevice()
    await register(store, device)
    slots = [(NOON_SLOT + number, 1_000 + 100 * number) for number in range(COUNT - 1)]
    async with running_intake(store) as running:
        await running.send(device.frame(*slots, (NOON_SLOT + COUNT, 10**8)))
    async with store.read() as work:
        found = await work.session.execute(select(col(MeasurementRow.id)).order_by(col(MeasurementRow.at)))
        ids = list(found.scalars())
    assert len(ids) == COUNT - 1
    return ids


def _proves(evidence: StoredEvidence | None) -> bool:
    assert evidence is not None
    statement = parse_cose_sign1(evidence.signed).statement
    size = merkle.HASH_SIZE
    path = [evidence.leaf_path[at : at + size] for at in range(0, len(evidence.leaf_path), size)]
    leaf = merkle.leaf_hash(evidence.leaf_input)
    return merkle.verify_inclusion(leaf, evidence.leaf_index, statement.count, path, statement.root)


async def test_every_reading_is_proven_by_the_leaves_of_its_statement(store: Store) -> None:
    for name in await _books(store):
        async with store.read() as work:
            assert _proves(await evidence_of(work, name))


async def test_books_from_before_keep_the_paths_they_have(store: Store) -> None:
    ids = await _books(store)
    async with store.read() as work:
        known = {name: await evidence_of(work, name) for name in ids}
    async with store.begin() as work:  # as they were written before: a path a reading, no leaves
        triggers = ("measurement", "statement")
        for table in triggers:
            await work.session.execute(
                text(
                    f"DROP TRIGGER {table}_no_update"
                    if work.is_sqlite
                    else f"ALTER TABLE {table} DISABLE TRIGGER {table}_kept"
                )
            )
        for name, evidence in known.items():
            assert evidence is not None
            row = update(MeasurementRow).where(col(MeasurementRow.id) == name)
            await work.session.execute(row.values(leaf_path=evidence.leaf_path))
        await work.session.execute(update(StatementRow).values(leaves=None))
    async with store.read() as work:
        for name in ids:
            assert _proves(await evidence_of(work, name))
        digest = (await work.session.execute(select(col(StatementRow.digest)))).scalar_one()
        assert not await has_leaves(work, digest)
    assert (await rebuild(store, Judge(COLUMN_KEY))).different == 0


async def test_an_edited_index_proves_nothing(store: Store) -> None:
    (name, *_) = await _books(store)
    async with store.read() as work:
        evidence = await evidence_of(work, name)
    assert evidence is not None
    assert not _proves(dataclasses.replace(evidence, leaf_index=1))


@pytest.mark.parametrize("index", [-1, 2, 99])
def test_no_path_leads_from_a_leaf_that_is_not_there(index: int) -> None:
    assert path_of(None, bytes(64), index) == b""
    assert path_of(None, None, index) == b""
