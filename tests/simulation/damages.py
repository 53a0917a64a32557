"""Damage done by hand to a database that was in agreement: what somebody with write access, or a bad disk, can do.

Each entry: what is done, as SQL after the guards against it were taken down, and the kinds of break that must name it.
"""

import sqlite3
from pathlib import Path

from community.reconciliation.breaks import BreakKind as K

ONE = "WHERE rowid = (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET 1)"

DAMAGES: dict[str, tuple[str, frozenset[K]]] = {
    "a settlement's row deleted from the index": (
        "DELETE FROM settled_event " + ONE.format(table="settled_event"),
        frozenset({K.MISSING_ON_CHAIN, K.MISSING_OFF_CHAIN, K.SUPPLY_DIFFERS, K.GAP_IN_REGISTER_CHAIN}),
    ),
    "a transfer's row deleted from the index": (
        "DELETE FROM transfer " + ONE.format(table="transfer"),
        frozenset({K.AMOUNT_DIFFERS, K.SUPPLY_DIFFERS}),
    ),
    "an issuance deleted": (
        "DELETE FROM issuance " + ONE.format(table="issuance"),
        frozenset({K.MISSING_OFF_CHAIN, K.INTERVAL_UNMINTED}),
    ),
    "an issuance's amount raised": (
        "UPDATE issuance SET amount = '1' " + ONE.format(table="issuance"),
        frozenset({K.AMOUNT_DIFFERS}),
    ),
    "a part given to another address": (
        f"UPDATE issuance_part SET address = '0x{'d4' * 20}' " + ONE.format(table="issuance_part"),
        frozenset({K.RECIPIENT_DIFFERS}),
    ),
    "a share moved in the share table": (
        "UPDATE share SET share_count = share_count + CASE position WHEN 0 THEN 1 WHEN 1 THEN -1 ELSE 0 END",
        frozenset({K.SHARE_TABLE_DIFFERS}),
    ),
    "a share added to the share table": (
        "UPDATE share SET share_count = share_count + 1 WHERE position = 0",
        frozenset({K.SHARE_SUPPLY_DIFFERS}),
    ),
    "a reading altered": (
        "UPDATE measurement SET register_wh = register_wh + 1 " + ONE.format(table="measurement"),
        frozenset({K.READING_DIFFERS, K.EVIDENCE_DIFFERS, K.ENERGY_DIFFERS}),
    ),
    "a reading's proof altered": (
        "UPDATE measurement SET leaf_input = zeroblob(length(leaf_input)) " + ONE.format(table="measurement"),
        frozenset({K.READING_DIFFERS}),
    ),
    "an interval's energy altered": (
        "UPDATE interval_energy SET energy_wh = energy_wh + 1 " + ONE.format(table="interval_energy"),
        frozenset({K.ENERGY_DIFFERS}),
    ),
    "an interval deleted": (
        "DELETE FROM interval_energy " + ONE.format(table="interval_energy"),
        frozenset({K.ENERGY_DIFFERS}),
    ),
    "a balance raised": (
        "UPDATE balance SET final_amount = '7' " + ONE.format(table="balance"),
        frozenset({K.SUPPLY_DIFFERS, K.BALANCE_DIFFERS}),
    ),
    "a key revoked back in time": (
        "UPDATE device_key SET revoked_from = '2026-03-02T12:01:00.000000Z'",
        frozenset({K.EVIDENCE_INVALID}),
    ),
    "a key whose validity is cut short": (
        "UPDATE device_key SET valid_to = '2026-03-02T12:01:00.000000Z', valid_from = '2026-01-01T00:00:00.000000Z'",
        frozenset({K.EVIDENCE_INVALID}),
    ),
}


def damage(database: Path, statement: str) -> None:
    """Do it, past every guard of the database."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        triggers = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement).rowcount > 0, f"{statement} changed nothing"
    connection.close()
