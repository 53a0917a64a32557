"""What processes cost: CPU seconds and the most memory of a tree of them, read from /proc."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_S = 0.05


@dataclass(slots=True)
class Costs:
    """CPU seconds of a tree of processes since the watch began, and its memory in MB over the time."""

    cpu_s: float = 0.0
    memory_mb: list[float] = field(default_factory=list)

    @property
    def peak_mb(self) -> float:
        return max(self.memory_mb, default=0.0)

    @property
    def growth(self) -> float:
        """The peak of the second half over that of the first: 1.0 where memory is flat."""
        half = len(self.memory_mb) // 2
        return max(self.memory_mb[half:], default=1.0) / max(self.memory_mb[:half] or [1.0])


@contextmanager
def watched(pid: int) -> Iterator[Costs]:
    """The costs of `pid` and everything it starts while the block runs. Children that have ended are counted."""
    costs, stop = Costs(), threading.Event()
    began_s = _cpu_s(pid)

    def watch() -> None:
        while not stop.wait(_EVERY_S):
            costs.cpu_s = max(costs.cpu_s, _cpu_s(pid) - began_s)
            resident = sum(_resident_mb(one) for one in _tree(pid))
            if resident:
                costs.memory_mb.append(resident)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield costs
    finally:
        stop.set()
        thread.join()
        costs.cpu_s = max(costs.cpu_s, _cpu_s(pid) - began_s)


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _tree(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def _cpu_s(pid: int) -> float:
    """Of the whole tree; what ended children used stands with their parents."""
    return sum(sum(map(int, stat[11:15])) for one in _tree(pid) if (stat := _stat(one))) / _TICKS


def _resident_mb(pid: int) -> float:
    """Private memory: the pages that PostgreSQL's processes share are not counted once for each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
