"""Runs a stage of dvc.yaml as a step: its inputs are brought, its command runs, its outputs go out.

The workspace is new and is gone afterwards. What outlives a run lives elsewhere: the champion in
MLflow's registry, from where it is brought before the gate, and the raw data at their source.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from churn_mlops.errors import ParamsError, PromotionError
from churn_mlops.files import read_json, write_json, write_text
from churn_mlops.kubeflow.dvc_stages import (
    DECISION,
    GATE,
    METRICS,
    NO_CHAMPION,
    Stage,
    read_stages,
)
from churn_mlops.kubeflow.given import Given, local_path
from churn_mlops.kubeflow.handover import bring, check_names, deliver
from churn_mlops.kubeflow.parameters import environment, name_of
from churn_mlops.loop.workspace import PARAMS, lay_out
from churn_mlops.params import Params, load
from churn_mlops.registry.champion import current_champion, production_folder
from churn_mlops.registry.history import DRY_RUN, REFUSED, ledger
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.registry.shared_list import is_shared
from churn_mlops.summary import Summary


@dataclass(frozen=True)
class Ended:
    """How a step ended; the summary of one that failed is of no use."""

    summary: Summary
    exit_code: int


def run(name: str, given: Given, projects: Sequence[Path]) -> Ended:
    """Run a stage; nothing goes out unless it ended well.

    Parameters
    ----------
    name : str
        Of the stage.
    given : Given
    projects : sequence of Path
        Where the project lies, see `lay_out`.

    Returns
    -------
    Ended
        With the exit code of the stage's command.

    Raises
    ------
    ParamsError
        A parameter is wrong, or the pipeline was compiled from another project.
    SourceError
        An input artifact is missing, or the project is.
    TrackingError
        MLflow does not answer.
    """
    overrides = environment(given.parameters)
    with TemporaryDirectory(prefix="churn-step-") as made:
        folder = Path(made)
        lay_out(projects, folder)
        params = load(folder / PARAMS, {**os.environ, **overrides})
        stage = _stage(name, folder, params)
        check_names(stage, given)
        _check_lasting(stage, params)
        bring(stage, given, folder)
        with chdir(folder):
            if stage.name == GATE:
                with Tracker(params.tracking) as tracker:
                    current_champion(tracker, params)
            code = _command(stage.command, overrides)
            decision = _decision(stage, code, params) if stage.name == GATE else None
        if code and decision is None:
            return Ended(Summary(name), code)
        outputs = [out for out in stage.outputs if decision != NO_CHAMPION or out.kind == METRICS]
        told = deliver(outputs, given, folder)
    if decision is not None:
        path = given.parameter_files[DECISION]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, decision)
    # Kubeflow looks up every artifact before it looks at the condition.
    given.answer({out.name: told.get(out.name, {}) for out in stage.outputs})
    places = [local_path(given.outputs[out.name]) for out in outputs]
    return Ended(Summary(name, {}, places, {"decision": decision} if decision else {}), 0)


def _stage(name: str, folder: Path, params: Params) -> Stage:
    text = (folder / "dvc.yaml").read_text(encoding="utf-8")
    stages = {stage.name: stage for stage in read_stages(text, params.model_dump())}
    if name not in stages:
        raise ParamsError(
            f"dvc.yaml has no stage {name}", fix=f"its stages are {', '.join(stages)}"
        )
    return stages[name]


def _check_lasting(stage: Stage, params: Params) -> None:
    """Refuse what would work once and be wrong the next time."""
    if stage.depends_on("tracking.uri") and not is_shared(params):
        raise ParamsError(
            f"{name_of('tracking.uri')} is {params.tracking.uri}, which is gone with the step",
            fix="give the address of an MLflow server, such as http://mlflow.churn-mlops:5000",
        )
    grows = stage.depends_on("data.source") and params.data.source != "synthetic"
    if grows and params.data.end_date is None:
        raise ParamsError(
            f"{name_of('data.end_date')} is missing: Kubeflow takes a step with the same parameters"
            " from its cache, and the source may have more days by now",
            fix="give the last complete day of the source, such as 2025-06-30",
        )


def _command(command: str, overrides: dict[str, str]) -> int:
    """Run the stage's command as DVC does; what it prints is this step's log."""
    done = subprocess.run(  # noqa: S603 (dvc.yaml's own commands)
        ["/bin/sh", "-c", command], env={**os.environ, **overrides}, stdout=2, check=False
    )
    return done.returncode


def _decision(stage: Stage, code: int, params: Params) -> str | None:
    """What the gate decided; None when it could not.

    A first model that is refused leaves nothing to score with. That is a decision like others: its
    evidence, which the command leaves in the ledger only, is put where the metrics are expected.
    """
    (report,) = [Path(out.path) for out in stage.outputs if out.kind == METRICS]
    if code == 0:
        return read_json(report, lambda body: str(body["decision"]), "run the pipeline again")
    if code != PromotionError.exit_code or production_folder(params).exists():
        return None
    last = next(iter(ledger(params).entries()[-1:]), None)
    if last is None or last.action not in (REFUSED, DRY_RUN):
        return None
    write_json(report, {"decision": last.action, **last.facts})
    return NO_CHAMPION
