"""Where a time lapse takes place: a workspace with a pipeline and a registry of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from churn_mlops.errors import ParamsError, SourceError
from churn_mlops.files import write_json, write_text
from churn_mlops.loop.scenarios import CHANGE_AFTER_DAYS, HISTORY_DAYS, Scenario, scenario
from churn_mlops.loop.workspace import PARAMS, lay_out
from churn_mlops.params import Params, load

MARK = "simulation.json"
FIRST_DAY = date(2025, 1, 1)
"""First day of the log."""
FOREIGN = ("MLFLOW_", "CHURN__")


@dataclass(frozen=True)
class Plan:
    """What is lived through.

    Parameters
    ----------
    scenario : str
    users, seed : int
        Of the synthetic portal.
    first : date
        First day of the log.
    """

    scenario: str
    users: int
    seed: int
    first: date

    @property
    def what(self) -> Scenario:
        """The scenario."""
        return scenario(self.scenario)

    @property
    def begin(self) -> date:
        """The first day that is lived through."""
        return self.first + timedelta(days=HISTORY_DAYS)

    @property
    def change(self) -> date:
        """The day on which something happens."""
        return self.begin + timedelta(days=CHANGE_AFTER_DAYS)

    def day(self, number: int) -> date:
        """A day that is lived through, 0 being the first."""
        return self.begin + timedelta(days=number)

    def as_json(self) -> dict[str, Any]:
        """As the mark of the folder holds it."""
        return asdict(self) | {"first": self.first.isoformat()}


def prepare(params_file: Path, folder: Path, plan: Plan) -> bool:
    """Lay out the workspace, unless it is there already, to go on with.

    Parameters
    ----------
    params_file : Path
        The parameters to begin with; the project's pipeline and code lie beside them.
    folder : Path
    plan : Plan

    Returns
    -------
    bool
        Whether the first models are there already.

    Raises
    ------
    ParamsError
        The folder holds something else.
    SourceError
        No project lies beside the parameters.
    """
    mark = folder / MARK
    if mark.exists():
        known = json.loads(mark.read_text(encoding="utf-8"))
        if known["plan"] != plan.as_json():
            raise ParamsError(
                f"{folder} holds another time lapse: {known['plan']}",
                fix="go on with its own options, or choose another folder with --into",
            )
        return bool(known["trained"])
    if folder.exists() and any(folder.iterdir()):
        raise ParamsError(f"{folder} is not empty", fix="choose another folder with --into")
    lay_out([params_file.absolute().parent], folder)
    tree = settings(yaml.safe_load(params_file.read_text(encoding="utf-8")) or {}, plan)
    write_text(folder / PARAMS, yaml.safe_dump(tree, sort_keys=False))
    subprocess.run(["git", "init", "-q", str(folder)], check=True)  # noqa: S603, S607 (as people do)
    write_mark(folder, plan, trained=False)
    return False


MAX_TEST_DAYS = 14
"""Of a time lapse, unless the project sets its own."""


def settings(tree: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """The project's parameters with the portal of the plan.

    Nothing leaves the folder: no metrics are pushed, nobody is alerted, MLflow is a file in it.
    """
    found = {name: dict(section or {}) if isinstance(section, Mapping) else section
             for name, section in tree.items()}  # fmt: skip
    data = found.setdefault("data", {})
    synthetic = dict(data.get("synthetic") or {})
    drift = [change.model_dump(mode="json") for change in plan.what.drift(plan.change)]
    synthetic |= {"users": plan.users, "seed": plan.seed, "days": HISTORY_DAYS, "drift": drift}
    data |= {"source": "synthetic", "start_date": plan.first.isoformat(), "end_date": None}
    data["synthetic"] = synthetic
    found.setdefault("tables", {})["format"] = "parquet"
    found["tracking"] = {**found.get("tracking", {}), "uri": "sqlite:///mlflow.db"}
    found["paths"] = {"data": "data", "artifacts": "artifacts"}
    found.setdefault("scoring", {})["as_of_date"] = None
    # A share of a log that grows would be weeks on which nothing can be learned.
    found.setdefault("training", {}).setdefault("max_test_days", None)
    found["training"]["max_test_days"] = found["training"]["max_test_days"] or MAX_TEST_DAYS
    serving = found.setdefault("serving", {})
    serving |= {"host": "127.0.0.1", "poll_seconds": 0.5, "workers": 1, "cache": None}
    serving |= {"metrics_port": None, "api_keys": [], "api_keys_file": None, "rate_limit": None}
    monitoring = found.setdefault("monitoring", {})
    monitoring["publish"] = {"pushgateway": None, "textfile": None}
    monitoring["alert"] = {"webhook": None, "slack": None, "smtp": None, "link": None}
    return found


def write_mark(folder: Path, plan: Plan, *, trained: bool) -> None:
    """Say whose folder it is and how far its preparation has come."""
    write_json(folder / MARK, {"plan": plan.as_json(), "trained": trained})


def first_models(folder: Path, plan: Plan) -> None:
    """Run the whole pipeline once, on the history.

    Raises
    ------
    SourceError
        It failed; says how.
    """
    place = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env={**os.environ, "PATH": place},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SourceError(
            f"`dvc repro` failed in {folder}:\n{(done.stdout + done.stderr)[-2000:]}",
            fix="mend what it says and run the same command again",
        )
    write_mark(folder, plan, trained=True)


@contextmanager
def inside(folder: Path) -> Iterator[Params]:
    """Work in the folder, with its parameters and nothing of the outside's environment."""
    here = Path.cwd()
    outer = {k: os.environ.pop(k) for k in list(os.environ) if k.upper().startswith(FOREIGN)}
    os.chdir(folder)
    try:
        yield load(PARAMS)
    finally:
        os.chdir(here)
        os.environ.update(outer)
