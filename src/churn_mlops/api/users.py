"""What the latest batch said about a user; a new batch is noticed at the next question."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path
from typing import Any

import structlog

from churn_mlops.errors import ContractError
from churn_mlops.inference.predictions import REASONS
from churn_mlops.inference.user_store import StoredUsers

log = structlog.get_logger()

# Inode, time of change in nanoseconds, bytes: together they tell a file from the next one.
Identity = tuple[int, int, int]


class NoPredictionsError(ContractError):
    """No batch has been scored yet."""

    def __init__(self) -> None:
        super().__init__("no batch predictions yet; run `churn batch-score`")


class UserStore:
    """The store file that `batch_score` writes, kept open.

    A store that was open goes on answering while the file is away or damaged: `dvc repro` removes
    the old predictions before it makes new ones. Safe to call from several threads.

    Parameters
    ----------
    *paths : Path
        Files or links to them, the first that exists counts; none need exist yet.
    """

    def __init__(self, *paths: Path) -> None:
        # Those that come into question: after one was open, the ones behind it do not.
        self._paths = paths
        self._lock = threading.Lock()
        self._open: StoredUsers | None = None
        self._identity: Identity | None = None
        self._warned: tuple[Identity | None] | None = None

    def get(self, user_id: str) -> dict[str, Any] | None:
        """Look a user up in the latest batch.

        Parameters
        ----------
        user_id : str
            As in the path of a request; a number as it is usually written.

        Returns
        -------
        dict or None
            What `ScoredUser` takes; None when the batch has no such user.

        Raises
        ------
        NoPredictionsError
            There is no file, nor has there been one.
        ContractError
            The file is damaged or cannot be read, and no sound one was open.
        """
        with self._lock:
            row = self._latest().find(user_id)
        return None if row is None else answer(row)

    def _latest(self) -> StoredUsers:
        """The store of the file that is there now, else the one that is open."""
        identity = None
        try:
            identity = self._identify()
            if self._open is None or identity != self._identity:
                return self._swap(*self._opened())
        except ContractError as error:
            if identity and self._identity and identity[0] == self._identity[0]:
                # The open file itself was written over, which leaves nothing sound to read.
                self._close()
            if self._open is None:
                raise
            self._warn(error, identity)
        return self._open

    def _opened(self) -> tuple[StoredUsers, Identity]:
        while True:
            # Before opening: what is opened is then this file or a newer one, which the next
            # question notices.
            identity = self._identify()
            try:
                path = self._path()
                opened = StoredUsers(path)
                self._keep_to(path)
                return opened, identity
            except ContractError:
                # A file that was replaced while it was opened says nothing about the new one.
                if self._identify() == identity:
                    raise

    def _keep_to(self, path: Path) -> None:
        """An earlier list, such as a copy of yesterday's, must not come while the first is away."""
        self._paths = self._paths[: self._paths.index(path) + 1]

    def _path(self) -> Path:
        return next((path for path in self._paths if os.path.exists(path)), self._paths[-1])

    def _identify(self) -> Identity:
        path = self._path()
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise NoPredictionsError from None
        except OSError as error:
            raise ContractError(f"{path} cannot be read: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _swap(self, new: StoredUsers, identity: Identity) -> StoredUsers:
        self._close()
        self._open, self._identity, self._warned = new, identity, None
        return new

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = self._identity = None

    def _warn(self, error: ContractError, identity: Identity | None) -> None:
        """Say once per file that it is not used."""
        if self._warned != (identity,) and self._open is not None:
            day = self._open.as_of_date.isoformat()
            log.warning("older predictions stay in use", as_of_date=day, reason=error.message)
            self._warned = (identity,)


def answer(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the store as JSON: the reasons become one list, and no number is infinite."""
    shaped: dict[str, Any] = {}
    for name, value in row.items():
        if name in REASONS:
            said = shaped.setdefault("reasons", [])
            if value is not None:
                said.append(value)
        elif isinstance(value, float) and not math.isfinite(value):
            shaped[name] = None
        else:
            shaped[name] = value
    return shaped
