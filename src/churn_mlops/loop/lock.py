"""One process at a time changes a workspace.

The lock is the kernel's, on an open file: it ends with its process, however that ends, so that
none is ever left behind. The file only tells who holds it. What works under the lock may be given
the open file (`subprocess.Popen` with ``close_fds=False``) and holds it then after a killed parent.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from churn_mlops.errors import ChurnError, WorkspaceBusyError
from churn_mlops.params import Params
from churn_mlops.processes import is_alive

# Children (dvc, and the commands that it runs) work under their parent's lock.
HELD_BY = "CHURN_WORKSPACE_LOCK"
ORPHANS_SECONDS = 60.0
"""So long is waited for what a killed holder had started."""

log = structlog.get_logger()


def lock_path(params: Params) -> Path:
    """Where the lock lies."""
    return Path(params.paths.artifacts) / ".lock"


@contextmanager
def workspace_lock(params: Params, what: str) -> Iterator[None]:
    """Hold the workspace; a process that was started by the holder may go in as well.

    Parameters
    ----------
    params : Params
    what : str
        What the holder does, for those who find it locked.

    Raises
    ------
    WorkspaceBusyError
        Somebody else holds it; says who, and since when.
    ChurnError
        The file cannot be opened.
    """
    path = lock_path(params)
    place = str(path.absolute())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ChurnError(
            f"the workspace cannot be locked: {error}",
            fix="make sure that this user may write to it",
        ) from error
    try:
        if not _taken(file):
            if os.environ.get(HELD_BY) == place:
                yield
                return
            _wait_for_orphans(file, path)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        told = json.dumps({"pid": os.getpid(), "what": what, "since": since})
        os.ftruncate(file, 0)
        os.pwrite(file, told.encode(), 0)
        os.environ[HELD_BY] = place
        os.set_inheritable(file, True)
        try:
            yield
        finally:
            del os.environ[HELD_BY]
            os.ftruncate(file, 0)
            # For those, too, who have inherited it: all of ours that is at work has ended.
            fcntl.flock(file, fcntl.LOCK_UN)
    finally:
        os.close(file)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_orphans(file: int, path: Path) -> None:
    """Take a lock that outlives its holder for a moment: what it has started is ending.

    Raises
    ------
    WorkspaceBusyError
        The holder is alive, or what it has started does not end.
    """
    until, told = time.monotonic() + ORPHANS_SECONDS, False
    while True:
        held = _held(path)
        orphaned = held is not None and not is_alive(int(held["pid"]))
        if not orphaned or time.monotonic() > until:
            raise WorkspaceBusyError(
                f"{path} is held: {_words(held, orphaned)}",
                fix="wait until it has finished; the lock ends with its process",
            )
        if not told:
            log.info("waiting for the workspace", held_by=_words(held, orphaned))
            told = True
        time.sleep(0.05)
        if _taken(file):
            return


def _words(held: dict[str, Any] | None, orphaned: bool) -> str:
    if held is None:
        return "another process has just begun"
    words = f"{held['what']} (process {held['pid']}) is at work since {held['since']}"
    return f"{words}; it was killed, what it had started has not ended" if orphaned else words


def _held(path: Path) -> dict[str, Any] | None:
    """What the holder tells of itself."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return {"pid": int(body["pid"]), "what": body["what"], "since": body["since"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
