"""A community comes in from CSV files on both databases: all of it or nothing, and every wrong cell is named."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from community.identity.coin_addresses import AccountRole, CoinChain, HdAccount
from community.ids import named_id
from community.onboarding.import_files import FILES, Problem, read_file
from community.store import coin_addresses, devices, shares
from community.store.bulk_import import Imported, import_files
from community.store.bulk_import_rows import member_id, source_id
from community.store.onboarding import Told
from community.store.unit_of_work import Store
from contracts.values import config_hash
from ingest import __main__ as ingest_command
from tests.support.logging_put_back import logging_put_back
from tests.support.stores import COLUMN_KEY, new_sqlite_url, opened

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[3] / "deploy" / "import-example"
COMMUNITY = "sonnendach"
SECRET = bytes(range(32)).hex()
XPUB = "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj"


def main(words: list[str]) -> int:
    """The command line in this process, logging as it was afterwards."""
    with logging_put_back():
        return ingest_command.main(words)


def example() -> dict[str, str]:
    return {kind: (EXAMPLE / f"{kind}.csv").read_text() for kind in FILES}


async def run(store: Store, contents: Mapping[str, str], *, dry_run: bool = False) -> Imported:
    files = {kind: read_file(kind, content.encode(), COMMUNITY) for kind, content in contents.items()}
    told = Told("op_anna", "founding", named_id("imp", json.dumps(contents)))
    return await import_files(store, files, COLUMN_KEY, config_hash, told, NOW, dry_run=dry_run)


async def with_account(store: Store) -> None:
    async with store.begin() as work:
        await coin_addresses.add_hd_account(
            work, HdAccount("acc_1", CoinChain.EVM, AccountRole.MEMBER, "m/44'/60'/0'", XPUB)
        )


async def rows(store: Store) -> dict[str, int]:
    counts = {}
    async with store.read() as work:
        for table in (
            "member",
            "metering_point",
            "meter",
            "device",
            "installation",
            "energy_source",
            "share",
            "audit_entry",
        ):
            counts[table] = (await work.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
    return counts


async def test_the_example_comes_in_whole_and_again_changes_nothing(store: Store) -> None:
    await with_account(store)
    tried = await run(store, example(), dry_run=True)
    assert (tried.problems, tried.committed, tried.entered.total()) == ([], False, 15)
    assert set((await rows(store)).values()) == {0}
    done = await run(store, example())
    assert (done.problems, done.committed, done.entered) == ([], True, tried.entered)
    once = await rows(store)
    assert {**once, "audit_entry": 0} == {
        "member": 3, "metering_point": 2, "meter": 2, "device": 2, "installation": 2, "energy_source": 1, "share": 3,
        "audit_entry": 0,
    }  # fmt: skip
    again = await run(store, example())
    assert (again.problems, again.entered.total(), again.unchanged.total()) == ([], 0, 15)
    assert {**(await rows(store)), "audit_entry": 0} == {**once, "audit_entry": 0}
    async with store.read() as work:
        device = await devices.load_device(work, "70b3d57ed0060101", COLUMN_KEY)
        assert device is not None and device.secret == bytes(range(32)) and device.state == "pending"
        (table,) = await shares.share_tables(work, source_id(COMMUNITY, "roof-4"))
        assert [(share.holder_id, share.count) for share in table.shares] == [
            (member_id(COMMUNITY, number), count) for number, count in (("1", 600), ("2", 300), ("0", 100))
        ]
        key = device.keys[0].public_key
        assert table.config_hash == config_hash(key, [share.address for share in table.shares], [600, 300, 100])


def changed(kind: str, before: str, after: str) -> dict[str, str]:
    files = example()
    assert before in files[kind]
    files[kind] = files[kind].replace(before, after, 1)
    return files


IN_THE_BOOKS = {
    "none of that number",
    "is consumption",
    "has a secret and a profile",
    "none of that name",
    "of production",
    "add up to 1001",
}
"""What only shows when a row meets the others."""

WRONG = [
    ("members", "sonnendach,2", "nachbarn,2", "community", "the import is for sonnendach"),
    ("members", "sonnendach,2", ",2", "community", "empty"),
    ("members", "sonnendach,2", "sonnendach,1", "member", "row 2 names the same"),
    ("members", "yes", "perhaps", "treasury", "neither yes nor no"),
    ("members", '"Example, Bert"', "Example, Bert", "", "5 cells, the header names 4"),
    ("members", ",treasury\n", ",treasurer\n", "treasurer", "not known"),
    ("members", ",treasury\n", ",name\n", "name", "twice"),
    ("members", "name,", "", "name", "missing"),
    ("metering_points", "production", "solar", "direction", "none of the known words"),
    ("metering_points", "1-0:2.8.0", "2.8.0", "settled_obis", "no OBIS code"),
    ("metering_points", "AT0099999900000000000000000000042", "at-42", "metering_point", "no metering point code"),
    ("metering_points", "1-0:1.8.0,1\n", "1-0:1.8.0,9\n", "member", "none of that number"),
    ("metering_points", "1-0:2.8.0,\n", "1-0:2.8.0,1\n", "member", "is consumption"),
    ("meters", "1-0:1.8.0+1-0:2.8.0", "1-0:1.8.0+1-0:1.8.0", "registers", "twice"),
    ("meters", "000102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f10", "meter_key", "not 32 hex"),
    ("devices", "70b3d57ed0060101", "70-b3-d5", "device", "no device EUI"),
    ("devices", SECRET, SECRET[:-1], "secret", "not 64 hex"),
    ("devices", SECRET, "", "secret", "has a secret and a profile"),
    ("devices", ",2,", ",9,", "profile", "not known"),
    ("installations", "60400042", "60400043", "meter", "none of that name"),
    ("installations", "2026-11-01T00:00:00Z,30000", "2026-11-01T00:00:00,30000", "valid_from", "time zone"),
    ("installations", "30000", "", "max_power_w", "empty"),
    ("sources", "30000", "0", "nameplate_w", "no such number"),
    ("sources", "30000", "", "nameplate_w", "empty"),
    ("sources", "Anna Example", "", "declared_by", "empty"),
    ("sources", "0x4e", "0x4E", "source_ref", "no reference"),
    ("sources", "00000042", "00000043", "metering_point", "of production"),
    ("sources", "2026-11-01T00:00:00Z", "2026-11-01T00:00:01Z", "opening_at", "quarter-hour"),
    ("shares", ",600", ",601", "", "add up to 1001"),
    ("shares", "roof-4,2026-11-01T00:00:00Z,0", "roof-4,2026-11-01T00:00:00Z,7", "member", "none of that number"),
]


def told_by(problems: Sequence[Problem], kind: str, column: str, said: str) -> bool:
    """Whether a problem says it; none of them shows a secret, and each says what to do."""
    assert all(SECRET[:-1] not in str(problem) and problem.remedy for problem in problems)
    return any((one.file, one.column) == (kind, column) and said in one.what for one in problems)


IN_THE_CELL = [one for one in WRONG if one[4] not in IN_THE_BOOKS]


@pytest.mark.parametrize(
    ("kind", "before", "after", "column", "said"),
    IN_THE_CELL,
    ids=[f"{one[0]}-{one[3]}-{one[4][:16]}" for one in IN_THE_CELL],
)
def test_a_cell_that_cannot_be_read_is_named(kind: str, before: str, after: str, column: str, said: str) -> None:
    read = read_file(kind, changed(kind, before, after)[kind].encode(), COMMUNITY)
    assert told_by(read.problems, kind, column, said), read.problems


async def test_a_cell_that_fits_nothing_on_the_books_is_named_and_nothing_is_entered(sqlite_store: Store) -> None:
    await with_account(sqlite_store)
    wrong = [one for one in WRONG if one[4] in IN_THE_BOOKS]
    assert len(wrong) == len(IN_THE_BOOKS) + 1
    for kind, before, after, column, said in [*wrong, IN_THE_CELL[0]]:
        done = await run(sqlite_store, changed(kind, before, after))
        assert told_by(done.problems, kind, column, said), done.problems
        assert not done.committed
        assert set((await rows(sqlite_store)).values()) == {0}


async def test_all_errors_are_told_at_once_and_what_follows_from_others_says_so(sqlite_store: Store) -> None:
    files = changed("members", "sonnendach,1,Anna Example,no", "sonnendach,1,,maybe")
    files["meters"] = files["meters"].replace("Janitza", "")
    done = await run(sqlite_store, files)
    told = [(problem.file, problem.row, problem.column) for problem in done.problems]
    assert told[:3] == [("members", 2, "name"), ("members", 2, "treasury"), ("meters", 2, "maker")]
    follows = next(problem for problem in done.problems if problem.file == "metering_points")
    assert follows.column == "member" and "correct the rows of members.csv first" in follows.remedy
    assert not done.committed


async def test_what_is_on_the_books_with_other_values_is_an_error(store: Store) -> None:
    await with_account(store)
    assert (await run(store, example())).committed
    before = await rows(store)
    for kind, old, new, said in (
        ("members", "Anna Example", "Anna Other", "name is Anna Example"),
        ("devices", SECRET, "ff" * 32, "the secret is another"),
        ("meters", "UMG 604", "UMG 605", "model is UMG 604"),
        ("installations", ",9000,", ",9001,", "max_power_w is 9000"),
        ("sources", ",1000,", ",1001,", "share_total is 1000"),
        (
            "shares",
            ",1,600\nsonnendach,roof-4,2026-11-01T00:00:00Z,2,300",
            ",1,300\nsonnendach,roof-4,2026-11-01T00:00:00Z,2,600",
            "other shares hold",
        ),
    ):
        done = await run(store, changed(kind, old, new))
        (problem,) = [problem for problem in done.problems if problem.file == kind]
        assert said in problem.what and "ff" * 32 not in str(problem)
        assert await rows(store) == before


async def test_a_later_revision_of_shares_takes_two_people_not_a_file(store: Store) -> None:
    await with_account(store)
    assert (await run(store, example())).committed
    before = await rows(store)
    files = example()
    files["shares"] = files["shares"].replace("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    done = await run(store, files)
    (problem,) = done.problems
    assert (problem.file, problem.column) == ("shares", "valid_from") and not done.committed
    assert "two people" in problem.what and "proposeShareTable" in problem.remedy
    assert await rows(store) == before


async def test_a_meter_read_at_two_places_is_refused_by_the_database_in_its_row(store: Store) -> None:
    await with_account(store)
    second = "sonnendach,AT0099999900000000000000000000044,Again,production,1-0:2.8.0,\n"
    files = example()
    files["metering_points"] += second
    files["installations"] += (
        "sonnendach,AT0099999900000000000000000000044,60400042,70b3d57ed0060102,2026-11-02T00:00:00Z,1,1\n"
    )
    done = await run(store, files)
    (problem,) = done.problems
    assert (problem.file, problem.row) == ("installations", 4)
    assert "another metering point" in problem.what
    assert set((await rows(store)).values()) == {0}


async def test_without_the_signers_account_key_shares_have_no_address(sqlite_store: Store) -> None:
    (problem,) = (await run(sqlite_store, example())).problems
    assert problem.file == "shares" and "signer xpub" in problem.remedy


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"community,member,name\r\nx,1,\xff", "not UTF-8"),
        (b'community,member,name\n"x,1', "no CSV"),
        (b"\xef\xbb\xbfcommunity;member;name\nsonnendach;1;Anna", ""),
        (b"\x00" * 10, "not known"),
    ],
)
def test_bytes_of_any_kind_give_rows_or_problems(content: bytes, said: str) -> None:
    read = read_file("members", content, COMMUNITY)
    assert [said in problem.what for problem in read.problems[:1]] == ([True] if said else [])
    assert bool(read.rows) is not bool(said)


def test_a_long_file_is_refused_and_a_long_cell_shortened() -> None:
    (problem,) = read_file("members", b"x" * (16 * 1024 * 1024 + 1), COMMUNITY).problems
    assert "import it in parts" in problem.remedy
    (problem,) = read_file("members", f"community,member,name\nsonnendach,1,{'x' * 300}".encode(), COMMUNITY).problems
    assert isinstance(problem, Problem) and len(problem.value) == 80


async def test_the_command_shows_a_table_or_a_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = await new_sqlite_url(tmp_path)
    async with opened(url) as store:
        await with_account(store)
    (tmp_path / "column.key").write_text(COLUMN_KEY.key.hex())
    monkeypatch.setenv("INGEST_DATABASE_URL", url)
    monkeypatch.setenv("INGEST_COLUMN_KEY_FILE", str(tmp_path / "column.key"))
    files = [str(EXAMPLE / f"{kind}.csv") for kind in FILES]
    words = ["import", *files, "--community", COMMUNITY, "--by", "anna"]

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    code, said, _ = await asyncio.to_thread(call, *words, "--dry-run")
    assert code == 0 and "A dry run: 15 rows could be entered, nothing was." in said
    code, said, _ = await asyncio.to_thread(call, *words, "--json")
    assert (code, json.loads(said)["committed"]) == (0, True)
    broken = tmp_path / "devices.csv"
    broken.write_text((EXAMPLE / "devices.csv").read_text().replace(SECRET, SECRET + "00"))
    code, said, _ = await asyncio.to_thread(call, "import", str(broken), "--community", COMMUNITY, "--by", "anna")
    assert code == 3 and "(66 characters, not shown)" in said and SECRET not in said
    for wrong, what in ((EXAMPLE, "no file of an import"), (tmp_path / "meters.csv", "cannot be read")):
        code, _, complaint = await asyncio.to_thread(call, "import", str(wrong), "--community", "x", "--by", "anna")
        assert code == 1 and what in complaint
    code, _, complaint = await asyncio.to_thread(
        call, "import", str(broken), str(EXAMPLE / "devices.csv"), "--community", "x", "--by", "a"
    )
    assert code == 1 and "given twice" in complaint
