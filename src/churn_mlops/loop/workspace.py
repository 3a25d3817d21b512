"""Lays a project out as a workspace: its code and pipeline, beside the data that are there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from churn_mlops.errors import SourceError
from churn_mlops.files import write_bytes
from churn_mlops.loop.lock import workspace_lock
from churn_mlops.params import Params
from churn_mlops.registry.code_state import folder_digest
from churn_mlops.tables.folders import beside, remove, settle, swap

# What dvc.yaml lists as the code of its stages.
CODE = ("src", "scripts")
PIPELINE = ("dvc.yaml", ".dvc/config")
PARAMS = "params.yaml"
OPTIONAL = (".dvcignore", PARAMS)
SKIPPED = shutil.ignore_patterns("__pycache__", "*.pyc")


def lay_out(projects: Sequence[Path], folder: Path) -> list[str]:
    """Make code, pipeline and parameters of a workspace those of a project; data are left alone.

    Parameters
    ----------
    projects : sequence of Path
        Folders with parts of the project; what a later one holds is taken instead of an earlier
        one's, so that parameters may lie elsewhere.
    folder : Path
        The workspace; made if there is none.

    Returns
    -------
    list of str
        The parts that were not there or different.

    Raises
    ------
    SourceError
        No folder holds a part that the pipeline needs.
    """
    found = {name: _found(projects, name) for name in (*CODE, *PIPELINE, *OPTIONAL)}
    missing = [name for name in (*CODE, *PIPELINE) if found[name] is None]
    if missing:
        raise SourceError(
            f"{', '.join(str(one) for one in projects)} lacks {', '.join(missing)}, which the"
            " pipeline is made of",
            fix="name the project's folder: it holds dvc.yaml and src",
        )
    folder.mkdir(parents=True, exist_ok=True)
    return [
        name
        for name, source in found.items()
        if source is not None and _brought(source, folder / name)
    ]


def laid_out(projects: Sequence[Path], params: Params) -> list[str]:
    """Lay the working directory out, while nobody else is at work in it; see `lay_out`.

    Raises
    ------
    SourceError
        No folder holds a part that the pipeline needs.
    WorkspaceBusyError
        Another process is at work here.
    """
    with workspace_lock(params, "lay out the project"):
        return lay_out(projects, Path.cwd())


def params_file(projects: Sequence[Path]) -> Path:
    """The parameters that `lay_out` takes.

    Raises
    ------
    SourceError
        No folder holds any.
    """
    found = _found(projects, PARAMS)
    if found is None:
        raise SourceError(
            f"{', '.join(str(one) for one in projects)} lacks {PARAMS}",
            fix="name the project's folder, or one that holds its params.yaml",
        )
    return found


def _found(projects: Sequence[Path], name: str) -> Path | None:
    return next((one / name for one in reversed(projects) if (one / name).exists()), None)


def _brought(source: Path, target: Path) -> bool:
    """Make the target as the source; whether it was not."""
    if source.is_dir():
        settle(target)
        if target.is_dir() and folder_digest(target) == folder_digest(source):
            return False
        remove(beside(target))
        shutil.copytree(source, beside(target), ignore=SKIPPED)
        swap(target)
        return True
    body = source.read_bytes()
    if target.exists() and target.read_bytes() == body:
        return False
    write_bytes(target, body)
    return True
