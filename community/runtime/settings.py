"""Reading a process's settings once, and reporting everything that is wrong with them together."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import overload

from community.errors import FatalError

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class SettingsError(FatalError):
    """The settings cannot be used. Its text lists every problem, one a line."""


def process_environment() -> Mapping[str, str]:
    """The environment of this process: read here and nowhere else."""
    return os.environ


class SettingsReader:
    """Reads variables `PREFIX_NAME` of an environment. Ask for each, then call `finish`.

    A problem is noted and a harmless value returned, so that one start shows all problems.
    """

    def __init__(self, prefix: str, environment: Mapping[str, str] | None = None) -> None:
        self._prefix = prefix
        self._environment = process_environment() if environment is None else environment
        self._problems: list[str] = []
        self._asked: set[str] = set()

    def _raw(self, name: str, default: str | None) -> str | None:
        variable = f"{self._prefix}_{name}"
        self._asked.add(variable)
        value = self._environment.get(variable, "").strip() or self._from_file(variable)
        if value:
            return value
        if default is None:
            self._problems.append(f"{variable} is not set")
        return default

    def _from_file(self, variable: str) -> str:
        """What stands in the file that `VARIABLE_FILE` names: any setting may be a mounted secret, such as a node's address."""
        place = self._environment.get(f"{variable}_FILE", "").strip()
        if not place:
            return ""
        self._asked.add(f"{variable}_FILE")
        try:
            return Path(place).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            self._problems.append(f"{variable}_FILE cannot be read: {getattr(error, 'strerror', None) or error}")
            return "unread"

    def text(self, name: str, default: str | None = None) -> str:
        """A text; required where there is no default."""
        return self._raw(name, default) or ""

    def optional(self, name: str) -> str | None:
        """A text that may be absent."""
        return self._raw(name, "") or None

    def texts(self, name: str, default: str | None = None) -> tuple[str, ...]:
        """Texts separated by commas."""
        return tuple(part.strip() for part in self.text(name, default).split(",") if part.strip())

    def integer(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**63 - 1) -> int:
        """A whole number between `low` and `high`."""
        raw = self._raw(name, None if default is None else str(default))
        if raw is None:
            return low
        try:
            value = int(raw)
        except ValueError:
            self._problems.append(f"{self._prefix}_{name} must be a whole number, not {raw!r}")
            return low
        if not low <= value <= high:
            self._problems.append(f"{self._prefix}_{name} must lie between {low} and {high}, not {value}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Yes or no."""
        raw = (self._raw(name, "yes" if default else "no") or "").lower()
        if raw not in _TRUE | _FALSE:
            self._problems.append(f"{self._prefix}_{name} must be yes or no, not {raw!r}")
        return raw in _TRUE

    @overload
    def path(self, name: str) -> Path: ...
    @overload
    def path(self, name: str, default: str) -> Path: ...
    def path(self, name: str, default: str | None = None) -> Path:
        """A path. It need not exist yet."""
        return Path(self.text(name, default))

    def existing_file(self, name: str) -> Path:
        """The path of a file that exists."""
        path = self.path(name)
        if str(path) != "." and not path.is_file():
            self._problems.append(f"{self._prefix}_{name} names {path}, which is not a file")
        return path

    def secret(self, name: str, *, required: bool = True) -> str | None:
        """The content of the file named by `PREFIX_NAME_FILE`: secrets never stand in the environment itself."""
        raw = self._raw(f"{name}_FILE", None if required else "")
        if not raw:
            return None
        try:
            return Path(raw).read_text().strip()
        except OSError as error:
            self._problems.append(f"{self._prefix}_{name}_FILE cannot be read: {error.strerror or error}")
            return None

    def note(self, problem: str) -> None:
        """Add a problem found by a check of several settings together."""
        self._problems.append(problem)

    def finish(self) -> None:
        """Raise SettingsError if anything was wrong, also for variables with our prefix that nobody asked for."""
        unknown = sorted(
            name for name in self._environment if name.startswith(f"{self._prefix}_") and name not in self._asked
        )
        problems = self._problems + [f"{name} is no setting of this process: is it misspelt?" for name in unknown]
        if problems:
            raise SettingsError("The settings cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
