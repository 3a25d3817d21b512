"""Logs runs to MLflow and keeps the versions of the model in its registry.

MLflow's client takes seconds to import and, on its first use of a database, seconds more to set
the tables up. So it runs in a process of its own (`mlflow_worker`), which does both while the
model is being trained. Whether the server answers at all is asked before, from here, with
``tracking.timeout_seconds`` and without MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from churn_mlops.params import Tracking
from churn_mlops.registry.mlflow_process import Process
from churn_mlops.registry.reachable import check_reachable


@dataclass(frozen=True)
class Run:
    """What is logged about one training.

    Parameters
    ----------
    name : str
        Stage and model, such as ``train_baseline logistic_regression``.
    params, tags : mapping of str to str
    metrics : mapping of str to float
    artifacts : sequence of (path, folder in the run)
        Files or directories; an empty folder is the run's root.
    dataset : mapping of str to str
        ``name``, ``digest`` and ``path`` of the training table.
    """

    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    artifacts: Sequence[tuple[str, str]]
    dataset: Mapping[str, str]


@dataclass(frozen=True)
class Version:
    """A version of a registered model.

    Parameters
    ----------
    version : int
        Its number in the registry, from 1.
    run_id : str
        The run whose bundle it is.
    tags : mapping of str to str
    aliases : tuple of str
        Sorted; such as ``champion``.
    created : str
        When it was registered, UTC, such as 2025-01-31T12:00:00+00:00.
    """

    version: int
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    created: str = ""


class Tracker:
    """The way to MLflow: enter before the work, call when there is something to log or to ask.

    All calls raise `TrackingError` with what MLflow said; the other calls go on working after
    that, unless it was that MLflow took too long or its process ended.

    Parameters
    ----------
    tracking : Tracking

    Raises
    ------
    TrackingError
        On entering, see `check_reachable`.
    """

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking
        self._process: Process | None = None

    def __enter__(self) -> Self:
        check_reachable(self.tracking)
        self._process = Process(self.tracking)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _ask(self, call: str, words: str, **given: Any) -> Any:
        if self._process is None:
            raise RuntimeError("the tracker has not been entered")
        return self._process.ask(call, words, **given)

    def log(self, run: Run) -> str:
        """Log a run with its artifacts and return its id."""
        return str(self._ask("log", "take the run", run=asdict(run)))

    def find_run(self, bundle_sha256: str, stage: str) -> str | None:
        """Find the newest finished run in which a stage made a bundle.

        Parameters
        ----------
        bundle_sha256 : str
            Digest of the bundle, which the run has as a tag.
        stage : str
            Such as ``train_baseline``; a tag as well.

        Returns
        -------
        str or None
            Its id.
        """
        found = self._ask("find_run", "look for a run", bundle_sha256=bundle_sha256, stage=stage)
        return None if found is None else str(found)

    def register(self, model: str, run_id: str, folder: str, tags: Mapping[str, str]) -> int:
        """Make a run's bundle a version of a model, which is created if need be.

        Parameters
        ----------
        model : str
        run_id : str
        folder : str
            Where the bundle lies in the run, such as ``model``.
        tags : mapping of str to str
            With ``bundle_sha256``. When the model has a version with this digest already, nothing
            is changed, not even its tags.

        Returns
        -------
        int
            The number of the new version, or of the one that there was.
        """
        words = f"register a version of {model}"
        given = {"model": model, "run_id": run_id, "folder": folder, "tags": dict(tags)}
        return int(self._ask("register", words, **given)["version"])

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Let an alias name a version, and no other one any more."""
        words = f"let {alias} name version {version} of {model}"
        self._ask("set_alias", words, model=model, alias=alias, version=str(version))

    def delete_alias(self, model: str, alias: str) -> None:
        """Take an alias away; of a model that exists, it may be missing already."""
        self._ask("delete_alias", f"take {alias} from {model}", model=model, alias=alias)

    def by_alias(self, model: str, alias: str) -> Version | None:
        """Get the version that an alias names; None without such an alias or model."""
        found = self._ask("by_alias", f"look up {alias} of {model}", model=model, alias=alias)
        return _version(found) if found else None

    def by_version(self, model: str, version: int) -> Version | None:
        """Get the version with a number; None without such a version or model."""
        words = f"look up version {version} of {model}"
        found = self._ask("by_version", words, model=model, version=str(version))
        return _version(found) if found else None

    def versions(self, model: str) -> list[Version]:
        """List all versions of a model, newest first; empty without such a model."""
        return [_version(found) for found in self._ask("versions", f"list {model}", model=model)]

    def set_tags(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        """Add tags to a version or change them; its other tags stay."""
        words = f"tag version {version} of {model}"
        self._ask("set_tags", words, model=model, version=str(version), tags=dict(tags))

    def download(self, model: str, version: int, to: Path) -> None:
        """Copy a version's bundle to a directory, which is there as a whole or not at all.

        What was downloaded has not been verified: that is `load_bundle`'s part.

        Parameters
        ----------
        model : str
        version : int
        to : Path
            Must not exist yet.
        """
        words = f"give version {version} of {model}"
        place = str(to.absolute())
        self._ask("download", words, model=model, version=str(version), to=place)

    def attach(self, run_id: str, path: Path, folder: str) -> None:
        """Add a directory's files to a run, below a folder of it."""
        words = f"take {folder} of the run {run_id}"
        self._ask("attach", words, run_id=run_id, path=str(path.absolute()), folder=folder)

    def fetch(self, run_id: str, folder: str, to: Path) -> list[str]:
        """Copy a folder of a run to a directory that exists.

        Returns
        -------
        list of str
            The names of the files; empty when the run has no such folder.
        """
        words = f"give {folder} of the run {run_id}"
        place = str(to.absolute())
        return [str(n) for n in self._ask("fetch", words, run_id=run_id, folder=folder, to=place)]


def _version(found: Mapping[str, Any]) -> Version:
    created = datetime.fromtimestamp(found["created"] / 1000, UTC)
    return Version(
        version=int(found["version"]),
        run_id=str(found["run_id"] or ""),
        tags=dict(found["tags"]),
        aliases=tuple(found["aliases"]),
        created=created.isoformat(timespec="seconds"),
    )
