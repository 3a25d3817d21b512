"""What was asked and answered, as Parquet files, so that it can be compared with the batch."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from churn_mlops.api.prediction_file import Logged, table_of, tidy, write
from churn_mlops.params import PredictionLog as Settings

# Predictions that may wait for the writer; more are dropped and counted.
MOST_WAITING = 10_000
POLL_SECONDS = 0.1
# Rows that are made columns at once: the event loop waits while it is done.
CHUNK_ROWS = 100
# On the way out a disk that does not answer is not waited for without end.
CLOSE_SECONDS = 30.0

log = structlog.get_logger()


class PredictionLog:
    """Draws a sample of the predictions; a thread of its own writes it to files.

    A request only puts what it has into a queue. Whatever goes wrong behind that costs rows, which
    are counted, and nothing else. Rows are lost, too, when the process is killed: those of the
    file that is not closed yet. Batches that come as Arrow streams are not logged.

    Parameters
    ----------
    settings : params.PredictionLog
    folder : Path
    worker : str
        A part of the files' names that no other writer of the folder has.
    on_drop : callable
        Told why rows are dropped, and how many: ``slow`` (the writer does not keep up), ``disk``.
    """

    def __init__(
        self, settings: Settings, folder: Path, worker: str, on_drop: Callable[[str, int], None]
    ) -> None:
        self.on = settings.share > 0
        self._share, self._settings = settings.share, settings
        self._folder, self._worker, self._on_drop = folder, worker, on_drop
        self._draw = random.Random().random
        self._numbers = itertools.count(1)
        self._waiting: deque[Logged] = deque()
        # Only the writer's thread touches these: the file under way, as tables of a few rows.
        self._tables: list[Any] = []
        self._rows, self._digest, self._began, self._failing = 0, "", 0.0, False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        if self.on:
            self._thread.start()

    def wants(self) -> bool:
        """Draw whether a prediction is to be logged."""
        return self._draw() < self._share

    def add(self, entry: Mapping[str, Any]) -> None:
        """Log a prediction that `wants` has drawn; never waits and never raises.

        Parameters
        ----------
        entry : mapping
            As `churn_mlops.api.state.entry` makes it.
        """
        if len(self._waiting) >= MOST_WAITING or self._stop.is_set():
            self._on_drop("slow", 1)
        else:
            self._waiting.append(Logged(asked_at=time.time(), **entry))

    def close(self) -> None:
        """Write what is left; nothing is logged any more."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self._collect()
            age = time.monotonic() - self._began
            if self._rows and age >= self._settings.seconds_per_file:
                self._write()
        self._collect()
        self._write()

    def _collect(self) -> None:
        """Move what waits to the file under way, and close files that are full."""
        while self._waiting:
            digest = self._waiting[0].served.bundle.digest
            if digest != self._digest:
                # Another champion has other columns.
                self._write()
                self._digest = digest
            most = min(CHUNK_ROWS, self._settings.rows_per_file - self._rows)
            rows: list[Logged] = []
            while len(rows) < most and self._waiting:
                if self._waiting[0].served.bundle.digest != digest:
                    break
                rows.append(self._waiting.popleft())
            if not self._rows:
                self._began = time.monotonic()
            self._tables.append(table_of(rows))
            self._rows += len(rows)
            if self._rows == self._settings.rows_per_file:
                self._write()
            # Let requests through between two chunks.
            time.sleep(0)

    def _write(self) -> None:
        """Close the file under way."""
        import pyarrow as pa

        tables, rows = self._tables, self._rows
        self._tables, self._rows = [], 0
        if not rows:
            return
        written = False
        try:
            write(tables, self._folder, self._worker, next(self._numbers))
            written = True
            tidy(self._folder, self._settings.max_files)
        except (OSError, pa.ArrowException) as error:
            if not written:
                self._on_drop("disk", rows)
            if not self._failing:
                what = "old predictions stay" if written else "predictions are not logged"
                log.warning(what, folder=str(self._folder), reason=str(error))
            self._failing = True
        else:
            self._failing = False
