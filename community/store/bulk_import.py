"""A bulk import in one unit of work: every row is entered, or is there already as it says, or has an error. All or nothing."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from community.ids import named_id
from community.onboarding.import_files import FILES, ImportRow, Problem, ReadFile
from community.store import audit
from community.store.bulk_import_rows import ENTER, BadReference, Differs, Entering, enter_shares
from community.store.onboarding import Told
from community.store.savepoints import RowRefused, savepoint
from community.store.sealed_columns import ColumnSeal
from community.store.unit_of_work import Store, Work

ConfigHash = Callable[[bytes, Sequence[str], Sequence[int]], str]
"""From a device's public key, the holders' addresses and their share counts to the hash that the contract commits to."""


@dataclass(slots=True)
class Imported:
    """What an import did, or would have done: rows entered and found unchanged by file, and every problem."""

    entered: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    committed: bool = False


class _TakenBack(Exception):
    """Rolls the unit of work back."""


async def import_files(
    store: Store,
    files: Mapping[str, ReadFile],
    column_key: ColumnSeal,
    config_hash: ConfigHash,
    told: Told,
    now: datetime,
    *,
    dry_run: bool,
) -> Imported:
    """Enter every row of `files`, or none if one has a problem or it is a dry run. Raises StoreUnavailable.

    A dry run does everything in the database too and takes it back: what it accepts, the import accepts.
    """
    done = Imported(problems=[problem for kind in FILES if kind in files for problem in files[kind].problems])
    try:
        async with store.begin() as work:
            entering = Entering(work, column_key, config_hash, told, now, _bad_keys(files))
            for kind in FILES:
                if kind in files:
                    await _enter_file(entering, files[kind], done)
            if done.problems or dry_run:
                raise _TakenBack
            await _note(work, done, told, now)
    except _TakenBack:
        return done
    done.committed = True
    return done


async def _enter_file(entering: Entering, file: ReadFile, done: Imported) -> None:
    if file.kind == "shares":
        groups: dict[tuple[str, datetime], list[ImportRow]] = {}
        for row in file.rows:
            groups.setdefault((row.values["source"], row.values["valid_from"]), []).append(row)
        for key in sorted(groups):
            rows = groups[key]

            async def enter_group(rows: list[ImportRow] = rows) -> bool:
                return await enter_shares(entering, rows)

            await _enter(entering.work, rows, enter_group, done)
        return
    enter = ENTER[file.kind]
    for row in file.rows:

        async def enter_row(row: ImportRow = row) -> bool:
            return await enter(entering, row)

        await _enter(entering.work, [row], enter_row, done)


async def _enter(work: Work, rows: list[ImportRow], enter: Callable[[], Awaitable[bool]], done: Imported) -> None:
    first = rows[0]
    try:
        async with savepoint(work):
            new = await enter()
    except BadReference as error:
        done.problems.append((error.row or first).problem(error.column, error.what, error.remedy))
    except Differs as error:
        done.problems.append(
            first.problem(
                error.column,
                f"it is on the books already with other values: {error.what}",
                "correct the row, or leave it out",
            )
        )
    except RowRefused as error:
        done.problems.append(first.problem("", _sentence(str(error)), "correct the row: the database keeps this rule"))
    except ValueError as error:
        done.problems.append(first.problem("", str(error), "correct the row"))
    else:
        (done.entered if new else done.unchanged)[first.file] += len(rows)


def _bad_keys(files: Mapping[str, ReadFile]) -> frozenset[str]:
    """Files some of whose rows are wrong: what refers to one may be missing because of that."""
    return frozenset(kind for kind, file in files.items() if file.problems)


def _sentence(refusal: str) -> str:
    """The database's words without the statement and its parameters: those may hold what is secret."""
    return refusal.split("\n", maxsplit=1)[0].split("DETAIL", maxsplit=1)[0][:200]


async def _note(work: Work, done: Imported, told: Told, now: datetime) -> None:
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(done.entered.items())) or "nothing new"
    await audit.record(
        work,
        actor=told.actor,
        command="bulk_import",
        subject=named_id("imp", told.idempotency_key),
        reason=f"{counts}: {told.reason}",
        idempotency_key=told.idempotency_key,
        now=now,
    )
