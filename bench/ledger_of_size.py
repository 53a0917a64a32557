"""A ledger of any number of transfers with its community, written by the database itself, for measuring pages.

Accounts are as uneven as in life: account 0 is the treasury, to which a tenth of all transfers are minted, and of two
other accounts the one with the lower number has more. Ten sources have a reading, an issuance and a settlement for each
quarter-hour; all match but one in a thousand, which stands in a break.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from community.store.schema import migrate
from community.store.unit_of_work import Store

CHAIN_ID = 137
TOKEN = "0x" + "e7" * 20
MEMBERS, SOURCES = 200, 10
TRANSFERS_PER_BLOCK = 10
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
QUARTER_S = 900


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything, by the number of transfers."""

    transfers: int

    @property
    def accounts(self) -> int:
        return max(MEMBERS, self.transfers // 1000)

    @property
    def quarters(self) -> int:
        """Settlements of each source: a year of them at ten million transfers."""
        return max(96, self.transfers * 35_040 // 10_000_000)

    @property
    def blocks(self) -> int:
        return self.transfers // TRANSFERS_PER_BLOCK

    @property
    def ends_at(self) -> datetime:
        """The instant up to which everything is settled."""
        return BEGIN + timedelta(seconds=QUARTER_S * self.quarters)


def address_of(account: int) -> str:
    """The address of an account."""
    return f"0x{account + 1:040x}"


class _Words:
    """Expressions that SQLite and PostgreSQL write differently."""

    def __init__(self, dialect: str) -> None:
        self.sqlite = dialect == "sqlite"

    def numbers(self, count: int) -> str:
        """A table g with a column i from 0 to count - 1."""
        if self.sqlite:
            counting = f"WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT {count}) SELECT i FROM c"
            return f"({counting}) AS g"
        return f"(SELECT generate_series(0::bigint, {count - 1}) AS i) AS g"

    def hexadecimal(self, number: str, digits: int) -> str:
        if self.sqlite:
            return f"'0x' || printf('%0{digits}x', {number})"
        return f"'0x' || lpad(to_hex(({number})::bigint), {digits}, '0')"

    def at(self, seconds: str) -> str:
        """The instant some seconds after the beginning."""
        epoch = f"{int(BEGIN.timestamp())} + {seconds}"
        if self.sqlite:
            return f"strftime('%Y-%m-%dT%H:%M:%S.000000Z', {epoch}, 'unixepoch')"
        return f"to_timestamp({epoch})"

    def units(self, watt_hours: str) -> str:
        """Base units of some Wh."""
        if self.sqlite:
            return f"({watt_hours}) || '000000000000000'"
        return f"({watt_hours})::numeric * 1000000000000000"

    def bytes(self, digits: str) -> str:
        return f"x'{digits}'" if self.sqlite else f"'\\x{digits}'::bytea"


async def build(url: str, size: Size, progress: bool = True) -> None:
    """Fill the empty database at `url`. Says what it writes and how long that took."""
    await migrate(url)
    store = Store.open(url)
    words = _Words(store.dialect)
    try:
        async with store.engine.connect() as connection:
            await _unguarded(connection, words)
            secondary = await _without_secondary_indexes(connection, words)
            for name, statement in _statements(words, size):
                began = time.perf_counter()
                await connection.exec_driver_sql(statement)
                await connection.commit()
                if progress:
                    print(f"    {store.dialect}: {name}, {time.perf_counter() - began:.1f} s", flush=True)
            for statement in secondary:
                began = time.perf_counter()
                await connection.exec_driver_sql(statement)
                await connection.commit()
                if progress:
                    print(
                        f"    {store.dialect}: {statement.split()[2]}, {time.perf_counter() - began:.1f} s", flush=True
                    )
            if not words.sqlite:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("ANALYZE" if words.sqlite else "VACUUM ANALYZE"))
            if words.sqlite:
                await connection.commit()
    finally:
        await store.close()


def built(url: str, size: Size, mark: Path) -> None:
    """`build`, unless `mark` says that it was done before."""
    wanted = f"{size.transfers} transfers, layout 1\n"
    if mark.exists() and mark.read_text() == wanted:
        return
    asyncio.run(build(url, size))
    mark.write_text(wanted)


async def _unguarded(connection: AsyncConnection, words: _Words) -> None:
    """Without looking up every row's references: they are right by making."""
    if words.sqlite:
        for pragma in ("foreign_keys = OFF", "synchronous = OFF", "cache_size = -200000"):
            await connection.execute(text(f"PRAGMA {pragma}"))
    else:
        await connection.execute(text("SET session_replication_role = replica"))
        await connection.execute(text("SET maintenance_work_mem = '512MB'"))
    await connection.commit()


async def _without_secondary_indexes(connection: AsyncConnection, words: _Words) -> list[str]:
    """Drop the indexes of the biggest table; returns what makes them again."""
    if words.sqlite:
        asked = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'transfer' AND sql IS NOT NULL"
    else:
        asked = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'transfer' AND indexdef NOT LIKE '%UNIQUE%'"
        )
    found = [tuple(row) for row in await connection.execute(text(asked))]
    for name, _ in found:
        await connection.execute(text(f"DROP INDEX {name}"))
    await connection.commit()
    return [made for _, made in found]


def _statements(words: _Words, size: Size) -> Iterator[tuple[str, str]]:
    yield from _community(words)
    yield from _settlements(words, size)
    yield from _chain(words, size)


def _insert(table: str, columns: dict[str, str], source: str) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {source}"


def _community(w: _Words) -> Iterator[tuple[str, str]]:
    members, sources, begin = w.numbers(MEMBERS), w.numbers(SOURCES), w.at("0")
    member, source, point = "'mem_' || g.i", "'src_' || g.i", "'mp_' || g.i"
    tables: list[tuple[str, dict[str, Any], str]] = [
        ("identity", {"id": member, "kind": "'member'", "name": "'Member ' || g.i", "created_at": begin}, members),
        ("identity", {"id": source, "kind": "'energy_source'", "name": "'Roof ' || g.i", "created_at": begin}, sources),
        ("member", {"identity_id": member, "is_treasury": "g.i = 0", "joined_at": begin}, members),
        (
            "coin_address",
            {
                "id": "'adr_' || g.i", "identity_id": member, "chain": "'polygon'", "address": w.hexadecimal("g.i + 1", 40),
                "valid_from": begin, "recorded_at": begin,
            },
            members,
        ),
        (
            "metering_point",
            {"id": point, "code": "'AT' || g.i", "name": "'Roof'", "direction": "'production'", "settled_obis": "'1-0:2.8.0'"},
            sources,
        ),
        (
            "energy_source",
            {
                "identity_id": source, "source_ref": w.hexadecimal("g.i + 1", 64), "technology": "'pv'",
                "nameplate_w": "30000", "share_total": str(MEMBERS), "settlement_period": "'interval'",
                "evidence_mode": "'DEVICE'", "metering_point_id": point, "opening_register_wh": "0", "opening_at": begin,
                "approved_at": begin,
            },
            sources,
        ),
        ("meter", {"id": "'met_' || g.i", "serial": "'S' || g.i", "maker": "'m'", "model": "'m'"}, sources),
        ("register", {"id": "'reg_' || g.i", "meter_id": "'met_' || g.i", "obis": "'1-0:2.8.0'"}, sources),
        (
            "installation",
            {
                "id": "'inst_' || g.i", "metering_point_id": point, "meter_id": "'met_' || g.i", "device_id": "'dev'",
                "valid_from": begin, "factor": "1", "max_power_w": "30000",
            },
            sources,
        ),
        (
            "share_table",
            {
                "id": "'sht_' || g.i", "source_id": source, "revision": "1", "share_total": str(MEMBERS),
                "config_hash": "'0x'", "valid_from": begin, "recorded_at": begin, "recorded_by": "'bench'",
            },
            sources,
        ),
        (
            "share",
            {
                "share_table_id": f"'sht_' || (g.i / {MEMBERS})", "position": f"g.i % {MEMBERS}",
                "holder_id": f"'mem_' || (g.i % {MEMBERS})", "address": w.hexadecimal(f"g.i % {MEMBERS} + 1", 40),
                "share_count": "1",
            },
            w.numbers(MEMBERS * SOURCES),
        ),
    ]  # fmt: skip
    for table, columns, rows in tables:
        yield table, _insert(table, columns, rows)


def _settlements(w: _Words, size: Size) -> Iterator[tuple[str, str]]:
    """Number i is quarter-hour i / SOURCES of source i % SOURCES: 2000 Wh each, in block after block."""
    every = w.numbers(size.quarters * SOURCES)
    quarter, source = f"(g.i / {SOURCES})", f"(g.i % {SOURCES})"
    from_wh, to_wh, ends = f"{quarter} * 2000", f"({quarter} + 1) * 2000", w.at(f"({quarter} + 1) * {QUARTER_S}")
    block = f"(g.i * {size.blocks} / {size.quarters * SOURCES})"
    issuance, tx_hash, source_id = (
        w.hexadecimal("g.i + 1", 64),
        w.hexadecimal("g.i + 1000000000", 64),
        f"'src_' || {source}",
    )
    place = {"chain_id": str(CHAIN_ID), "block_number": block, "log_index": f"100 + {source}"}
    yield "measurement", _insert(
        "measurement",
        {
            "id": "'mea_' || g.i", "register_id": f"'reg_' || {source}", "installation_id": f"'inst_' || {source}",
            "device_id": "'dev'", "at": ends, "register_wh": to_wh, "off_s": "0", "status": "1",
            "evidence_mode": "'DEVICE'", "statement_digest": "'d'", "leaf_index": "0", "recorded_at": ends,
        },
        every,
    )  # fmt: skip
    yield "issuance", _insert(
        "issuance",
        {
            "id": issuance, "chain_id": str(CHAIN_ID), "issuer": "'0x15'", "source_id": source_id, "from_wh": from_wh,
            "to_wh": to_wh, "period_start": w.at(f"{quarter} * {QUARTER_S}"), "period_end": ends, "amount": w.units("2000"),
            "measurement_id": "'mea_' || g.i", "share_table_id": f"'sht_' || {source}", "state": "'final'",
            "planned_at": ends, "mined_block": block, "tx_hash": tx_hash, "final_at": ends,
        },
        every,
    )  # fmt: skip
    yield "settled_event", _insert(
        "settled_event",
        place
        | {
            "block_hash": w.hexadecimal(block, 64), "tx_hash": tx_hash, "issuer": "'0x15'",
            "source_ref": w.hexadecimal(f"{source} + 1", 64), "seq": f"{quarter} + 1", "from_wh": from_wh, "to_wh": to_wh,
            "read_at": ends, "minted_wh": "2000", "mode": "'DEVICE'", "evidence": issuance,
        },
        every,
    )  # fmt: skip
    yield from _comparison(w, size, place | {"tx_hash": tx_hash}, issuance, source_id, ends)


def _comparison(
    w: _Words, size: Size, place: dict[str, str], issuance: str, source_id: str, ends: str
) -> Iterator[tuple[str, str]]:
    """A run with its matches and breaks; the expressions are those of the settlements."""
    every, tx_hash = w.numbers(size.quarters * SOURCES), place["tx_hash"]
    run = {
        "id": "'run_1'", "started_at": w.at("0"), "finalised_block": str(size.blocks), "finalised_hash": "'0x'",
        "verified_wh": "0", "issued_wh": "0", "settled_wh": "0", "supply": w.units("0"), "match_count": "0",
        "break_count": "0", "accepted_count": "0",
    }  # fmt: skip
    yield "reconciliation_run", _insert("reconciliation_run", run, w.numbers(1))
    yield "reconciliation_match", _insert(
        "reconciliation_match",
        place
        | {
            "issuance_id": issuance, "source_id": source_id, "energy_wh": "2000",
            "amount": w.units("2000"), "run_id": "'run_1'", "matched_at": ends,
        },
        f"{every} WHERE g.i % 1000 <> 999",
    )  # fmt: skip
    broken = f"{every} WHERE g.i % 1000 = 999"
    yield "reconciliation_break", _insert(
        "reconciliation_break",
        {
            "id": "'brk_' || g.i", "kind": "'amount_differs'", "severity": "'grave'", "subject": tx_hash,
            "source_id": source_id, "detail": "'They differ.'", "opened_run_id": "'run_1'", "opened_at": ends,
        },
        broken,
    )  # fmt: skip
    yield (
        "reconciliation_break_item",
        _insert(
            "reconciliation_break_item", {"break_id": "'brk_' || g.i", "kind": "'issuance'", "key": issuance}, broken
        ),
    )


def _chain(w: _Words, size: Size) -> Iterator[tuple[str, str]]:
    number = w.hexadecimal("g.i", 64)
    yield "chain_block", _insert(
        "chain_block",
        {
            "chain_id": str(CHAIN_ID), "number": "g.i", "hash": number, "parent_hash": w.hexadecimal("g.i + 1", 64),
            "at": w.at("g.i * 2"), "digest": "'d'",
        },
        w.numbers(size.blocks + 1),
    )  # fmt: skip
    yield "supply", _insert(
        "supply",
        {
            "chain_id": str(CHAIN_ID), "token": f"'{TOKEN}'", "minted": w.units("9000000"), "burned": w.units("0"),
            "final_minted": w.units("9000000"), "final_burned": w.units("0"),
        },
        w.numbers(1),
    )  # fmt: skip
    yield "index_checkpoint", _insert(
        "index_checkpoint",
        {
            "chain_id": str(CHAIN_ID), "start_block": "0", "head_number": str(size.blocks), "head_hash": "'0x'",
            "finalised_number": str(size.blocks - 10), "finalised_hash": "'0x'", "node_head_number": str(size.blocks),
            "updated_at": w.at("0"),
        },
        w.numbers(1),
    )  # fmt: skip
    yield "balance", _insert(
        "balance",
        {
            "chain_id": str(CHAIN_ID), "token": f"'{TOKEN}'", "address": w.hexadecimal("g.i + 1", 40),
            "amount": w.units("g.i + 2"), "final_amount": w.units("g.i + 1"), "block_number": str(size.blocks),
        },
        w.numbers(size.accounts),
    )  # fmt: skip
    mint, block = "g.i % 10 = 0", f"(g.i / {TRANSFERS_PER_BLOCK} + 1)"
    some, other = _account("7919", 1_000_003, size), _account("104729", 1_000_033, size)
    yield "transfer", _insert(
        "transfer",
        {
            "chain_id": str(CHAIN_ID), "block_number": block, "log_index": f"g.i % {TRANSFERS_PER_BLOCK}",
            "block_hash": w.hexadecimal(block, 64), "tx_hash": w.hexadecimal("g.i + 1", 64), "token": f"'{TOKEN}'",
            "sender": f"CASE WHEN {mint} THEN '0x{'0' * 40}' ELSE {w.hexadecimal(some, 40)} END",
            "recipient": f"CASE WHEN {mint} THEN '{address_of(0)}' ELSE {w.hexadecimal(other, 40)} END",
            "amount": w.units("g.i % 1000 + 1"), "kind": f"CASE WHEN {mint} THEN 'mint' ELSE 'transfer' END",
        },
        w.numbers(size.transfers),
    )  # fmt: skip


def _account(factor: str, prime: int, size: Size) -> str:
    """An account's number plus one: the lower, the more often."""
    draw = f"(g.i * {factor} % {prime})"
    return f"({draw} * {draw} / {prime * prime // size.accounts + 1} + 1)"
