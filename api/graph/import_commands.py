"""Entering a community from CSV: all rows or none, with a dry run and a problem for each cell that is wrong."""

from enum import Enum
from typing import Annotated

import strawberry

from api.errors import BAD_REQUEST, Refused
from api.graph.carrying_out import KEY_TAKEN, CommandInput, Problem, checked_text, told_of
from api.graph.projection import Info, projected
from community.ids import named_id
from community.onboarding import import_files as files
from community.store import audit
from community.store.bulk_import import Imported, import_files
from community.store.sealed_columns import ColumnSeal
from contracts.values import config_hash


@strawberry.enum
class ImportKind(Enum):
    """What is in a file, in the order in which files are taken in."""

    MEMBERS = "members"
    METERING_POINTS = "metering_points"
    METERS = "meters"
    DEVICES = "devices"
    INSTALLATIONS = "installations"
    SOURCES = "sources"
    SHARES = "shares"


@strawberry.input
class ImportFile:
    """One file: what is in it, and its text."""

    kind: ImportKind = strawberry.field(description="What is in it.")
    content: str = strawberry.field(description="CSV with a header row, as docs/bulk-import.md says.")


@strawberry.type
class ImportProblem:
    """One thing that is wrong in a file. Row 1 is the header."""

    file: str
    row: int
    column: str
    value: str
    what: str
    remedy: str


@strawberry.type
class ImportCount:
    """Rows of one file."""

    file: str
    rows: int
    entered: int
    unchanged: int


@strawberry.type
class ImportDone:
    """What was done, or in a dry run would be. With any problem nothing was entered."""

    committed: bool
    counts: list[ImportCount]
    problems: list[ImportProblem]


ImportResult = Annotated[ImportDone | Problem, strawberry.union("ImportResult")]


class NoColumnKey:
    """Stands for the key of secrets where this process has none."""

    def seal(self, secret: bytes, purpose: str) -> bytes:  # noqa: ARG002
        raise ValueError(_NO_KEY)

    def unseal(self, sealed: bytes, purpose: str) -> bytes:  # noqa: ARG002
        raise ValueError(_NO_KEY)


_NO_KEY = (
    "this API has no key for secrets. Leave the cell empty and import it by `python -m ingest import`, or set "
    "API_COLUMN_KEY_FILE"
)


@strawberry.type
class ImportCommands:
    """Bulk import."""

    @strawberry.mutation
    async def import_files(
        self, info: Info, community: str, given: Annotated[list[ImportFile], strawberry.argument(name="files")],
        command: CommandInput, dry_run: bool = True,
    ) -> ImportResult:  # fmt: skip
        """Enter every row of all files, or none. A dry run does everything in the database too and takes it back."""
        told, name = told_of(info, command), checked_text("community", community)
        kinds = [each.kind.value for each in given]
        if not kinds or len(set(kinds)) < len(kinds):
            raise Refused(BAD_REQUEST, "Give at least one file, and each kind of file once.")
        await info.context.refresh()
        async with info.context.store.read() as work:
            before = await audit.entry_with(work, told.idempotency_key)
        subject = named_id("imp", told.idempotency_key)
        if before is not None and (before.actor, before.command, before.subject) != (
            told.actor,
            "bulk_import",
            subject,
        ):
            return KEY_TAKEN
        read = {
            kind: files.read_file(kind, each.content.encode(), name) for kind, each in zip(kinds, given, strict=True)
        }
        seal: ColumnSeal = info.context.options.column_keys or NoColumnKey()
        now = info.context.clock.now()
        done = await import_files(info.context.store, read, seal, config_hash, told, now, dry_run=dry_run)
        await info.context.refresh()
        return _done(done, read)


def _done(done: Imported, read: dict[str, files.ReadFile]) -> ImportDone:
    return ImportDone(
        committed=done.committed,
        counts=[
            ImportCount(file=kind, rows=file.row_count, entered=done.entered[kind], unchanged=done.unchanged[kind])
            for kind, file in read.items()
        ],
        problems=[projected(ImportProblem, each) for each in done.problems],
    )
