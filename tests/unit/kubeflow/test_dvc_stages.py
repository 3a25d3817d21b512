"""What the steps are made from."""

from __future__ import annotations

import pytest
import yaml

from churn_mlops.errors import ParamsError
from churn_mlops.kubeflow.dvc_stages import Stage, read_stages
from tests.unit.kubeflow.project import DVC

TREE = {"paths": {"data": "d", "artifacts": "a"}, "tables": {"format": "parquet"}}


def read(entries: dict[str, object]) -> list[Stage]:
    return read_stages(yaml.safe_dump({"stages": entries}, sort_keys=False), TREE)


def test_paths_follow_the_parameters_and_names_do_not() -> None:
    generate, prepare = read(DVC["stages"])
    (raw,) = generate.outputs
    assert (raw.name, raw.path, raw.kind, raw.persists) == ("raw", "d/raw", "Dataset", True)
    told = [(out.name, out.path, out.kind) for out in prepare.outputs]
    assert told == [
        ("processed_users", "d/processed/users.parquet", "Dataset"),
        ("processed_report", "d/processed/report.json", "Metrics"),
    ]


def test_a_file_in_a_folder_that_is_made_is_that_folder_and_taken_once() -> None:
    assert [(maker, out.name) for maker, out in read(DVC["stages"])[1].inputs] == [
        ("generate_data", "raw")
    ]


def test_bundles_are_models_and_other_artifacts_are_not() -> None:
    outs = ["${paths.artifacts}/models/baseline", "${paths.artifacts}/plots/baseline_pr.csv"]
    entry = {"desc": "", "cmd": "", "deps": [], "outs": [*outs, "${paths.artifacts}/production"]}
    (stage,) = read({"train": entry})
    assert [(out.name, out.kind) for out in stage.outputs] == [
        ("models_baseline", "Model"),
        ("plots_baseline_pr", "Artifact"),
        ("production", "Model"),
    ]


def test_a_parameter_decides_when_its_section_or_itself_is_named() -> None:
    generate, prepare = read(DVC["stages"])
    assert generate.depends_on("data.synthetic.users")
    assert prepare.depends_on("churn.window_days")
    assert not prepare.depends_on("churn.window")
    assert not prepare.depends_on("data.source")


def test_what_only_a_later_stage_makes_cannot_be_taken() -> None:
    stages = dict(reversed(DVC["stages"].items()))
    with pytest.raises(ParamsError, match=r"prepare_data takes .*raw.*, which no stage before it"):
        read(stages)


def test_a_variable_that_is_no_parameter_is_named() -> None:
    entry = {"desc": "", "cmd": "", "deps": [], "outs": ["${paths.dta}/raw"]}
    with pytest.raises(ParamsError, match=r"\$\{paths\.dta\}, which is no parameter"):
        read({"generate_data": entry})
