"""`import FILES`: a community's members, places, meters, devices and shares from CSV files, all of them or none."""

from pathlib import Path
from typing import Any

from community.errors import FatalError
from community.ids import digest_of, named_id
from community.onboarding.import_files import FILES, Problem, ReadFile, read_file
from community.runtime.system_clock import SystemClock
from community.runtime.terminal import Terminal, plural
from community.store.bulk_import import Imported, import_files
from community.store.onboarding import Told
from contracts.values import config_hash
from ingest.books import open_books
from ingest.cli import EXIT_FOUND_WRONG, Options, add_command


def add_to(commands: Any) -> None:
    """The parser of this command."""
    parser = add_command(
        commands,
        "import",
        "enter members, metering points, meters, devices, installations, sources and shares from CSV files "
        "(docs/bulk-import.md); nothing is entered unless every row can be",
        _import,
    )
    parser.add_argument(
        "files", nargs="+", type=Path, help=f"each named by what is in it: {', '.join(f'{kind}.csv' for kind in FILES)}"
    )
    parser.add_argument("--community", required=True, help="the community; every row must name it too")
    parser.add_argument("--dry-run", action="store_true", help="do everything, show it, and take it back")
    parser.add_argument("--by", required=True, metavar="WHO", help="who imports: it stands in the audit trail")
    parser.add_argument("--reason", default="bulk import", metavar="WHY", help="why: it stands in the audit trail")


async def _import(options: Options, out: Terminal) -> int:
    contents = _contents(options.files)
    read = {kind: read_file(kind, content, options.community) for kind, content in contents.items()}
    now = SystemClock().now()
    digests = [digest_of(contents[kind]) for kind in sorted(contents)]
    told = Told(options.by, options.reason, named_id("imp", options.community, *digests, now.isoformat()))
    async with open_books() as books:
        done = await import_files(books.store, read, books.column_keys, config_hash, told, now, dry_run=options.dry_run)
    _tell(out, read, done, dry_run=options.dry_run)
    return EXIT_FOUND_WRONG if done.problems else 0


def _contents(paths: list[Path]) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for path in paths:
        if path.suffix.lower() != ".csv" or path.stem not in FILES:
            known = ", ".join(f"{kind}.csv" for kind in FILES)
            raise FatalError(f"{path.name} is no file of an import: they are called {known}.")
        if path.stem in contents:
            raise FatalError(f"{path.name} is given twice.")
        try:
            contents[path.stem] = path.read_bytes()
        except OSError as error:
            raise FatalError(f"{path} cannot be read: {error.strerror}.") from error
    return contents


def _tell(out: Terminal, read: dict[str, ReadFile], done: Imported, *, dry_run: bool) -> None:
    out.table(
        ("file", "rows", "new", "unchanged", "wrong"),
        [
            (
                f"{kind}.csv",
                str(file.row_count),
                str(done.entered[kind]),
                str(done.unchanged[kind]),
                str(sum(problem.file == kind for problem in done.problems)),
            )
            for kind, file in read.items()
        ],
        right=(1, 2, 3),
    )
    if done.problems:
        out.line()
        out.table(
            ("file", "row", "column", "value", "what is wrong -> what to do"),
            [(one.file, str(one.row), one.column, one.value, f"{one.what} -> {one.remedy}") for one in done.problems],
            right=(1,),
        )
    out.line()
    out.line(_end(done, dry_run=dry_run))
    out.document(
        {
            "committed": done.committed,
            "dry_run": dry_run,
            "rows": {kind: file.row_count for kind, file in read.items()},
            "entered": dict(done.entered),
            "unchanged": dict(done.unchanged),
            "problems": [_as_document(problem) for problem in done.problems],
        }
    )


def _end(done: Imported, *, dry_run: bool) -> str:
    if done.problems:
        return f"Nothing was entered: {plural(len(done.problems), 'problem')} to put right first."
    count = plural(done.entered.total(), "row")
    return f"A dry run: {count} could be entered, nothing was." if dry_run else f"{count} entered."


def _as_document(problem: Problem) -> dict[str, str | int]:
    return {
        "file": problem.file,
        "row": problem.row,
        "column": problem.column,
        "value": problem.value,
        "what": problem.what,
        "remedy": problem.remedy,
    }
