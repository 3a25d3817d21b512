"""The model that answers: follows the champion, and never lets a bad one in.

A change is loaded beside, verified, asked about its golden rows, and swapped in by one assignment;
requests under way keep the model that they began with.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from churn_mlops.api.model_cache import MismatchError, ModelCache
from churn_mlops.api.model_source import Named, Source, SourceAwayError
from churn_mlops.api.served import Served
from churn_mlops.api.watcher import Watcher
from churn_mlops.errors import BundleError, ChurnError
from churn_mlops.registry.bundle import Bundle

# A refused champion is tried again, less and less often: its source may be mended.
LONGEST_WAIT = 300.0
MOST_REFUSALS = 8

log = structlog.get_logger()


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to answer, and what its source calls it."""

    named: Named
    model: Served


@dataclass(frozen=True)
class _Refusal:
    times: int
    until: float
    why: str


class RefusedError(BundleError):
    """A model that its source names is not let in."""


class ModelStore:
    """Holds the model that answers.

    `current` is read by each request; `previous` stands ready for a way back without loading,
    `challenger` is loaded if `shadow`. `stale` says that `current` is not the champion, or that
    nobody can tell, and `detail` why.

    Parameters
    ----------
    source : Source
    folder : Path
        For the cache.
    build : callable
        Makes a `Served` of a bundle; raises `BundleError` for one that does not work.
    watcher : Watcher
    poll_seconds : float
    shadow : bool
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        build: Callable[[Bundle, Named], Served],
        watcher: Watcher,
        *,
        poll_seconds: float,
        shadow: bool,
    ) -> None:
        self.source = source
        self.current: Loaded | None = None
        self.previous: Loaded | None = None
        self.challenger: Loaded | None = None
        self.stale = False
        self.detail: str | None = None
        self._cache = ModelCache(folder)
        self._build, self._watcher = build, watcher
        self._poll, self._shadow = poll_seconds, shadow
        self._refusals: dict[Named, _Refusal] = {}
        self._busy, self._closed = threading.Lock(), False

    async def run(self) -> None:
        """Look for another champion every ``poll_seconds``, until cancelled."""
        while True:
            if self.current is not None:
                await asyncio.to_thread(self.current.model.warm)
            # Not all workers at the same moment.
            await asyncio.sleep(self._poll * random.uniform(0.8, 1.0))
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Look once; whatever goes wrong is told by `detail`, the metrics and the log."""
        with self._busy:
            if self._closed:
                return
            try:
                self._follow()
                if self._shadow:
                    self._follow_challenger()
            except Exception:
                # The loop must outlive what nobody has thought of; the model that serves, too.
                log.exception("looking for another champion failed")
                self._stay("looking for another champion failed; the server's log says why")

    def close(self) -> None:
        """Let the source go, once a look that is under way has ended."""
        with self._busy:
            self._closed = True
            self.source.close()

    def _follow(self) -> None:
        began = time.monotonic()
        try:
            named = self.source.champion()
            self._watcher.source(True)
            if named is None:
                self._stay("the source names no champion")
            elif self.current is None or self.current.named != named:
                self._take(named, began)
            else:
                self._fresh()
        except SourceAwayError as error:
            self._watcher.source(False, error.message)
            self._stay(error.message)
        except RefusedError as error:
            self._stay(error.message)
        except BundleError as error:
            if error.message != self.detail:
                self._watcher.refused("", "foreign", error.message, self._poll)
            self._stay(error.message)

    def _take(self, named: Named, began: float) -> None:
        previous = self.previous
        if previous is not None and previous.named == named:
            loaded = previous
        else:
            loaded = self._load(named, lambda to: self.source.fetch(named, to))
        self._swap(loaded, began)
        self._cache.remember(named)
        self._fresh()
        self._sweep()

    def _swap(self, loaded: Loaded, began: float) -> None:
        before = self.current
        self.previous, self.current = before, loaded
        seconds = time.monotonic() - began
        self._watcher.swapped(before.model if before else None, loaded.model, seconds)

    def _load(self, named: Named, fetch: Callable[[Path], None] | None) -> Loaded:
        """Load, verify and try a model; raises `RefusedError`, also while one is put off."""
        past = self._refusals.get(named)
        if past is not None and time.monotonic() < past.until:
            raise RefusedError(past.why)
        reason = "damaged"
        try:
            bundle = self._cache.load(named, fetch)
            reason = "unfit"
            model = self._build(bundle, named)
            if self.current is not None:
                # Somebody may ask it for reasons at once; at the start nobody waits for that.
                model.warm()
        except SourceAwayError:
            raise
        except MismatchError as error:
            raise self._refuse(named, "mismatch", error.message, fetch is not None) from error
        except BundleError as error:
            raise self._refuse(named, reason, error.message, fetch is not None) from error
        except OSError as error:
            raise self._refuse(named, "disk", f"the disk cannot take it: {error}") from error
        except Exception as error:
            log.exception("loading a model failed", model_version=named.digest[:12])
            raise self._refuse(named, "error", f"loading failed: {type(error).__name__}") from error
        self._refusals.pop(named, None)
        return Loaded(named, model)

    def _refuse(self, named: Named, reason: str, why: str, fetched: bool = False) -> RefusedError:
        if fetched and self._renamed(named):
            return RefusedError("the champion changed while it was fetched; the next look has it")
        past = self._refusals.get(named)
        times = past.times + 1 if past else 1
        wait = min(self._poll * 2 ** min(times - 1, 16), LONGEST_WAIT)
        told = f"the model {named.digest[:12]} was refused: {why}"
        self._refusals[named] = _Refusal(times, time.monotonic() + wait, told)
        while len(self._refusals) > MOST_REFUSALS:
            del self._refusals[next(iter(self._refusals))]
        self._watcher.refused(named.digest[:12], reason, why, wait)
        return RefusedError(told)

    def _renamed(self, named: Named) -> bool:
        """Whether the source names other models by now: then it is no one's fault."""
        try:
            return named not in (self.source.champion(), self.source.challenger())
        except ChurnError:
            return False

    def _stay(self, why: str) -> None:
        """Serve on without knowing the champion, from the disk if nothing is loaded yet."""
        if self.current is None:
            why = self._fall_back(why)
        self.stale, self.detail = True, why
        self._watcher.stale(self.current is not None)

    def _fall_back(self, why: str) -> str:
        began = time.monotonic()
        named = self._cache.last_good()
        if named is None:
            return why
        try:
            self._swap(self._load(named, None), began)
        except RefusedError as error:
            return f"{why}; and the last good model cannot be loaded: {error.message}"
        return f"{why}; the last good model serves"

    def _fresh(self) -> None:
        self.stale, self.detail = False, None
        self._watcher.stale(False)

    def _sweep(self) -> None:
        held = [self.current, self.previous, self.challenger]
        self._cache.keep({loaded.named.digest for loaded in held if loaded})

    def _follow_challenger(self) -> None:
        try:
            named = self.source.challenger()
            if named is None:
                self.challenger = None
            elif self.challenger is None or self.challenger.named != named:
                self.challenger = None
                self.challenger = self._load(named, lambda to: self.source.fetch(named, to))
        except ChurnError as error:
            log.warning("no challenger for the shadow", reason=error.message)
