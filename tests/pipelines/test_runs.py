"""The pipeline runs from end to end on the image churn-ml, and makes what `dvc repro` makes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest

from tests import mlflow_server, workspaces
from tests.images.cluster import built
from tests.pipelines.engine import Kubeflow, Ran, socket
from tests.pipelines.programs import kfp_pipeline, run_local
from tests.receiver import Receiver, receiver

USERS = 400
# The gate of a small portal: it must let a first model pass, and none that is hardly better.
GATE = {
    "training.candidate.rounds": 60,
    "promotion.min_rows": 50,
    "promotion.min_users": 20,
    "promotion.confidence": 0.5,
    "promotion.max_slice_drop": 1.0,
    "promotion.margin": 0.02,
}
STEPS = [stage.name.replace("_", "-") for stage in kfp_pipeline.stages()]


@dataclass
class Site:
    """What the runs share: MLflow, and who is told."""

    kubeflow: Kubeflow
    tracking: str
    told: Receiver

    def run(self, *settings: str, **gate: object) -> Ran:
        overrides = json.dumps({**GATE, **{k.replace("__", "."): v for k, v in gate.items()}})
        return self.kubeflow.run(
            f"data_synthetic_users={USERS}", f"overrides={overrides}", *settings
        )

    def champion(self, model: str = "churn") -> str | None:
        """The number of the registry's champion."""
        client = mlflow.MlflowClient(self.tracking)
        found = client.get_registered_model(model).aliases.get("champion")
        return None if found is None else str(found)

    def last_told(self) -> tuple[str, str]:
        body = self.told.bodies[-1]
        return body["severity"], body["facts"]["state"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    built()
    folder = tmp_path_factory.mktemp("kubeflow")
    (folder / "mlflow").mkdir()
    # The image's user must get through to the artifacts.
    for place in (folder, folder.parent):
        place.chmod(0o755)
    with (
        mlflow_server.running(folder / "mlflow") as (tracking, _),
        receiver() as told,
        socket() as address,
    ):
        yield Site(Kubeflow(address, folder / "runs", tracking, told.url), tracking, told)


@pytest.fixture(scope="module")
def first(site: Site) -> Ran:
    return site.run()


@pytest.fixture(scope="module")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the same portal in which `dvc repro` has run."""
    over: dict[str, object] = {"data": {"synthetic": {"users": USERS}}}
    for key, value in GATE.items():
        section, *below = key.split(".")
        for part in reversed(below):
            value = {part: value}  # type: ignore[assignment]
        over = workspaces.merge(over, {section: value})
    folder = workspaces.make(tmp_path_factory.mktemp("dvc") / "work", over)
    started = time.monotonic()
    workspaces.run(folder, "dvc", "repro")
    print(f"dvc repro: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return folder


def contents(path: Path) -> dict[str, bytes]:
    """Of a file, or of a folder's files by name."""
    if path.is_file():
        return {"": path.read_bytes()}
    files = (one for one in path.rglob("*") if one.is_file())
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in files}


def test_every_step_runs_and_the_end_is_told(site: Site, first: Ran) -> None:
    print(f"pipeline: {first.seconds:.0f} s", file=sys.stderr)
    assert first.code == 0, first.log[-4_000:]
    assert first.ended == dict.fromkeys([*STEPS, "tell"], "SUCCESS")
    assert "decision promoted" in first.log
    assert site.champion() == "1"
    assert site.last_told() == ("info", "SUCCEEDED")
    assert len(site.told.bodies) == 1


@pytest.mark.parametrize("stage", kfp_pipeline.stages(), ids=lambda stage: stage.name)
def test_what_a_step_makes_is_what_dvc_makes(first: Ran, by_dvc: Path, stage: object) -> None:
    """Byte for byte and without an exception: tables, bundles, metrics, decision, lists."""
    made = [one for one in kfp_pipeline.stages() if one == stage]
    for out in made[0].outputs:
        ours = contents(first.artifact(made[0].name.replace("_", "-"), out.name))
        theirs = contents(by_dvc / out.path)
        assert ours.keys() == theirs.keys(), out.name
        assert [name for name in ours if ours[name] != theirs[name]] == [], out.name
        assert ours, out.name


def test_what_is_in_the_cache_is_not_made_again_and_a_refused_model_changes_nothing(
    site: Site, first: Ran
) -> None:
    """Other models on the same data, no better than the champion."""
    second = site.run("training_seed=43")
    assert second.code == 0, second.log[-4_000:]
    trained = {"train-baseline", "train-candidate"}
    assert set(second.ended) == {*trained, "promote-model", "batch-score", "tell"}
    decided = json.loads(second.artifact("promote-model", "metrics_promotion").read_text())
    assert (decided["decision"], decided["against"]) == ("refused", "champion")
    assert decided["challenger"]["digest"] != decided["champion"]["digest"]
    assert site.champion() == "1"
    for step, name in (("promote-model", "production"), ("batch-score", "predictions")):
        before, now = (contents(one.artifact(step, name)) for one in (first, second))
        assert now == before, f"{name} of the champion before"
    assert site.last_told() == ("info", "SUCCEEDED")


def test_without_a_champion_nothing_is_scored_and_it_is_said_why(site: Site, first: Ran) -> None:
    """Nothing of it is taken from the cache: an override counts for every step."""
    ran = site.run(promotion__margin=0.9, tracking__model="other")
    assert ran.code != 0
    assert ran.ended["promote-model"] == "SUCCESS"
    decided = json.loads(ran.artifact("promote-model", "metrics_promotion").read_text())
    assert (decided["decision"], decided["champion"]) == ("refused", None)
    assert (ran.ended["no-champion"], ran.ended["tell"]) == ("FAILURE", "SUCCESS")
    assert "batch-score" not in ran.ended
    assert "error: there is no champion, and the first model did not become one" in ran.log
    assert "Inner task failed: 'no-champion'" in ran.log
    assert site.champion("other") is None
    assert site.last_told() == ("critical", "FAILED")


@pytest.mark.parametrize(
    ("setting", "step", "said"),
    [
        ("churn_window_days=-5", "validate-data", "churn.window_days: input should be greater"),
        ("data_source=nowhere", "generate-data", "data.source: input should be 'synthetic'"),
        (
            "overrides=" + json.dumps({**GATE, "data.synthetic.dirt": {"impossible_values": 0.2}}),
            "validate-data",
            "more rows failed their checks than validation.max_quarantine_share",
        ),
    ],
    ids=["a value", "a name", "bad data"],
)
def test_a_step_that_fails_ends_the_run_and_is_told(
    site: Site, first: Ran, setting: str, step: str, said: str
) -> None:
    told = len(site.told.bodies)
    ran = site.run(setting)
    assert ran.code != 0
    assert (ran.ended[step], ran.ended["tell"]) == ("FAILURE", "SUCCESS")
    assert f"Inner task failed: '{step}'" in ran.log
    assert said in ran.log
    assert "fix: " in ran.log
    later = STEPS[STEPS.index(step) + 1 :]
    assert not set(later) & set(ran.ended)
    assert not list(ran.folder.glob(f"{step}/*")), "half of it"
    assert len(site.told.bodies) == told + 1
    assert site.last_told() == ("critical", "FAILED")


def test_the_registry_away_is_a_failure_that_leaves_the_champion(site: Site, first: Ran) -> None:
    away = f"http://127.0.0.1:{mlflow_server.free_port()}"
    ran = site.run(f"tracking_uri={away}")
    assert ran.code != 0
    failed = [name for name, status in ran.ended.items() if status == "FAILURE"]
    assert len(failed) >= 1
    assert set(failed) <= {"train-baseline", "train-candidate"}
    assert "promote-model" not in ran.ended
    assert site.champion() == "1"
    assert site.last_told() == ("critical", "FAILED")


def test_parameters_are_read_as_the_pipeline_names_them() -> None:
    assert run_local.setting("training_seed=43") == ("training_seed", 43)
    assert run_local.setting("data_end_date=2025-03-31")[1] == "2025-03-31"
    assert run_local.setting('overrides={"a.b": 1}')[1] == {"a.b": 1}
    with pytest.raises(Exception, match=r"'training_sed=1' is not NAME=VALUE; names: .*seed"):
        run_local.setting("training_sed=1")
