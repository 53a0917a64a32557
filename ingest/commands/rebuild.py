"""`rebuild`: readings and interval energies derived again from the frames, compared with the books."""

from typing import Any

from community.runtime.terminal import Terminal, plural
from ingest.books import open_books
from ingest.cli import Options, add_command
from ingest.judging import Judge
from ingest.rebuild import LISTED_MAX, rebuild

EXIT_DIFFERENT = 1


def add_to(commands: Any) -> None:
    """The parser of this command."""
    add_command(
        commands,
        "rebuild",
        "derive readings and interval energies again from the frames and compare them with the books; exit code 1 if they differ",
        _rebuild,
    )


async def _rebuild(_options: Options, out: Terminal) -> int:
    async with open_books() as books:
        judge = Judge(books.column_keys, books.zone, books.boundary_tolerance)
        found = await rebuild(books.store, judge, lambda done, of: out.line(f"{done} of {plural(of, 'frame')}"))
    for difference in found.differences:
        out.line(str(difference))
    if found.different > LISTED_MAX:
        out.line(f"... and {found.different - LISTED_MAX} more")
    out.line(
        f"{plural(found.frames, 'frame')} with evidence, {plural(found.readings, 'reading')} and"
        f" {plural(found.intervals, 'interval energy', 'interval energies')} on the books: "
        + (f"{plural(found.different, 'difference')}" if found.different else "all as the frames say")
    )
    out.document(
        {
            "frames": found.frames,
            "readings": found.readings,
            "intervals": found.intervals,
            "different": found.different,
            "differences": [str(difference) for difference in found.differences],
        }
    )
    return EXIT_DIFFERENT if found.different else 0
