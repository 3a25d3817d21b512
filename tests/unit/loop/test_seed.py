"""The first model is trained once; without MLflow nothing is begun."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from churn_mlops.errors import TrackingError
from churn_mlops.loop import seed
from churn_mlops.loop.kept_workspace import kept_workspace
from churn_mlops.loop.lease import lease
from churn_mlops.loop.lock import workspace_lock
from churn_mlops.loop.state_store import Store
from churn_mlops.monitoring.repro import Outcome
from churn_mlops.params import Params
from churn_mlops.registry.bundle import copy_bundle
from tests.trained import bundle_folder


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The stages that DVC was asked for; the pipeline promotes a model."""
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []

    def repro(stage: str) -> Outcome:
        asked.append(stage)
        copy_bundle(bundle_folder(), Path("artifacts/production"))
        return Outcome(("train_candidate", "promote_model", stage))

    monkeypatch.setattr(seed, "repro", repro)
    return asked


def test_a_champion_comes_of_the_whole_pipeline_once(stages: list[str]) -> None:
    first = seed.run(Params())
    assert stages == ["batch_score"]
    assert first.facts["stages"][-1] == "batch_score"
    again = seed.run(Params())
    assert stages == ["batch_score"]
    assert again.facts == {"champion": first.facts["champion"], "stages": []}
    assert "nothing to do" in again.lines[0]


def test_a_damaged_champion_is_trained_anew(stages: list[str]) -> None:
    Path("artifacts/production").mkdir(parents=True)
    Path("artifacts/production/SHA256SUMS").write_text("no sums")
    assert seed.run(Params()).facts["champion"]
    assert stages == ["batch_score"]


def test_without_mlflow_nothing_is_begun(stages: list[str]) -> None:
    away = Params.model_validate({"tracking": {"uri": "http://127.0.0.1:9"}})
    with pytest.raises(TrackingError, match="does not answer"):
        seed.run(away)
    assert not stages


@pytest.mark.parametrize("workspace", [None, "place"])
def test_it_is_settled_while_another_job_works(
    stages: list[str], tmp_path: Path, workspace: str | None
) -> None:
    params = Params.model_validate({"jobs": {"workspace": workspace and str(tmp_path / workspace)}})
    assert seed.settled(params) is None
    with kept_workspace(params):
        champion = seed.run(params).facts["champion"]
    with workspace_lock(params, "another"), contextlib.ExitStack() as held:
        if workspace:
            held.enter_context(lease(Store(str(tmp_path / workspace)), wait=0))
        told = seed.settled(params)
    assert told is not None
    assert told.facts == {"champion": champion, "stages": []}


def test_a_damaged_champion_settles_nothing(stages: list[str]) -> None:
    Path("artifacts/production").mkdir(parents=True)
    Path("artifacts/production/SHA256SUMS").write_text("no sums")
    assert seed.settled(Params()) is None
