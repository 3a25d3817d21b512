"""One process at a time changes a workspace.

The lock is the kernel's, on an open file: it ends with its process, however that ends, so that
none is ever left behind. The file only tells who holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from churn_mlops.errors import WorkspaceBusyError
from churn_mlops.params import Params

# Children (dvc, and the commands that it runs) work under their parent's lock.
HELD_BY = "CHURN_WORKSPACE_LOCK"


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
    """
    path = lock_path(params)
    place = str(path.absolute())
    if os.environ.get(HELD_BY) == place:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkspaceBusyError(
                f"{path} is held: {_holder(path)}",
                fix="wait until it has finished; the lock ends with its process",
            ) from error
        since = datetime.now(UTC).isoformat(timespec="seconds")
        told = json.dumps({"pid": os.getpid(), "what": what, "since": since})
        os.ftruncate(file, 0)
        os.pwrite(file, told.encode(), 0)
        os.environ[HELD_BY] = place
        try:
            yield
        finally:
            del os.environ[HELD_BY]
            os.ftruncate(file, 0)
    finally:
        os.close(file)


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return f"{held['what']} (process {held['pid']}) is at work since {held['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process has just begun"
