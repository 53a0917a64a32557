"""`secrets status|new-key|new-service-key|rotate`: which keys seal the secrets in the database, and sealing them anew."""

from typing import Any

from community.errors import FatalError
from community.runtime.terminal import Terminal, plural
from community.store.column_key_file import add_column_key
from community.store.sealed_rotation import SEALED_COLUMNS, SealedUnder, reseal_some, sealed_under
from ingest.books import Books, open_books, read_books_settings
from ingest.cli import Options, add_command, add_group
from ingest.column_keys import key_service

ROWS_AT_ONCE = 25


def add_to(commands: Any) -> None:
    """The parser of this group."""
    group = add_group(commands, "secrets", "the keys that seal device secrets and meter keys in the database")
    add_command(group, "status", "show how many secrets each key seals, and which keys may go", _status)
    add_command(group, "rotate", "seal every secret anew under the newest key; safe to stop and to repeat", _rotate)
    add_command(
        group,
        "new-key",
        "put a new key in front of those in INGEST_COLUMN_KEY_FILE; ingest reads it by itself",
        _new_key,
    )
    add_command(
        group, "new-service-key", "make the wrapping key in the key service (INGEST_KEY_SERVICE_*)", _new_service_key
    )


async def _status(_options: Options, out: Terminal) -> None:
    async with open_books() as books:
        await _show(books, out, {})


async def _rotate(_options: Options, out: Terminal) -> None:
    async with open_books() as books:
        resealed = 0
        for column in SEALED_COLUMNS:
            while True:
                async with books.store.begin() as work:
                    count = await reseal_some(work, books.column_keys, column, ROWS_AT_ONCE)
                resealed += count
                if count:
                    out.line(f"{plural(resealed, 'secret')} sealed anew ({column.name})")
                else:
                    break
        await _show(books, out, {"resealed": resealed})


async def _show(books: Books, out: Terminal, besides: dict[str, int]) -> None:
    async with books.store.read() as work:
        found = await sealed_under(work)
    keys = [key.id.hex() for key in books.column_keys.keys]
    current = keys[0]
    rows = [(one.key_id or "no key id", one.column, str(one.count), _meaning(one, keys)) for one in found]
    rows += [
        (key, "", "0", "the newest: seals from now on" if key == current else "seals nothing: its line may go")
        for key in keys
        if key not in {one.key_id for one in found}
    ]
    out.table(("key", "secrets", "count", "meaning"), rows, right=(2,))
    left = sum(one.count for one in found if one.key_id != current)
    out.line()
    out.line(
        f"{plural(left, 'secret')} not under the newest key: run `python -m ingest secrets rotate`"
        if left
        else "Every secret is under the newest key."
    )
    out.document(
        {
            "current": current,
            "loaded": keys,
            "sealed": [{"key": one.key_id, "secrets": one.column, "count": one.count} for one in found],
            "left": left,
            **besides,
        }
    )


def _meaning(one: SealedUnder, keys: list[str]) -> str:
    if one.key_id == keys[0]:
        return "the newest"
    if one.key_id is None:
        return "sealed before keys had ids; opened with any loaded key that fits"
    if one.key_id in keys:
        return "older: keep its line until `secrets rotate` is done"
    return "NOT LOADED: put its line back, or these secrets stay closed"


async def _new_key(_options: Options, out: Terminal) -> None:
    settings = read_books_settings(key_file_must_exist=False).column_keys
    key = add_column_key(settings.file, key_service(settings))
    out.line(f"column key {key.id.hex()} is the newest in {settings.file}")
    out.line("Processes that run read it by themselves. Now run `python -m ingest secrets rotate`.")
    out.document({"key": key.id.hex(), "file": str(settings.file), "wrapped": settings.service is not None})


async def _new_service_key(_options: Options, out: Terminal) -> None:
    settings = read_books_settings(key_file_must_exist=False).column_keys
    service = key_service(settings)
    if service is None or settings.service is None:
        raise FatalError("No key service is set: give INGEST_KEY_SERVICE_MODULE, _TOKEN and _PIN_FILE.")
    service.create_key()
    out.line(f"made the AES key {settings.service.key!r} in the token {settings.service.token!r}; it never leaves it")
    out.document({"token": settings.service.token, "key": settings.service.key})
