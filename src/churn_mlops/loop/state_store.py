"""A place for backups: a folder or a bucket, reached through fsspec.

objects/SHA256          contents, each kept once
snapshots/TIME.json     which names had which contents, and when
latest.json             the newest snapshot; written last, so that it is always complete
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from churn_mlops.errors import BackupError
from churn_mlops.files import file_digest, replacing, write_bytes
from churn_mlops.object_store import UnreachableError, open_store
from churn_mlops.registry.masks import mask_logins

FORMAT = 1
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Snapshot:
    """One backup.

    Parameters
    ----------
    at : str
        When, UTC, such as 20250131T120000Z.
    files : dict of str to str
        Name to SHA-256.
    format : int
    """

    at: str
    files: dict[str, str]
    format: int = FORMAT


class Store:
    """Reads and writes the objects and snapshots of one place.

    Parameters
    ----------
    url : str
        A folder or, for instance, ``s3://bucket/state``.

    Raises
    ------
    BackupError
        Nothing is installed that can reach it.
    """

    def __init__(self, url: str) -> None:
        self.shown = mask_logins(url)
        try:
            self._files, self._root = open_store(url)
        except UnreachableError as error:
            raise BackupError(
                f"{self.shown} cannot be reached: {error.message}", fix=error.fix
            ) from error

    def objects(self) -> set[str]:
        """The digests of all contents that are there."""
        return set(self.names("objects"))

    def put(self, path: Path, digest: str) -> None:
        """Add a file's contents.

        Raises
        ------
        BackupError
            The file is being written meanwhile, or the place does not take it.
        """
        body = path.read_bytes()
        if hashlib.sha256(body).hexdigest() != digest:
            raise BackupError(
                f"{path} changed while it was read", fix="repeat when nothing writes it"
            )
        self.write(f"objects/{digest}", body)

    def get(self, digest: str) -> bytes:
        """Contents, verified.

        Raises
        ------
        BackupError
            They are missing or damaged.
        """
        body = self.read(f"objects/{digest}")
        if hashlib.sha256(body).hexdigest() != digest:
            raise self._damaged(digest)
        return body

    def _damaged(self, digest: str) -> BackupError:
        return BackupError(
            f"{self.shown}/objects/{digest} is damaged",
            fix="restore an earlier backup with --at",
        )

    def put_all(self, paths: Mapping[str, Path]) -> None:
        """Add many files' contents, of any size, by digest; nothing may write them meanwhile."""
        if not paths:
            return
        with self._told("take files"):
            self._files.makedirs(f"{self._root}/objects", exist_ok=True)
            there = [f"{self._root}/objects/{digest}" for digest in paths]
            if "file" in self._files.protocol:
                for path, to in zip(paths.values(), there, strict=True):
                    with replacing(Path(to)) as beside:
                        shutil.copyfile(path, beside)
            else:
                self._files.put([str(path) for path in paths.values()], there)

    def get_all(self, digests: Set[str], folder: Path) -> dict[str, Path]:
        """Copy contents of any size to a folder, verified; the files by digest.

        Raises
        ------
        BackupError
            Some are missing or damaged.
        """
        found = {digest: folder / digest for digest in sorted(digests)}
        if found:
            with self._told("give files"):
                there = [f"{self._root}/objects/{digest}" for digest in found]
                self._files.get(there, [str(path) for path in found.values()])
        for digest, path in found.items():
            if file_digest(path) != digest:
                raise self._damaged(digest)
        return found

    def prune(self, snapshots: int) -> None:
        """Forget all but the newest snapshots, and contents that none of those has.

        Contents of the last day stay: another process may be about to name them.
        """
        times = self.snapshots()
        for time in times[:-snapshots]:
            self.remove(f"snapshots/{time}.json")
        kept = {
            digest
            for time in times[-snapshots:]
            for digest in self._snapshot(f"snapshots/{time}.json").files.values()
        }
        with self._told("be tidied up"):
            old = [
                name
                for name in self.objects() - kept
                if self._age_seconds(f"{self._root}/objects/{name}") > DAY_SECONDS
            ]
        for name in old:
            self.remove(f"objects/{name}")

    def _age_seconds(self, path: str) -> float:
        return float((datetime.now(UTC) - self._files.modified(path)).total_seconds())

    def snapshots(self) -> list[str]:
        """The times of all backups, oldest first."""
        return self.names("snapshots")

    def latest(self) -> Snapshot | None:
        """The newest backup; None before the first."""
        with self._told("be read"):
            there = self._files.exists(f"{self._root}/latest.json")
        return self._snapshot("latest.json") if there else None

    def at(self, time: str) -> Snapshot:
        """The backup of a time.

        Raises
        ------
        BackupError
            There is none.
        """
        known = self.snapshots()
        if time not in known:
            raise BackupError(
                f"{self.shown} has no backup of {time}",
                fix=f"choose one of {', '.join(known[-10:]) or 'none'}",
            )
        return self._snapshot(f"snapshots/{time}.json")

    def add(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, all of whose contents have been put, and make it the latest."""
        body = (json.dumps(asdict(snapshot), indent=2) + "\n").encode()
        self.write(f"snapshots/{snapshot.at}.json", body)
        self.write("latest.json", body)

    def _snapshot(self, name: str) -> Snapshot:
        try:
            found: dict[str, Any] = json.loads(self.read(name))
            if found["format"] != FORMAT:
                raise ValueError(f"its format is {found['format']}, not {FORMAT}")
            return Snapshot(str(found["at"]), {str(n): str(d) for n, d in found["files"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupError(
                f"{self.shown}/{name} is no list of a backup's files: {error}",
                fix="restore another one with --at",
            ) from error

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, sorted, without ``.json``."""
        with self._told("be listed"):
            path = f"{self._root}/{folder}"
            found = self._files.ls(path, detail=False) if self._files.exists(path) else []
            return sorted(str(name).rsplit("/", 1)[-1].removesuffix(".json") for name in found)

    def create(self, name: str, body: bytes) -> bool:
        """Write an object unless there is one of this name; whether it was written."""
        path = f"{self._root}/{name}"
        with self._told(f"take {name}"):
            try:
                if "file" in self._files.protocol:
                    beside = Path(f"{path}.{os.getpid()}.{threading.get_ident()}")
                    write_bytes(beside, body)
                    try:
                        os.link(beside, path)
                    finally:
                        beside.unlink()
                else:
                    self._files.pipe_file(path, body, mode="create")
            except FileExistsError:
                return False
            except OSError:
                # Each store says in its own way that there was one.
                if self._files.exists(path):
                    return False
                raise
        return True

    def remove(self, name: str) -> None:
        """Delete an object."""
        with self._told(f"delete {name}"):
            self._files.rm(f"{self._root}/{name}")

    def read(self, name: str) -> bytes:
        """An object's bytes."""
        with self._told(f"give {name}"):
            return bytes(self._files.cat_file(f"{self._root}/{name}"))

    def write(self, name: str, body: bytes) -> None:
        """Write an object, or over it."""
        with self._told(f"take {name}"):
            path = f"{self._root}/{name}"
            if "file" in self._files.protocol:
                # An object store shows a whole object or none; a folder has to be helped.
                write_bytes(Path(path), body)
            else:
                self._files.pipe_file(path, body)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except BackupError:
            raise
        except Exception as error:  # every store has errors of its own
            words = mask_logins(str(error)) or type(error).__name__
            raise BackupError(
                f"{self.shown} could not {what}: {words}",
                fix="check the address, the credentials and AWS_ENDPOINT_URL",
            ) from error
