"""The latest list, fetched from the registry and kept on this machine's disk.

For servers that share no disk with the jobs. Several workers share the file: each looks, and
whoever finds a new list puts it in place at once or not at all.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Protocol

import structlog

from churn_mlops.api.model_source import SourceAwayError
from churn_mlops.errors import BundleError, ContractError
from churn_mlops.files import file_digest
from churn_mlops.inference.user_store import StoredUsers
from churn_mlops.registry.shared_list import FILE, SharedList

log = structlog.get_logger()


class ListSource(Protocol):
    """Names the latest list and hands it out.

    Both raise `SourceAwayError` when it is out of reach, `BundleError` or `ContractError` for what
    cannot be a list.
    """

    def shared_list(self) -> SharedList | None:
        """The latest list; None while there is none."""
        ...

    def fetch_list(self, named: SharedList, to: Path) -> None:
        """Copy its file; nothing is verified."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


class ListFollower:
    """Keeps a file that is the list which the source names.

    Parameters
    ----------
    source : ListSource
    folder : Path
        Made on the first use.
    poll_seconds : float
    own : Path
        The list of a workspace on this machine; where it is, nothing is fetched.
    """

    _count = itertools.count()

    def __init__(self, source: ListSource, folder: Path, poll_seconds: float, own: Path) -> None:
        self._own = own
        self.path = folder / FILE
        self._note = folder / f"{FILE}.sha256"
        self._source, self._poll = source, poll_seconds
        self._told: str | None = None

    async def run(self) -> None:
        """Look for another list every ``poll_seconds``, until cancelled."""
        while True:
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(self._poll * random.uniform(0.8, 1.0))

    def refresh(self) -> None:
        """Look once; whatever goes wrong is told in the log, once, and the old list stays."""
        try:
            if self._own.exists():
                return
            named = self._source.shared_list()
            if named is not None and named.sha256 != self._kept():
                with self._alone():
                    if named.sha256 != self._kept() and not self._is_past(named):
                        self._fetch(named)
            self._told = None
        except SourceAwayError:
            # The store of models asks the same source, and tells.
            return
        except (BundleError, ContractError, OSError) as error:
            if str(error) != self._told:
                log.warning("the list was not fetched; the one before stays", reason=str(error))
            self._told = str(error)
        except Exception:
            log.exception("looking for another list failed")

    def close(self) -> None:
        """Let the source go."""
        self._source.close()

    def _kept(self) -> str | None:
        """Digest of the list that is here, by whoever fetched it."""
        try:
            return self._note.read_text() if self.path.exists() else None
        except OSError:
            return None

    def _is_past(self, named: SharedList) -> bool:
        """Whether a later day is here: a champion that was put back has its last list still."""
        try:
            with closing(StoredUsers(self.path)) as users:
                return date.fromisoformat(named.as_of_date) < users.as_of_date
        except ContractError:
            return False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One worker at a time puts a list and its note in place."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{FILE}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _fetch(self, named: SharedList) -> None:
        beside = self.path.with_name(f".{FILE}.{os.getpid()}.{next(self._count)}")
        try:
            self._source.fetch_list(named, beside)
            if file_digest(beside) != named.sha256:
                raise ContractError(f"what was fetched of {named.as_of_date} is not what is named")
            with closing(StoredUsers(beside)) as users:
                users.check()
            os.replace(beside, self.path)
        finally:
            beside.unlink(missing_ok=True)
        # After the list: who is killed in between fetches it once more.
        written = beside.with_suffix(".note")
        written.write_text(named.sha256)
        os.replace(written, self._note)
        log.info("another list is here", as_of_date=named.as_of_date)
