"""The committed pipeline is that of dvc.yaml and params.yaml, and asks for what it should."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_mlops.kubeflow.dvc_stages import Stage
from churn_mlops.kubeflow.parameters import KEYS, OVERRIDES, name_of
from churn_mlops.params import load
from tests.manifests.objects import plain_objects
from tests.pipelines.compiled import Compiled
from tests.pipelines.programs import FOLDER, ROOT, kfp_pipeline, settings

FILE = FOLDER / "churn_pipeline.yaml"
DVC: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES: list[Stage] = kfp_pipeline.stages()
BESIDE = {"tell", "no-champion"}


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return Compiled(FILE)


def step(stage: str) -> str:
    return stage.replace("_", "-")


def test_the_committed_file_is_current(tmp_path: Path) -> None:
    """Byte for byte; `python pipelines/kfp_pipeline.py` writes it."""
    again = tmp_path / "again.yaml"
    program = [sys.executable, str(FOLDER / "kfp_pipeline.py"), "--output", str(again)]
    subprocess.run(program, cwd=tmp_path, check=True, capture_output=True)
    assert again.read_bytes() == FILE.read_bytes()


def test_the_image_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    program = [sys.executable, str(FOLDER / "kfp_pipeline.py"), "--image", "here/ml:2"]
    subprocess.run([*program, "--output", str(path)], check=True, capture_output=True)
    other = Compiled(path)
    assert {other.container(name)["image"] for name in other.tasks} == {"here/ml:2"}


def test_every_stage_is_a_step_that_runs_it(compiled: Compiled) -> None:
    assert set(compiled.tasks) - BESIDE == {step(stage) for stage in DVC}
    for stage in DVC:
        command = ["churn", "step", "run", stage, "{{$}}"]
        assert compiled.container(step(stage))["command"] == command


def test_every_declared_output_and_metric_is_an_artifact(compiled: Compiled) -> None:
    """Counted in dvc.yaml itself, which is not read by the code under test here."""
    for stage, entry in DVC.items():
        declared = [*entry.get("outs", ()), *entry.get("metrics", ())]
        made = compiled.component(step(stage))["outputDefinitions"]["artifacts"]
        assert len(made) == len(declared), stage
        kinds = [one["artifactType"]["schemaTitle"] for one in made.values()]
        assert kinds.count("system.Metrics") == len(entry.get("metrics", ())), stage


def test_the_edges_are_those_of_dvc_yaml(compiled: Compiled) -> None:
    """Worked out once more from the paths alone."""
    owner = {}
    for stage, entry in DVC.items():
        for one in (*entry.get("outs", ()), *entry.get("metrics", ())):
            owner[one if isinstance(one, str) else next(iter(one))] = stage
    wanted = set()
    for stage, entry in DVC.items():
        for dep in entry["deps"]:
            makers = [own for path, own in owner.items() if f"{dep}/".startswith(f"{path}/")]
            wanted |= {(step(own), step(stage)) for own in makers}
    made = {(maker, taker) for maker, _, taker in compiled.edges() if taker not in BESIDE}
    assert made == wanted
    assert len(wanted) > len(DVC)


def test_kinds_of_artifacts(compiled: Compiled) -> None:
    def kind(stage: str, name: str) -> str:
        made = compiled.component(stage)["outputDefinitions"]["artifacts"]
        return str(made[name]["artifactType"]["schemaTitle"])

    assert kind("generate-data", "raw") == "system.Dataset"
    assert kind("train-candidate", "models_candidate") == "system.Model"
    assert kind("promote-model", "production") == "system.Model"
    assert kind("promote-model", "metrics_promotion") == "system.Metrics"
    assert kind("train-baseline", "plots_baseline_pr") == "system.Artifact"


def test_no_artifact_of_a_step_has_a_name_that_another_begins_with(compiled: Compiled) -> None:
    """Kubeflow brings everything from a bucket that begins with an artifact's name."""
    for stage in STAGES:
        names = sorted(out.name for out in stage.outputs)
        pairs = pairwise(names)
        assert not [one for one, after in pairs if after.startswith(one)]


def test_a_list_is_made_only_if_the_gate_left_a_champion(compiled: Compiled) -> None:
    conditions = {
        name: task["triggerPolicy"]["condition"]
        for name, task in compiled.groups.items()
        if "condition" in task.get("triggerPolicy", {})
    }
    asked = "inputs.parameter_values['pipelinechannel--promote-model-Output'] != 'no_champion'"
    assert sorted(" ".join(text.split()) for text in conditions.values()) == [
        f"!({asked})",
        asked,
    ]
    below = {name: compiled.members(name) for name in conditions}
    (scored,) = [names for names in below.values() if "batch-score" in names]
    assert scored == {"batch-score"}
    assert {"no-champion"} in below.values()


def test_the_end_is_told_whatever_happened(compiled: Compiled) -> None:
    task = compiled.spec["root"]["dag"]["tasks"]["tell"]
    assert task["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    (group,) = task["dependentTasks"]
    assert task["inputs"]["parameters"]["status"] == {"taskFinalStatus": {"producerTask": group}}
    for name, placeholder in (("run", "job_name"), ("run_id", "job_uuid")):
        given = task["inputs"]["parameters"][name]["runtimeValue"]["constant"]
        assert given == f"{{{{$.pipeline_{placeholder}}}}}", "a cluster fills in nothing else"
    assert set(compiled.tasks) - {"tell"} <= set(_all_below(compiled, group))
    log = {"name": "CHURN__MONITORING__ALERT__LOG", "value": "true"}
    assert compiled.container("tell")["env"] == [log]


def _all_below(compiled: Compiled, group: str) -> set[str]:
    names = compiled.members(group)
    return names.union(*(_all_below(compiled, n) for n in names if n in compiled.groups))


def test_only_what_its_inputs_decide_is_taken_from_the_cache(compiled: Compiled) -> None:
    cached = {
        name for name, task in compiled.tasks.items() if task["cachingOptions"].get("enableCache")
    }
    assert set(compiled.tasks) - cached == {"promote-model", "tell", "no-champion"}
    assert "production" in compiled.component("batch-score")["inputDefinitions"]["artifacts"]


def test_parameters_have_the_defaults_and_types_of_params_yaml(compiled: Compiled) -> None:
    params = load(ROOT / "params.yaml", {}).model_dump(mode="json")
    declared = compiled.spec["root"]["inputDefinitions"]["parameters"]
    assert set(declared) == {name_of(key) for key in KEYS} | {OVERRIDES}
    for key in set(KEYS) - {"tracking.uri"}:
        value: Any = params
        for part in key.split("."):
            value = value[part]
        given = declared[name_of(key)]
        assert given["defaultValue"] == ("" if value is None else value), key
        kind = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE"}
        assert given["parameterType"] == kind.get(type(value), "STRING"), key


def test_a_step_is_given_the_parameters_that_its_stage_depends_on(compiled: Compiled) -> None:
    def given(stage: str) -> set[str]:
        return set(compiled.component(step(stage))["inputDefinitions"]["parameters"])

    assert given("build_labels") == {"churn_window_days", OVERRIDES}
    assert "training_seed" in given("train_baseline")
    for stage in ("train_baseline", "train_candidate", "promote_model"):
        assert "tracking_uri" in given(stage)
    assert "tracking_uri" not in given("batch_score")
    for key in KEYS:
        assert any(name_of(key) in given(stage) for stage in DVC), key


def test_steps_have_what_the_jobs_of_kubernetes_have(compiled: Compiled) -> None:
    folder = ROOT / "k8s"
    job = yaml.safe_load((folder / "jobs/weekly-retrain-cronjob.yaml").read_text())
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    wanted = pod["containers"][0]["resources"]
    for name in compiled.tasks:
        resources = compiled.container(name)["resources"]
        assert resources["resourceCpuRequest"] == wanted["requests"]["cpu"]
        assert resources["resourceCpuLimit"] == wanted["limits"]["cpu"]
        assert resources["resourceMemoryRequest"] == wanted["requests"]["memory"]
        assert resources["resourceMemoryLimit"] == wanted["limits"]["memory"]
        asked = compiled.settings(name)
        deadline = job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        assert asked["activeDeadlineSeconds"] == str(deadline)
        retry = compiled.tasks[name].get("retryPolicy", {})
        assert retry.get("maxRetryCount", 0) == (0 if name == "no-champion" else 2)
    images = yaml.safe_load((folder / "overlays/production/kustomization.yaml").read_text())
    (image,) = [one for one in images["images"] if one["name"] == "churn-ml"]
    assert f"{image['newName']}:{image['newTag']}" == kfp_pipeline.IMAGE
    (service,) = [
        one
        for one in plain_objects()
        if one["kind"] == "Service" and one["metadata"]["name"] == "mlflow"
    ]
    meta, (port,) = service["metadata"], service["spec"]["ports"]
    address = f"http://{meta['name']}.{meta['namespace']}:{port['port']}"
    assert address == kfp_pipeline.TRACKING


def test_secrets_are_in_nobodys_parameters(compiled: Compiled) -> None:
    """They come from the jobs' secret, to the steps that need them; missing keys are left out."""
    given = {
        name: {key["envVar"] for one in found for key in one["keyToEnv"]}
        for name in compiled.tasks
        if (found := compiled.settings(name).get("secretAsEnv"))
    }
    assert set(given) == {step(s.name) for s in STAGES if s.depends_on("data.source")} | {
        *(step(s.name) for s in STAGES if s.depends_on("tracking.uri")),
        "tell",
    }
    assert given["tell"] == set(settings.OF_CHANNELS)
    assert "CHURN__DATA__SQL__URL" in given["generate-data"]
    for name in given:
        (secret,) = compiled.settings(name)["secretAsEnv"]
        assert (secret["secretName"], secret["optional"]) == ("churn-secrets", True)
    assert not {"data.sql.url", "monitoring.alert.webhook"} & set(KEYS)
