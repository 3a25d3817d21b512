"""Who may work on what lies in a bucket: one process at a time, on whatever machine.

Leases are numbered, ``leases/N.json``, and made only if there is no such object, which a bucket
decides for one of two that ask at once. A lease is held while its holder renews it. The next number
may be made when the last lease was given back or is not renewed any more.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import structlog

from churn_mlops.errors import BackupError, WorkspaceBusyError
from churn_mlops.loop.state_store import Store

FOLDER = "leases"
LASTS_SECONDS = 180.0
RENEW_SECONDS = 45.0
LOOK_SECONDS = 5.0
WAIT_SECONDS = 600.0
KEPT = 5

log = structlog.get_logger()


@dataclass(frozen=True)
class Lease:
    """What a lease says; `until` in seconds since 1970."""

    holder: str
    until: float


class Held:
    """A lease that this process has."""

    def __init__(self, store: Store, number: int, lasts: float) -> None:
        self._store, self._number, self._lasts = store, number, lasts
        self._end = threading.Event()

    def check(self) -> None:
        """Raise unless it is still ours.

        Raises
        ------
        WorkspaceBusyError
            It was not renewed for too long, and another process has the next one.
        """
        if max(_numbers(self._store)) != self._number:
            raise WorkspaceBusyError(
                f"{self._store.shown} was not heard from for {self._lasts:g} s, and another process"
                " works on it now",
                fix="run it again: it begins with what the other one does",
            )

    def renew_until_ended(self, every: float) -> None:
        """Renew it now and then."""
        while not self._end.wait(every):
            try:
                self._write(self._lasts)
            except BackupError as error:
                log.warning("a lease was not renewed", why=error.message)

    def end(self) -> None:
        """Give it back, and forget old ones."""
        self._end.set()
        try:
            self._write(0)
            for number in sorted(_numbers(self._store))[:-KEPT]:
                self._store.remove(_name(number))
        except BackupError as error:
            log.warning("a lease was not given back; it runs out", why=error.message)

    def _write(self, lasts: float) -> None:
        self._store.write(_name(self._number), _body(lasts))


@contextmanager
def lease(
    store: Store,
    *,
    wait: float = WAIT_SECONDS,
    lasts: float = LASTS_SECONDS,
    every: float = RENEW_SECONDS,
    look: float = LOOK_SECONDS,
) -> Iterator[Held]:
    """Be the only one who works on a place.

    Parameters
    ----------
    store : Store
    wait : float
        For so many seconds for others.
    lasts, every : float
        How long a lease is good, and how often it is renewed, in seconds.
    look : float
        Between two looks while waiting.

    Raises
    ------
    WorkspaceBusyError
        Another process still has it.
    BackupError
        The place does not answer.
    """
    held = _take(store, time.monotonic() + wait, lasts, look)
    renewing = threading.Thread(target=held.renew_until_ended, args=(every,), daemon=True)
    renewing.start()
    try:
        yield held
    finally:
        held.end()


def _take(store: Store, latest: float, lasts: float, look: float) -> Held:
    while True:
        number = max(_numbers(store), default=0)
        last = _read(store, number) if number else None
        if last is None or last.until < time.time():
            if store.create(_name(number + 1), _body(lasts)):
                return Held(store, number + 1, lasts)
        elif time.monotonic() > latest:
            raise WorkspaceBusyError(
                f"{last.holder} works on {store.shown}", fix="try again later; nothing was begun"
            )
        time.sleep(look)


def _numbers(store: Store) -> set[int]:
    return {int(name) for name in store.names(FOLDER) if name.isdigit()}


def _read(store: Store, number: int) -> Lease:
    try:
        return Lease(**json.loads(store.read(_name(number))))
    except (ValueError, TypeError) as error:
        raise BackupError(
            f"{store.shown}/{_name(number)} is no lease: {error}",
            fix="remove it when no job is at work",
        ) from error


def _name(number: int) -> str:
    return f"{FOLDER}/{number:08d}.json"


def _body(lasts: float) -> bytes:
    found = Lease(f"{os.uname().nodename} (process {os.getpid()})", time.time() + lasts)
    return json.dumps(asdict(found)).encode()
