"""Bundles on this machine's disk, by digest, so that the last good one serves without a source.

Several workers share the folder. A bundle gets its name by a rename when it is whole and verified;
nothing is forced to the disk, since what a power cut tears apart fails its digests and is fetched
anew.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from churn_mlops.api.model_source import Named
from churn_mlops.errors import BundleError
from churn_mlops.registry.bundle import Bundle, load_bundle

LAST_GOOD = "last_good.json"
# Left behind by a worker that was killed while it fetched.
ABANDONED_SECONDS = 3_600

log = structlog.get_logger()


class MismatchError(BundleError):
    """What was fetched is sound, but another model than was named."""


class ModelCache:
    """A folder of bundles.

    Parameters
    ----------
    folder : Path
        Made on the first use.
    """

    # Of all caches of the process: no two fetch to the same place.
    _count = itertools.count()

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, named: Named, fetch: Callable[[Path], None] | None) -> Bundle:
        """Load a bundle, after fetching it if it is not here or no longer sound.

        Parameters
        ----------
        named : Named
        fetch : callable or None
            Fills an empty directory with the bundle's files; None where there is no source.

        Raises
        ------
        BundleError
            It is damaged, or another one than was named.
        OSError
            The disk cannot take it.
        """
        place = self._folder / named.digest
        try:
            return _verified(place, named)
        except BundleError as error:
            if fetch is None:
                raise
            if place.exists():
                log.warning("a cached model is damaged and fetched anew", reason=error.message)
                shutil.rmtree(place, ignore_errors=True)
        beside = self._folder / f".{named.digest[:12]}.{os.getpid()}.{next(self._count)}"
        beside.mkdir(parents=True)
        try:
            fetch(beside)
            bundle = _verified(beside, named)
            # Where it exists by now, another worker was faster, and its bundle is as good.
            with contextlib.suppress(FileExistsError, NotADirectoryError):
                _rename(beside, place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return bundle

    def last_good(self) -> Named | None:
        """The model that served last on this machine."""
        try:
            noted = json.loads((self._folder / LAST_GOOD).read_bytes())
            return Named(str(noted["digest"]), noted["number"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the note of the last good model cannot be read", reason=str(error))
            return None

    def remember(self, named: Named) -> None:
        """Note the last good model; without room on the disk the old note stays."""
        beside = self._folder / f".{LAST_GOOD}.{os.getpid()}"
        try:
            beside.write_text(json.dumps({"digest": named.digest, "number": named.number}))
            os.replace(beside, self._folder / LAST_GOOD)
        except OSError as error:
            log.warning("the last good model cannot be noted", reason=str(error))
            beside.unlink(missing_ok=True)

    def keep(self, digests: Collection[str]) -> None:
        """Delete the bundles that are not named, and what killed workers have left."""
        with contextlib.suppress(FileNotFoundError):
            for entry in list(os.scandir(self._folder)):
                if entry.name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):
                        if time.time() - entry.stat().st_mtime < ABANDONED_SECONDS:
                            continue
                elif entry.name in digests or entry.name == LAST_GOOD:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    Path(entry.path).unlink(missing_ok=True)


def _verified(folder: Path, named: Named) -> Bundle:
    bundle = load_bundle(folder)
    if bundle.digest != named.digest:
        raise MismatchError(
            f"the source names the model {named.digest[:12]}, but holds {bundle.version}",
            fix="find out who changed its files; choose another version",
        )
    return bundle


def _rename(source: Path, to: Path) -> None:
    try:
        os.rename(source, to)
    except OSError as error:
        if to.is_dir():
            raise FileExistsError(error.errno, error.strerror, str(to)) from error
        raise
