"""Where models come from: a source names the champion and hands its bundle out."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from churn_mlops.errors import BundleError, TrackingError
from churn_mlops.registry.bundle import FILES, SUMS
from churn_mlops.registry.champion import DIGEST


class SourceAwayError(TrackingError):
    """The source does not answer, or answers that it cannot now."""


@dataclass(frozen=True)
class Named:
    """A model as its source names it.

    Parameters
    ----------
    digest : str
        Of the bundle, 64 hexadecimal digits.
    number : int or None
        Its version in the registry.
    """

    digest: str
    number: int | None

    @classmethod
    def by_tags(cls, model: str, number: int, tags: Mapping[str, str]) -> Named:
        """Name a version of a registered model by what its tags say.

        Raises
        ------
        BundleError
            It was not registered by this project: nothing says which bundle it must be.
        """
        if len(tags.get(DIGEST, "")) != 64:
            raise BundleError(
                f"version {number} of the model '{model}' has no tag {DIGEST}",
                fix="let the alias name a version that this project's pipeline registered",
            )
        return cls(tags[DIGEST], number)


class Source(Protocol):
    """What the model store asks; the calls may take long, and come one after the other.

    All of them raise `SourceAwayError` when the source is out of reach, `BundleError` when it
    names or holds what no bundle can be.
    """

    @property
    def name(self) -> str:
        """How readiness calls the source."""
        ...

    def champion(self) -> Named | None:
        """The model that should answer; None while there is none."""
        ...

    def challenger(self) -> Named | None:
        """The model that may become champion."""
        ...

    def fetch(self, named: Named, to: Path) -> None:
        """Copy a bundle's files to a directory that is there and empty; nothing is verified."""
        ...

    def close(self) -> None:
        """Let connections and processes go."""
        ...


class FolderSource:
    """Bundles in folders of this machine, as the pipeline leaves them.

    Parameters
    ----------
    production : Path
        The champion's folder.
    candidate : Path
        Of the model that was trained last; it is the challenger until it is champion.
    """

    name = "folder"

    def __init__(self, production: Path, candidate: Path) -> None:
        self._production, self._candidate = production, candidate

    def champion(self) -> Named | None:
        """The bundle in production."""
        return _named(self._production)

    def challenger(self) -> Named | None:
        """The candidate, unless it is in production."""
        candidate = _named(self._candidate)
        return None if candidate == self.champion() else candidate

    def fetch(self, named: Named, to: Path) -> None:
        """Copy the files of whichever folder holds the bundle."""
        source = self._candidate if _named(self._candidate) == named else self._production
        for name in FILES:
            shutil.copyfile(source / name, to / name)

    def close(self) -> None:
        """Nothing is held."""


def _named(folder: Path) -> Named | None:
    try:
        sums = (folder / SUMS).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SourceAwayError(
            f"{folder} cannot be read: {error.strerror}", fix="check its permissions and its disk"
        ) from error
    return Named(hashlib.sha256(sums).hexdigest(), None)
