"""Keeps a workspace's state elsewhere and brings it back, byte for byte."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from churn_mlops.errors import BackupError
from churn_mlops.files import file_digest, write_bytes
from churn_mlops.loop.lock import workspace_lock
from churn_mlops.loop.state import LEDGER, state_files, state_path
from churn_mlops.loop.state_store import Snapshot, Store
from churn_mlops.params import Params
from churn_mlops.summary import Summary


def backup(params: Params, url: str, *, force: bool = False) -> Summary:
    """Copy the state to a place; contents that are there already are not sent again.

    Parameters
    ----------
    params : Params
    url : str
        A folder or, for instance, ``s3://bucket/state``.
    force : bool
        Even if the place holds the state of another or a later workspace.

    Raises
    ------
    BackupError
        There is nothing to keep, the place belongs to another ledger, or it does not answer.
    WorkspaceBusyError
        Somebody is at work here.
    """
    with workspace_lock(params, "backup"):
        files = state_files(params)
        if not files:
            raise BackupError(
                "there is no state to keep in this workspace", fix="run `dvc repro` first"
            )
        store = Store(url)
        if not force:
            _check_ours(store, files)
        digests = {name: file_digest(path) for name, path in files.items()}
        there = store.objects()
        new = {digest: name for name, digest in digests.items() if digest not in there}
        for digest, name in new.items():
            store.put(files[name], digest)
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        store.add(Snapshot(at, digests))
    size = sum(path.stat().st_size for path in files.values())
    return Summary("backup", {"files": len(files), "sent": len(new)}, [], {"at": at, "bytes": size})


def restore(params: Params, url: str, *, at: str | None = None, force: bool = False) -> Summary:
    """Bring the state back; nothing is put in place before all of it has arrived and is sound.

    Files of the state that the backup does not know stay.

    Parameters
    ----------
    params : Params
    url : str
    at : str, optional
        The time of the backup; the latest by default.
    force : bool
        Replace files that are there and different.

    Raises
    ------
    BackupError
        There is no such backup, it is damaged, or files here are different.
    WorkspaceBusyError
        Somebody is at work here.
    """
    with workspace_lock(params, "restore"):
        store = Store(url)
        snapshot = store.latest() if at is None else store.at(at)
        if snapshot is None:
            raise BackupError(
                "there is no backup at this place", fix="make one with `churn backup`"
            )
        try:
            places = {name: state_path(params, name) for name in snapshot.files}
        except ValueError as error:
            raise BackupError(
                f"the backup of {snapshot.at} would write elsewhere: {error}",
                fix="find out who changed it; restore an earlier one with --at",
            ) from error
        wanted = {n: p for n, p in places.items() if not _is_same(p, snapshot.files[n])}
        other = [str(path) for path in wanted.values() if path.exists()]
        if other and not force:
            raise BackupError(
                f"{len(other)} files here are not those of the backup of {snapshot.at}:"
                f" {', '.join(other[:5])}",
                fix="keep what is here with `churn backup` at another place, then use --force",
            )
        with tempfile.TemporaryDirectory(prefix="churn-restore-") as scratch:
            arrived = {name: Path(scratch) / str(n) for n, name in enumerate(wanted)}
            for name, path in arrived.items():
                path.write_bytes(store.get(snapshot.files[name]))
            for name, path in arrived.items():
                write_bytes(wanted[name], path.read_bytes())
    return Summary(
        "restore",
        {"files": len(places), "brought": len(wanted)},
        [],
        {"at": snapshot.at},
    )


def _check_ours(store: Store, files: dict[str, Path]) -> None:
    """The ledger only grows: the kept one must be the beginning of ours."""
    latest = store.latest()
    if latest is None or LEDGER not in latest.files:
        return
    ours = files[LEDGER].read_bytes() if LEDGER in files else b""
    if latest.files[LEDGER] == hashlib.sha256(ours).hexdigest():
        return
    if not ours.startswith(store.get(latest.files[LEDGER])):
        raise BackupError(
            f"the backup of {latest.at} has decisions that {LEDGER} here does not have",
            fix="`churn restore` first, choose another place, or --force to let this one count",
        )


def _is_same(path: Path, digest: str) -> bool:
    return path.is_file() and file_digest(path) == digest
