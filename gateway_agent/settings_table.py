"""One table of the configuration file: typed values out of it, and every fault noted with its line and its remedy."""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from community.errors import FatalError
from gateway_agent.settings_lines import Key, line_of

_CREDENTIALS = "CREDENTIALS_DIRECTORY"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of the file. Secrets are never part of it."""

    line: int | None
    key: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        stop = " " if self.what.endswith("?") else ". "
        return f"{where}{self.what}{stop + self.remedy if self.remedy else ''}"


class SettingsError(FatalError):
    """The configuration file cannot be used. Its text lists every problem, one a line."""

    def __init__(self, text: str, problems: Iterable[Problem] = ()) -> None:
        self.problems = sorted(problems, key=lambda each: each.line or 0)
        count = f": {len(self.problems)} problem{'s' if len(self.problems) > 1 else ''}" if self.problems else ""
        super().__init__("".join([text, count, *(f"\n  - {each}" for each in self.problems)]))


@dataclass(slots=True)
class Notes:
    """The file as a whole: where it lies, the line of each key, and what was found wrong."""

    directory: Path
    lines: Mapping[Key, int]
    problems: list[Problem] = field(default_factory=list)
    secret_files: list[Path] = field(default_factory=list)
    """Files that hold a secret and were read."""


class Table:
    """A table of the file that remembers which keys were asked for and notes problems."""

    def __init__(self, at: Key, content: Mapping[str, Any], notes: Notes) -> None:
        self._at = at
        self._content = content
        self._notes = notes
        self._asked: dict[str, None] = {}
        self._children: list[Table] = []

    @property
    def name(self) -> str:
        """As a person writes it: `meter.transport`."""
        return ".".join(str(part) for part in self._at if isinstance(part, str))

    def note(self, problem: str, *, key: str | None = None, remedy: str = "") -> None:
        """A fault of `key` in this table, or of the table itself."""
        at = self._at if key is None else (*self._at, key)
        full = ".".join(str(part) for part in at if isinstance(part, str))
        begins_with_key = key is not None and problem.startswith(key)
        what = full.removesuffix(key or "") + problem if begins_with_key else f"{full + ': ' if full else ''}{problem}"
        self._notes.problems.append(Problem(line_of(at, self._notes.lines), full, what, remedy))

    def has(self, key: str) -> bool:
        return key in self._content

    def table(self, key: str) -> "Table":
        content = self._get(key, {})
        if not isinstance(content, dict):
            self.note(f"{key} must be a table", key=key, remedy=f"Write [{self._dotted(key)}] and its keys below it")
            content = {}
        child = Table((*self._at, key), content, self._notes)
        self._children.append(child)
        return child

    def tables(self, key: str) -> list["Table"]:
        content = self._get(key, [])
        if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
            self.note(f"{key} must be written as [[{key}]]", key=key, remedy="Double the brackets")
            content = []
        children = [Table((*self._at, key, number), each, self._notes) for number, each in enumerate(content)]
        self._children += children
        return children

    def text(self, key: str, default: str | None = None, *, example: str = "...") -> str:
        value = self._get(key, default)
        if not isinstance(value, str) or not value:
            problem = f"{key} is missing" if value is None else f"{key} must be a text"
            below = f" below [{self.name}]" if self.name else ""
            self.note(
                problem, key=key, remedy=f'Add {key} = "{example}"{below}' if value is None else "Put it in quotes"
            )
            return ""
        return value

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def choice(self, key: str, default: str | None, allowed: tuple[str, ...]) -> str:
        """One of `allowed`, or "" after noting the fault."""
        value = self.text(key, default, example=allowed[0])
        if value and value not in allowed:
            known = f"{' and '.join(allowed)} {'are' if len(allowed) > 1 else 'is'}"
            self.note(f"{key} {value!r} is not known; {known}", key=key, remedy=nearest(value, allowed))
            return ""
        return value

    def integer(self, key: str, default: int | None, *, low: int, high: int) -> int:
        value = self._get(key, default)
        if type(value) is not int or not low <= value <= high:
            found = "is missing" if value is None else f"must be a whole number from {low} to {high}, not {value!r}"
            below = f" below [{self.name}]" if self.name else ""
            remedy = f"Add {key} = a whole number from {low} to {high}{below}" if value is None else ""
            self.note(f"{key} {found}", key=key, remedy=remedy)
            return low
        return value

    def flag(self, key: str) -> bool:
        value = self._get(key, False)
        if not isinstance(value, bool):
            self.note(f"{key} must be true or false", key=key, remedy="Without quotes")
        return value is True

    def path(self, key: str) -> Path:
        return self._notes.directory / self.text(key)

    def optional_path(self, key: str) -> Path | None:
        return self.path(key) if self.has(key) else None

    def hexadecimal(self, key: str, size: int) -> bytes:
        return self._hex_of(key, self.text(key, example="0" * 2 * size), size)

    def secret_path(self, key: str) -> Path:
        """The file that `key` names. A relative one is looked for among systemd's credentials first.

        LoadCredential=secrets:DIRECTORY hands over DIRECTORY/pin under the name secrets_pin.
        """
        name = self.text(key, example="file-name")
        credentials = os.environ.get(_CREDENTIALS)  # noqa: TID251 - systemd hands files over by this variable alone
        if credentials and not name.startswith("/") and name:
            handed_over = Path(credentials) / name.replace("/", "_")
            if handed_over.is_file():
                return handed_over
        return self._notes.directory / name

    def secret_text(self, key: str) -> str:
        path = self.secret_path(key)
        if not self._content.get(key):
            return ""
        try:
            text = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            self.note(
                f"{key} names {self._content[key]}, which cannot be read: {reason}",
                key=key,
                remedy=f"Create {path} and let only this program's user read it (chmod 600)",
            )
            return ""
        self._notes.secret_files.append(path)
        return text

    def secret_hex(self, key: str, size: int) -> bytes:
        return self._hex_of(key, self.secret_text(key), size)

    def tolerate_all(self) -> None:
        """What is in this table cannot be judged, because of a fault that is noted already."""
        self._asked |= dict.fromkeys(self._content)

    def refuse_unknown(self) -> None:
        """Note every key that nobody asked for, here and below."""
        for key in sorted(set(self._content) - set(self._asked)):
            remedy = nearest(key, self._asked) or "Remove it"
            self.note(f"{key} is no setting: is it misspelt?", key=key, remedy=remedy)
        for child in self._children:
            child.refuse_unknown()

    def _dotted(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def _get(self, key: str, default: Any) -> Any:
        self._asked[key] = None
        return self._content.get(key, default)

    def _hex_of(self, key: str, text: str, size: int) -> bytes:
        try:
            value = bytes.fromhex(text)
        except ValueError:
            value = b""
        if len(value) != size:
            if text:  # what is missing or unreadable was noted already; the value itself is never shown
                self.note(
                    f"{key} must hold {2 * size} hexadecimal digits",
                    key=key,
                    remedy=f"It holds {len(text)} characters"
                    if len(text) != 2 * size
                    else "It holds other characters than 0-9 and a-f",
                )
            return bytes(size)
        return value


def nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f"Did you mean {near[0]}?" if near else ""
