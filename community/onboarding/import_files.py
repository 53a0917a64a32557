"""The files of a bulk import: which columns each has, and reading one with an error for every cell that cannot be read.

One file a kind, named by it (`members.csv`); UTF-8; comma or semicolon; the first row names the columns, in any order.
Every row names its community, so that a file cannot land in another one's books. Empty rows mean nothing; every other
row is either taken or has an error.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from community.onboarding import cells
from community.onboarding.cells import BadCell, Column

SIZE_MAX = 16 * 1024 * 1024
_COMMUNITY = Column("community", cells.text)

FILES: dict[str, tuple[Column, ...]] = {
    "members": (
        _COMMUNITY,
        Column("member", cells.text),
        Column("name", cells.text),
        Column("treasury", cells.yes_or_no, required=False, default=False),
    ),
    "metering_points": (
        _COMMUNITY,
        Column("metering_point", cells.metering_point_code),
        Column("name", cells.text),
        Column("direction", cells.one_of("production", "consumption")),
        Column("settled_obis", cells.obis),
        Column("member", cells.text, required=False),
    ),
    "meters": (
        _COMMUNITY,
        Column("meter", cells.text),
        Column("maker", cells.text),
        Column("model", cells.text),
        Column("registers", cells.registers),
        Column("meter_key", cells.hexadecimal(16), required=False, secret=True),
    ),
    "devices": (
        _COMMUNITY,
        Column("device", cells.eui),
        Column("name", cells.text),
        Column("format", cells.one_of("ecw1", "legacy")),
        Column("profile", cells.profile, required=False),
        Column("secret", cells.hexadecimal(32), required=False, secret=True),
        Column("public_key", cells.public_key, required=False),
        Column("development_key", cells.yes_or_no, required=False, default=False),
        Column("trial", cells.yes_or_no, required=False, default=False),
    ),
    "installations": (
        _COMMUNITY,
        Column("metering_point", cells.metering_point_code),
        Column("meter", cells.text),
        Column("device", cells.eui),
        Column("valid_from", cells.instant),
        Column("valid_to", cells.instant, required=False),
        Column("factor", cells.whole(1, 1_000_000), required=False, default=1),
        Column("max_power_w", cells.whole(1, 2_000_000_000)),
    ),
    "sources": (
        _COMMUNITY,
        Column("source", cells.text),
        Column("name", cells.text),
        Column("source_ref", cells.source_ref),
        Column("technology", cells.text),
        Column("nameplate_w", cells.whole(1, 2_000_000_000)),
        Column("metering_point", cells.metering_point_code),
        Column("share_total", cells.whole(1, 2_000_000_000)),
        Column("opening_register_wh", cells.whole(0)),
        Column("opening_at", cells.boundary),
        Column("settlement_period", cells.one_of("interval", "hour", "day"), required=False, default="interval"),
        Column("evidence_mode", cells.one_of("DEVICE", "ATTESTED"), required=False, default="DEVICE"),
        Column("trial", cells.yes_or_no, required=False, default=False),
        Column("declared_by", cells.text),
        Column("declared_at", cells.instant),
    ),
    "shares": (
        _COMMUNITY,
        Column("source", cells.text),
        Column("valid_from", cells.boundary),
        Column("member", cells.text),
        Column("share_count", cells.whole(1, 2_000_000_000)),
    ),
}
"""In the order in which they are taken in: what a row refers to comes before it."""

KEYS: dict[str, tuple[str, ...]] = {
    "members": ("member",),
    "metering_points": ("metering_point",),
    "meters": ("meter",),
    "devices": ("device",),
    "installations": ("metering_point", "valid_from"),
    "sources": ("source",),
    "shares": ("source", "valid_from", "member"),
}
"""What names a row of each file: it stands there once."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what stands there (masked where it is a secret), what to do. Row 1 is the header."""

    file: str
    row: int
    column: str
    value: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A row whose every cell could be read."""

    file: str
    row: int
    values: Mapping[str, Any]

    def problem(self, column: str, what: str, remedy: str) -> Problem:
        """Something that is wrong with a cell of this row, found later."""
        return Problem(
            self.file, self.row, column, shown(self.file, column, str(self.values.get(column, ""))), what, remedy
        )


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What a file holds, and what is wrong with it. `bad_rows` are those that have a problem."""

    kind: str
    rows: tuple[ImportRow, ...]
    problems: tuple[Problem, ...]
    row_count: int


def shown(kind: str, column: str, value: str) -> str:
    """`value` as an error may show it."""
    if any(known.name == column and known.secret for known in FILES.get(kind, ())):
        return f"({len(value)} characters, not shown)" if value else ""
    return value if len(value) <= 80 else value[:79] + "…"


def read_file(kind: str, content: bytes, community: str) -> ReadFile:
    """The rows of a file of `kind` (a key of FILES) for `community`, and every problem. Raises nothing for any bytes."""
    decoded = _decoded(kind, content)
    if isinstance(decoded, Problem):
        return ReadFile(kind, (), (decoded,), 0)
    header_line = decoded.partition("\n")[0]
    delimiter = ";" if header_line.count(";") > header_line.count(",") else ","
    table = csv.reader(io.StringIO(decoded, newline=""), delimiter=delimiter, strict=True)
    rows: list[ImportRow] = []
    problems: list[Problem] = []
    count = 0
    header: list[str] | None = None
    try:
        for line in table:
            if not any(cell.strip() for cell in line):
                continue
            if header is None:
                header = [cell.strip() for cell in line]
                problems += _header_problems(kind, header)
                if problems:
                    break
                continue
            count += 1
            row = _row(kind, table.line_num, header, line, community)
            if isinstance(row, ImportRow):
                rows.append(row)
            else:
                problems += row
    except csv.Error as error:
        problems.append(
            Problem(
                kind,
                table.line_num,
                "",
                "",
                f"this is no CSV: {error}",
                "close every quote, and save the file as CSV once more",
            )
        )
    if header is None and not problems:
        problems.append(
            Problem(kind, 1, "", "", "the file is empty", "put the names of the columns into its first row")
        )
    once, twice = _once(kind, rows)
    return ReadFile(kind, tuple(once), (*problems, *twice), count)


def _decoded(kind: str, content: bytes) -> str | Problem:
    if len(content) > SIZE_MAX:
        return Problem(
            kind, 0, "", "", f"the file has {len(content)} bytes, more than {SIZE_MAX}", "import it in parts"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        return Problem(kind, row, "", "", "this is not UTF-8 text", "save the file as CSV in UTF-8")


def _header_problems(kind: str, header: list[str]) -> list[Problem]:
    known = {column.name for column in FILES[kind]}
    names = ", ".join(column.name for column in FILES[kind])
    problems = [
        Problem(kind, 1, name, "", "this column is not known", f"the columns are: {names}")
        for name in header
        if name not in known
    ]
    problems += [
        Problem(kind, 1, name, "", "this column stands twice", "keep one of them")
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    problems += [
        Problem(kind, 1, column.name, "", "this column is missing", f"the columns are: {names}")
        for column in FILES[kind]
        if column.required and column.name not in header
    ]
    return problems


def _row(kind: str, number: int, header: list[str], line: list[str], community: str) -> ImportRow | list[Problem]:
    if len(line) != len(header):
        what = f"the row has {len(line)} cells, the header names {len(header)} columns"
        return [Problem(kind, number, "", "", what, "fill or remove cells; quote those that contain the separator")]
    filled = {name: cell.strip() for name, cell in zip(header, line, strict=True)}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for column in FILES[kind]:
        cell = filled.get(column.name, "")
        if not cell:
            values[column.name] = column.default
            if column.required:
                problems.append(Problem(kind, number, column.name, "", "this cell is empty", "fill it"))
            continue
        try:
            values[column.name] = column.read(cell)
        except BadCell as error:
            problems.append(
                Problem(kind, number, column.name, shown(kind, column.name, cell), str(error), error.remedy)
            )
    if values.get("community") not in {None, community}:
        problems.append(
            Problem(
                kind,
                number,
                "community",
                filled["community"],
                f"the import is for {community}",
                "import this row into its own community's books",
            )
        )
    return problems or ImportRow(kind, number, values)


def _once(kind: str, rows: list[ImportRow]) -> tuple[list[ImportRow], list[Problem]]:
    first: dict[tuple[Any, ...], int] = {}
    once: list[ImportRow] = []
    problems: list[Problem] = []
    for row in rows:
        key = tuple(row.values[name] for name in KEYS[kind])
        if key in first:
            problems.append(row.problem(KEYS[kind][0], f"row {first[key]} names the same", "keep one of the two rows"))
        else:
            first[key] = row.row
            once.append(row)
    return once, problems
