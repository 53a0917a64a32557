"""Two operators approve each registry; nobody else, no old one, and nothing half-written counts."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from community.errors import FatalError
from signer.journal import JOURNAL_FILE, Journal
from signer.pinning import Approval, approve, check_chain, follow, parse_approval, pin, registry_digest
from signer.registry import RegistryError
from tests.support.operators import OPERATOR_KEYS, OPERATORS, next_registry
from tests.support.sending_device import NOON
from tests.unit.signer.test_registry import content

ANNA, BERT = OPERATORS["anna"], OPERATORS["bert"]
STRANGER = Ed25519PrivateKey.generate()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


def both(text: str) -> list[Approval]:
    return [approve(text, "anna", ANNA), approve(text, "bert", BERT)]


def changed(journal: Journal, **changes: Any) -> str:
    return next_registry(journal, content() | {"revision": 0} | changes | _next(journal))


def _next(journal: Journal) -> dict[str, Any]:
    following = json.loads(next_registry(journal, {}))
    return {name: following[name] for name in ("revision", "previous")}


def test_two_operators_pin_and_change_a_registry(journal: Journal) -> None:
    current = follow(journal)
    with pytest.raises(RegistryError, match="registry pin"):
        current()
    first = changed(journal)
    assert pin(journal, first, both(first), NOON) == current()
    second = changed(journal, chain_id=138)
    pin(journal, second, both(second), NOON)
    assert current().chain_id == 138 and current().revision == 2
    entries = [content for _, _, content in journal.audit_entries()]
    assert [entry["digest"] for entry in entries] == [registry_digest(first), registry_digest(second)]
    assert entries[0]["operators"] == ["anna", "bert"]


def test_one_operator_is_not_enough(journal: Journal) -> None:
    text = changed(journal)
    anna = approve(text, "anna", ANNA)
    for approvals in ([], [anna], [anna, anna]):
        with pytest.raises(RegistryError, match="of 2 operators approve"):
            pin(journal, text, approvals, NOON)
    assert journal.newest_pinned() is None


def test_approvals_of_strangers_and_for_other_texts_do_not_count(journal: Journal) -> None:
    text, other = changed(journal), changed(journal, chain_id=138)
    forged = Approval("bert", registry_digest(text), STRANGER.sign(b"x"))
    for wrong in (forged, approve(other, "bert", BERT), Approval("carl", registry_digest(text), bytes(64))):
        with pytest.raises(RegistryError, match="is not for this registry"):
            pin(journal, text, [approve(text, "anna", ANNA), wrong], NOON)
    with pytest.raises(RegistryError, match="does not name carl"):
        approve(text, "carl", STRANGER)
    with pytest.raises(RegistryError, match="does not name anna with this key"):
        approve(text, "anna", STRANGER)


def test_operators_of_the_one_before_approve_the_next(journal: Journal) -> None:
    first = changed(journal)
    pin(journal, first, both(first), NOON)
    carl, dora = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    keys = {name: key.public_key().public_bytes_raw().hex() for name, key in (("carl", carl), ("dora", dora))}
    second = changed(journal, operators=keys)
    with pytest.raises(RegistryError, match="who may approve it"):
        pin(journal, second, [approve(second, "carl", carl), approve(second, "dora", dora)], NOON)
    pin(journal, second, both(second), NOON)
    third = changed(journal, operators=OPERATOR_KEYS)
    with pytest.raises(RegistryError, match="who may approve it"):
        pin(journal, third, both(third), NOON)
    pin(journal, third, [approve(third, "carl", carl), approve(third, "dora", dora)], NOON)


def test_an_approved_registry_does_not_come_back(journal: Journal) -> None:
    first = changed(journal)
    pin(journal, first, both(first), NOON)
    second = changed(journal, chain_id=138)
    pin(journal, second, both(second), NOON)
    for old in (first, second):
        with pytest.raises(RegistryError, match="must have revision 3"):
            pin(journal, old, both(old), NOON)


def test_a_faulty_registry_leaves_the_good_one(journal: Journal) -> None:
    text = changed(journal)
    pinned = pin(journal, text, both(text), NOON)
    with pytest.raises(RegistryError):
        pin(journal, "{}", [], NOON)
    assert follow(journal)() == pinned == check_chain(journal)


def test_a_registry_written_into_the_journal_by_hand_is_noticed(journal: Journal, tmp_path: Path) -> None:
    text = changed(journal)
    pin(journal, text, both(text), NOON)
    current = follow(journal)
    current()
    forged = changed(journal, chain_id=138)
    kept = json.dumps([Approval(name, registry_digest(forged), bytes(64)).text() for name in OPERATORS])
    database = sqlite3.connect(tmp_path / JOURNAL_FILE)
    database.execute("INSERT INTO pinned_registry VALUES (2, ?, ?, '')", (forged, kept))
    database.commit()
    database.close()
    for look in (current, lambda: check_chain(journal)):
        with pytest.raises(FatalError, match="Registry 2 in the journal is not approved"):
            look()


def test_an_approval_travels_as_text() -> None:
    approval = Approval("anna", "ab" * 32, bytes(64))
    assert parse_approval(approval.text()) == approval
    for wrong in ("", "[]", "{}", json.dumps({"operator": 1, "registry": "", "signature": ""}), '{"a":[[[]]]}'):
        with pytest.raises(RegistryError, match="no approval"):
            parse_approval(wrong)
    with pytest.raises(RegistryError, match="no approval"):
        parse_approval(approval.text().replace("00", "zz"))
