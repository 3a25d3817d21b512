"""Brings a step's artifacts into its workspace, and what it has made to where they are wanted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from churn_mlops.errors import ContractError, ParamsError, SourceError
from churn_mlops.kubeflow.dvc_stages import METRICS, Output, Stage
from churn_mlops.kubeflow.given import Given, local_path
from churn_mlops.tables.folders import beside, remove


def check_names(stage: Stage, given: Given) -> None:
    """Make sure that pipeline and image speak of the same stage.

    Raises
    ------
    ParamsError
        The image's dvc.yaml declares other inputs or outputs than the pipeline passes.
    """
    sides = (
        ("inputs", {out.name for _, out in stage.inputs}, set(given.inputs)),
        ("outputs", {out.name for out in stage.outputs}, set(given.outputs)),
    )
    for side, declared, passed in sides:
        if declared != passed:
            differ = ", ".join(sorted(declared ^ passed))
            raise ParamsError(
                f"the {side} of {stage.name} differ between the pipeline and the image's dvc.yaml:"
                f" {differ}",
                fix="compile the pipeline from the project that the image was built from",
            )


def bring(stage: Stage, given: Given, folder: Path) -> None:
    """Put the input artifacts where dvc.yaml names them; they are linked, not copied.

    Raises
    ------
    SourceError
        One is not there.
    """
    for maker, out in stage.inputs:
        source = local_path(given.inputs[out.name])
        if not source.exists():
            raise SourceError(
                f"the input artifact '{out.name}' of {stage.name} is not at {source}",
                fix=f"run the pipeline without its cache, so that {maker} makes it again",
            )
        target = folder / out.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)


def deliver(made: Iterable[Output], given: Given, folder: Path) -> dict[str, dict[str, Any]]:
    """Put outputs to their artifacts: all lie beside their places before the first takes its own.

    Returns
    -------
    dict
        What is shown beside each artifact, by name.

    Raises
    ------
    ContractError
        The stage has not made one.
    """
    ready = []
    told = {}
    for out in made:
        source, target = folder / out.path, local_path(given.outputs[out.name])
        if not source.exists():
            raise ContractError(
                f"the stage ended well, but has not written {out.path}",
                fix="dvc.yaml must declare what the stage writes",
            )
        told[out.name] = _numbers(source) if out.kind == METRICS else {}
        target.parent.mkdir(parents=True, exist_ok=True)
        remove(beside(target))
        if source.is_dir():
            shutil.copytree(source, beside(target))
        else:
            shutil.copyfile(source, beside(target))
        ready.append(target)
    for target in ready:
        remove(target)
        beside(target).rename(target)
    return told


def _numbers(path: Path) -> dict[str, Any]:
    """The top level's numbers and texts, which Kubeflow shows."""
    body = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in body.items() if isinstance(value, int | float | str)}
