"""Numbers of several worker processes, counted together.

prometheus-client then keeps them in files of one folder, which it asks for when it is imported.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from churn_mlops.processes import is_alive

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share_with_siblings() -> None:
    """Let the processes of one server count together, when there are several.

    `churn serve` makes the folder; a worker of plain `uvicorn --workers` finds one that is named
    after its parent and the parent's start, and deletes those of parents that have ended.
    """
    if FOLDER_VARIABLE in os.environ or multiprocessing.parent_process() is None:
        return
    ours = f"churn-api-{os.getuid()}-"
    parent = f"{os.getppid()}-{_started(os.getppid())}"
    place = Path(tempfile.gettempdir())
    for folder in place.glob(f"{ours}*-*"):
        pid, _, started = folder.name.removeprefix(ours).partition("-")
        if pid.isdigit() and _started(int(pid)) != started:
            shutil.rmtree(folder, ignore_errors=True)
    folder = place / f"{ours}{parent}"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ[FOLDER_VARIABLE] = str(folder)


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Siblings:
    """Collects what all processes have counted, also those that have ended; not their gauges.

    Parameters
    ----------
    folder : str
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Any]:
        """The metrics, as prometheus-client's registries ask for them."""
        from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

        for pid in ended(Path(self._folder)):
            mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]
        found: Iterable[Any] = MultiProcessCollector(None, self._folder).collect()  # type: ignore[no-untyped-call]
        return found


def exposed(registry: Any) -> Any:
    """What /metrics shows: one process's own registry, or that of all siblings."""
    from prometheus_client import CollectorRegistry

    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return registry
    together = CollectorRegistry()
    together.register(Siblings(folder))
    return together


def ended(folder: Path) -> set[int]:
    """Processes that left gauges behind but run no more."""
    pids = {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*_*.db")}
    return {pid for pid in pids if not is_alive(pid)}
