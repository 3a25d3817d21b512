"""What a process uses together with all that it starts: memory, processor time, bytes, disk.

Read from /proc four times a second, so that also Java and Python workers of a cluster count, which
are no children of the measured process. What is counted:

- memory: resident bytes (RSS) summed over the processes of one moment, the largest such sum. Pages
  that several processes share count in each; between two looks a peak can be missed.
- bytes read and written (`rchar` and `wchar` of /proc/PID/io): what went through read() and
  write() and their kin, from the page cache, disks, pipes and sockets alike. This is what the
  program asked for, whatever the kernel already had in memory.
- storage read and written (`read_bytes` and `write_bytes`): what really came from or went to a
  block device for these processes. After a run in a warm page cache the first is near zero.
- scratch: the largest sum of bytes on disk below given folders, where an engine spills.

The kernel adds the counters of a child that was waited for to its parent's. A process that has
disappeared therefore counts on its own only if its parent had disappeared as well.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

EVERY_SECONDS = 0.25
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
COUNTED = ("rchar", "wchar", "read_bytes", "write_bytes", "cpu_seconds")
# A number can come again: a process is its number and the moment of its start.
Key = tuple[int, int]


@dataclass(frozen=True)
class Process:
    """One process at one moment."""

    key: Key
    parent: int
    name: str
    resident: int
    counters: dict[str, float]


@dataclass(frozen=True)
class Usage:
    """Of a finished process and all that belongs to it; bytes, seconds.

    `own_bytes_read` are those of the process and its children, without what others did for it;
    `others_python_bytes` is the peak of the others' Python processes alone.
    """

    exit_code: int
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    others_python_bytes: int
    own_bytes_read: int
    bytes_read: int
    bytes_written: int
    storage_bytes_read: int
    storage_bytes_written: int
    scratch_peak_bytes: int


def look(pid: int) -> Process | None:
    """One process now; nothing if it is gone."""
    folder = Path("/proc") / str(pid)
    try:
        name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        told = dict(line.split(": ") for line in (folder / "io").read_text().splitlines())
    except OSError:
        return None
    stat = rest.split()
    counters = {name: float(told[name]) for name in COUNTED[:-1]}
    # Its own time and that of the children it has waited for, as with the bytes.
    counters["cpu_seconds"] = sum(int(ticks) for ticks in stat[11:15]) / TICK
    key = (pid, int(stat[19]))
    return Process(key, int(stat[1]), name, int(stat[21]) * PAGE, counters)


def parents() -> dict[int, int]:
    """Every process's parent."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path("/proc", name, "stat").read_text()
            except OSError:
                continue
            found[int(name)] = int(stat.rsplit(")", 1)[1].split()[1])
    return found


def descendants(roots: Iterable[int], above: dict[int, int]) -> set[int]:
    """The roots and all below them."""
    below: dict[int, list[int]] = {}
    for pid, parent in above.items():
        below.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = [pid for pid in roots if pid in above]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += below.get(pid, [])
    return found


@dataclass
class Tree:
    """The processes below some roots, also those that have lost their parents meanwhile."""

    roots: set[int]
    seen: dict[Key, Process] = field(default_factory=dict)
    before: dict[Key, dict[str, float]] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0.0))

    def look(self) -> None:
        """Bring it up to date."""
        again = [look(pid) for pid, _ in self.seen]
        known = {process.key[0] for process in again if process and process.key in self.seen}
        found = [look(pid) for pid in descendants(self.roots | known, parents())]
        now = {process.key: process for process in found if process}
        alive = {key[0] for key in now}
        for key, process in self.seen.items():
            if key not in now and process.parent not in alive:
                for name, value in self._since(process).items():
                    self.ended[name] += value
        self.seen = now

    def resident(self, name: str = "") -> int:
        """Bytes in memory at the last look, of processes whose names begin so."""
        return sum(p.resident for p in self.seen.values() if p.name.startswith(name))

    def begin(self) -> None:
        """Count from now on, not what the processes did before."""
        self.look()
        self.before = {key: process.counters for key, process in self.seen.items()}

    def total(self) -> dict[str, float]:
        """What was used since it began."""
        used = dict(self.ended)
        for process in self.seen.values():
            for name, value in self._since(process).items():
                used[name] += value
        return used

    def _since(self, process: Process) -> dict[str, float]:
        earlier = self.before.get(process.key, {})
        return {name: value - earlier.get(name, 0.0) for name, value in process.counters.items()}


def on_disk(folders: Iterable[Path]) -> int:
    """Bytes on disk below folders, some of which may just be vanishing."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(place, name)).st_blocks * 512
                except FileNotFoundError:
                    continue
    return total


def measured(
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    out: Path,
    others: Iterable[int] = (),
    scratch: Callable[[], Iterable[Path]] = tuple,
    limit_seconds: float = threading.TIMEOUT_MAX,
) -> Usage:
    """Run a command to its end and measure it.

    Parameters
    ----------
    command : list of str
    folder : Path
        Where it runs.
    environment : dict of str to str
        The whole of it.
    out : Path
        Gets its standard output; beside it, ending in ``.err``, its standard error.
    others : iterable of int
        Processes that run already and work for it: their memory counts, and what they do from now.
    scratch : callable
        The folders, asked for at every look, whose size on disk is watched.
    limit_seconds : float
        After so long it is killed.
    """
    own, helping = Tree(set()), Tree(set(others))
    helping.begin()
    over = threading.Event()

    def watch() -> tuple[int, int, int]:
        peaks = (0, 0, 0)
        while True:
            own.look()
            helping.look()
            both = own.resident() + helping.resident()
            now = (both, helping.resident("python"), on_disk(scratch()))
            peaks = tuple(map(max, peaks, now))
            if over.wait(EVERY_SECONDS):
                return peaks

    with (
        ThreadPoolExecutor(1) as watcher,
        out.open("wb") as written,
        out.with_suffix(".err").open("wb") as errors,
    ):
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=written, stderr=errors
        )
        own.roots.add(process.pid)
        limit = threading.Timer(limit_seconds, process.kill)
        limit.daemon = True
        limit.start()
        watching = watcher.submit(watch)
        try:
            # Not reaped yet: a process that has ended keeps its counters until it is.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            seconds = time.perf_counter() - started
            over.set()
            memory, python, scratch_peak = watching.result()
            own.look()
            helping.look()
        finally:
            over.set()
            limit.cancel()
            process.kill()
            process.wait()
    alone, helped = own.total(), helping.total()
    used = {name: alone[name] + helped[name] for name in COUNTED}
    return Usage(
        exit_code=process.returncode,
        seconds=seconds,
        cpu_seconds=used["cpu_seconds"],
        peak_memory_bytes=memory,
        others_python_bytes=python,
        own_bytes_read=int(alone["rchar"]),
        bytes_read=int(used["rchar"]),
        bytes_written=int(used["wchar"]),
        storage_bytes_read=int(used["read_bytes"]),
        storage_bytes_written=int(used["write_bytes"]),
        scratch_peak_bytes=scratch_peak,
    )
