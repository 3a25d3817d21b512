"""What was asked and answered, as Parquet files; sampled, rotated, never in a request's way.

Requests leave rows in memory; a thread writes them. Where it cannot keep up or the disk is full,
rows are dropped and counted. Arrow batches are not logged: whoever sends them has the table.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import structlog

from churn_mlops import params
from churn_mlops.api.served import Served

PREFIX, SUFFIX = "predictions-", ".parquet"
# A file that a killed worker was writing is nobody's after this.
ABANDONED_SECONDS = 3_600
# Files' worth of rows that may wait for the thread.
MOST_WAITING = 4

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entry:
    """A prediction that is to be logged.

    Parameters
    ----------
    served : Served
        Gave the answer; its features are the file's columns.
    asked_at : datetime
        UTC.
    """

    served: Served
    asked_at: datetime
    request_id: str
    user_id: int | str
    snapshot_date: date | None
    features: Mapping[str, Any]
    churn_risk: float


class PredictionLog:
    """Collects entries and has them written.

    Parameters
    ----------
    settings : params.PredictionLog
    folder : Path
        Made when there is something to write.
    worker : str
        Tells the files of several processes apart.
    on_drop : callable
        Told why a row is dropped, ``slow`` or ``disk``, and how many.
    """

    def __init__(
        self,
        settings: params.PredictionLog,
        folder: Path,
        worker: str,
        on_drop: Callable[[str, int], None],
    ) -> None:
        self._settings, self._folder, self._worker = settings, folder, worker
        self._on_drop = on_drop
        self._random = random.Random()
        self._lock = threading.Condition()
        self._waiting: list[Entry] = []
        self._since = 0.0
        self._number, self._ending = 0, False
        self._thread: threading.Thread | None = None

    def wants(self) -> bool:
        """Draw whether the next prediction is logged."""
        share = self._settings.share
        return share > 0 and self._random.random() < share

    def add(self, entry: Entry) -> None:
        """Take an entry; returns at once."""
        with self._lock:
            if len(self._waiting) >= MOST_WAITING * self._settings.rows_per_file:
                self._on_drop("slow", 1)
                return
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(entry)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="prediction-log", daemon=True
                )
                self._thread.start()
                self._lock.notify()
            elif len(self._waiting) in (1, self._settings.rows_per_file):
                self._lock.notify()

    def close(self) -> None:
        """Write what is left and end."""
        with self._lock:
            self._ending = True
            self._lock.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while entries := self._next():
            try:
                self._write(entries)
            except OSError as error:
                self._on_drop("disk", len(entries))
                log.warning("predictions cannot be logged", rows=len(entries), reason=str(error))

    def _next(self) -> list[Entry]:
        """The rows of the next file, once it is full or old; none at the end."""
        most, seconds = self._settings.rows_per_file, self._settings.seconds_per_file
        with self._lock:
            while not self._ending and len(self._waiting) < most:
                left = self._since + seconds - time.monotonic() if self._waiting else None
                if left is not None and left <= 0:
                    break
                self._lock.wait(left)
            count = same_model(self._waiting[:most])
            entries, self._waiting = self._waiting[:count], self._waiting[count:]
            return entries

    def _write(self, entries: list[Entry]) -> None:
        import pyarrow.parquet as pq

        self._folder.mkdir(parents=True, exist_ok=True)
        stamp = entries[0].asked_at.strftime("%Y%m%dT%H%M%S%fZ")
        name = f"{PREFIX}{stamp}-{self._worker}-{self._number}{SUFFIX}"
        self._number += 1
        beside = self._folder / f".{name}.writing"
        try:
            pq.write_table(table_of(entries), beside)
            os.replace(beside, self._folder / name)
        finally:
            beside.unlink(missing_ok=True)
        self._tidy()

    def _tidy(self) -> None:
        """Delete the oldest files beyond `max_files`, and what killed workers have left."""
        found = sorted(self._folder.glob(f"{PREFIX}*{SUFFIX}"))
        for path in found[: -self._settings.max_files]:
            # Another worker may be faster.
            path.unlink(missing_ok=True)
        for path in self._folder.glob(f".{PREFIX}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                    path.unlink()


def same_model(entries: list[Entry]) -> int:
    """How many entries, from the first on, one model has answered: those fit into one file."""
    for place, entry in enumerate(entries):
        if entry.served is not entries[0].served:
            return place
    return len(entries)


def table_of(entries: list[Entry]) -> Any:
    """Entries of one model as a pyarrow table; features that were not given are null."""
    import pyarrow as pa

    served = entries[0].served
    columns: dict[str, Any] = {
        "request_id": pa.array([entry.request_id for entry in entries]),
        "asked_at": pa.array([entry.asked_at for entry in entries], pa.timestamp("ms", tz="UTC")),
        "user_id": pa.array([str(entry.user_id) for entry in entries]),
        "snapshot_date": pa.array([entry.snapshot_date for entry in entries], pa.date32()),
        "churn_risk": pa.array([entry.churn_risk for entry in entries], pa.float64()),
        "model_version": pa.array([served.version] * len(entries)),
    }
    for feature in served.bundle.meta.features:
        kind = pa.string() if feature.kind == "categorical" else pa.float64()
        values = [entry.features.get(feature.name) for entry in entries]
        columns[feature.name] = pa.array(values, kind)
    return pa.table(columns)
