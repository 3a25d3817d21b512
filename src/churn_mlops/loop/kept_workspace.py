"""A workspace that lies in a bucket between jobs, so that any machine can do the next one.

A job brings data, artifacts and ``dvc.lock`` here, works, and puts back what has changed. Code and
pipeline are laid out beside them; DVC's cache stays away, since the outputs are here themselves.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import structlog

from churn_mlops.errors import BackupError, TrackingError, WorkspaceBusyError
from churn_mlops.files import file_digest
from churn_mlops.loop.lease import WAIT_SECONDS, lease
from churn_mlops.loop.lock import workspace_lock
from churn_mlops.loop.state_store import Snapshot, Store
from churn_mlops.params import Params
from churn_mlops.registry.catch_up import catch_up
from churn_mlops.registry.champion import current_champion
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.registry.shared_list import is_shared

LOCK_FILE = "dvc.lock"
SNAPSHOTS = 14

log = structlog.get_logger()


@contextmanager
def kept_workspace(params: Params, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Work on the workspace of ``jobs.workspace``, or on what is here when that is null.

    What is here when the work has returned is put back. Of work that ends by an exception or is
    killed nothing is, and the next one begins where it began.

    Parameters
    ----------
    params : Params
    wait : float
        How many seconds for another job.

    Raises
    ------
    BackupError
        The place does not answer, or is damaged.
    WorkspaceBusyError
        Another job is at work there, or has put its work back meanwhile; this one's is not, and
        has to be done again.
    """
    url = params.jobs.workspace
    if url is None:
        yield
        return
    store = Store(url)
    with lease(store, wait=wait) as held:
        began_with = fetch(store, params)
        if began_with is not None and is_shared(params):
            follow_registry(params)
        yield
        held.check()
        keep(store, params, began_with)


def fetch(store: Store, params: Params) -> str | None:
    """Make the files here those of the place; files that it does not know go.

    Returns
    -------
    str or None
        The time of what was fetched; None while the place is empty, and nothing is touched here.
    """
    snapshot = store.latest()
    if snapshot is None:
        return None
    with workspace_lock(params, "fetch the workspace"):
        here = {name: file_digest(path) for name, path in _files(params).items()}
        for name in here.keys() - snapshot.files.keys():
            Path(name).unlink()
        wanted = {n: d for n, d in snapshot.files.items() if here.get(n) != d}
        places = {name: _place(params, name, snapshot.at) for name in wanted}
        with tempfile.TemporaryDirectory(dir=".", prefix=".fetching-") as folder:
            arrived = store.get_all(set(wanted.values()), Path(folder))
            for name, digest in wanted.items():
                places[name].parent.mkdir(parents=True, exist_ok=True)
                beside = Path(folder) / "next"
                shutil.copyfile(arrived[digest], beside)
                os.replace(beside, places[name])
    log.info("workspace fetched", at=snapshot.at, files=len(snapshot.files), brought=len(wanted))
    return snapshot.at


def follow_registry(params: Params) -> None:
    """Champion and ledger as the registry has them: a job that was lost may have promoted.

    While the registry is away the workspace's own champion counts, as always.
    """
    try:
        with Tracker(params.tracking) as tracker:
            current_champion(tracker, params)
            catch_up(tracker, params)
    except TrackingError as error:
        log.warning("the registry was not asked", why=error.message)


def keep(store: Store, params: Params, began_with: str | None) -> None:
    """Put back what is here, unless somebody else has done so since `fetch`.

    Raises
    ------
    WorkspaceBusyError
        Somebody has.
    """
    with workspace_lock(params, "keep the workspace"):
        digests = {name: file_digest(path) for name, path in _files(params).items()}
        there = store.objects()
        new = {digest: Path(name) for name, digest in digests.items() if digest not in there}
        store.put_all(new)
        latest = store.latest()
        if (latest.at if latest else None) != began_with:
            raise WorkspaceBusyError(
                f"{store.shown} has the work of another job meanwhile; this one's is not kept",
                fix="run it again: it begins with what the other one did",
            )
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        store.add(Snapshot(at, digests))
        try:
            store.prune(SNAPSHOTS)
        except BackupError as error:
            log.warning("old states of the workspace stay", why=error.message)
    log.info("workspace kept", at=at, files=len(digests), sent=len(new))


def _roots(params: Params) -> tuple[str, ...]:
    return (Path(params.paths.data).as_posix(), Path(params.paths.artifacts).as_posix())


def _files(params: Params) -> dict[str, Path]:
    """What is kept, by name; what begins with a dot is being written, or a lock."""
    found = {LOCK_FILE: Path(LOCK_FILE)} if Path(LOCK_FILE).exists() else {}
    for root in _roots(params):
        for path in sorted(Path(root).rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if path.is_file() and not hidden:
                found[path.as_posix()] = path
    return found


def _place(params: Params, name: str, at: str) -> Path:
    """Where a file belongs here; a snapshot may not write anywhere else."""
    parts = PurePosixPath(name).parts
    known = name == LOCK_FILE or any(name.startswith(f"{root}/") for root in _roots(params))
    if not known or "\\" in name or ".." in parts or PurePosixPath(name).is_absolute():
        raise BackupError(
            f"the workspace of {at} would write elsewhere: '{name}' is no file of it",
            fix="find out who changed it; an earlier snapshots/TIME.json can become latest.json",
        )
    return Path(name)
