"""Where everything of the demo lies in its folder, and on which ports it listens."""

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from community.errors import FatalError


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one demo. Deleting the folder is the whole clean-up."""

    root: Path
    folder: Path
    books_url: str | None = None
    """Where the books are, if not in a file of the folder."""

    @property
    def database(self) -> Path:
        return self.folder / "community.db"

    @property
    def web(self) -> Path:
        """The built web application: tools.prepare puts it there. Where it is missing, only GraphQL is served."""
        return self.root / "frontend" / "dist"

    @property
    def graphiql(self) -> Path:
        """GraphiQL as built, for developers."""
        return self.root / "frontend" / "dist-graphiql"

    @property
    def database_url(self) -> str:
        return self.books_url or f"sqlite:///{self.database}"

    @property
    def signer(self) -> Path:
        return self.folder / "signer"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def gateways(self) -> Path:
        return self.folder / "gateways"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def chain_state(self) -> Path:
        return self.folder / "chain.json"

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    @property
    def facts(self) -> Path:
        """Written last by the set-up: while it is missing, the folder holds nothing worth keeping."""
        return self.folder / "facts.json"

    @property
    def lock(self) -> Path:
        """Held by the demo that runs in this folder."""
        return self.folder / "lock"

    @property
    def storage(self) -> Path:
        """What the simulated network server keeps for its Storage Integration."""
        return self.folder / "uplinks.db"

    def gateway(self, key: str) -> Path:
        """The folder of one gateway."""
        return self.gateways / key

    def spool(self, key: str) -> Path:
        """The spool of one gateway."""
        return self.gateway(key) / "spool.db"

    def line(self, key: str) -> Path:
        """The serial line at which a meter or modem of a site answers."""
        return self.gateway(key) / "line"

    @property
    def modem(self) -> Path:
        return self.gateways / "modem"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the loopback interface."""

    page: int
    broker: int
    chain: int
    plant_meter: int
    storage: int

    @classmethod
    def free(cls, page: int) -> "Ports":
        """`page` where it is given and free, any free port for the rest. Raises FatalError if `page` is in use."""
        if page and not _is_free(page):
            raise FatalError(
                f"Port {page} is in use by another program. Stop that one, or choose another: make demo PORT=8001"
            )
        taken = [_bound(page), *(_bound(0) for _ in range(4))]
        numbers = [int(probe.getsockname()[1]) for probe in taken]
        for probe in taken:
            probe.close()
        return cls(*numbers)


def _bound(port: int) -> socket.socket:
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        raise
    return probe


def _is_free(port: int) -> bool:
    try:
        _bound(port).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Facts:
    """What the set-up decided and every later start must know."""

    chain_id: int
    token: str
    issuer: str
    settler: str
    start_block: int
    source_ref: str
    secure_element: str
    operator_key: str
    auditor_key: str
    member_key: str
    replay_start: int

    def save(self, path: Path) -> None:
        """Write in one step: the file is complete or absent."""
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Facts | None":
        """The facts of an earlier set-up; None where there was none. Raises FatalError if they are unreadable."""
        if not path.exists():
            return None
        try:
            return cls(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise FatalError(f"{path} cannot be read ({error}). Begin anew with: make demo RESET=1") from error
