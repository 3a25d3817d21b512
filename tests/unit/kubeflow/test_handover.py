"""Artifacts in and out: all or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.errors import ContractError, ParamsError, SourceError
from churn_mlops.kubeflow.dvc_stages import Stage, read_stages
from churn_mlops.kubeflow.given import Given, read_given
from churn_mlops.kubeflow.handover import bring, check_names, deliver
from churn_mlops.params import Params
from tests.unit.kubeflow.project import DVC, message

OUTPUTS = ("processed_users", "processed_report")


@pytest.fixture
def prepare() -> Stage:
    return read_stages(json.dumps(DVC), Params().model_dump())[1]


def given(root: Path, **more: Any) -> Given:
    return read_given(message(root, **{"outputs": OUTPUTS, **more}))


def test_inputs_lie_where_dvc_names_them(prepare: Stage, tmp_path: Path) -> None:
    (tmp_path / "made/raw").mkdir(parents=True)
    (tmp_path / "made/raw/users.csv").write_text("1")
    bring(prepare, given(tmp_path, inputs={"raw": tmp_path / "made/raw"}), tmp_path / "work")
    assert (tmp_path / "work/data/raw/users.csv").read_text() == "1"


def test_a_missing_input_is_named_with_its_maker(prepare: Stage, tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match="input artifact 'raw' of prepare_data is not at"
    ) as found:
        bring(prepare, given(tmp_path, inputs={"raw": tmp_path / "gone"}), tmp_path / "work")
    assert "generate_data" in str(found.value.fix)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("inputs", "outputs", "differ"),
    [({}, OUTPUTS, "inputs .*: raw"), ({"raw": Path("r")}, OUTPUTS[:1], "outputs .*_report")],
)
def test_a_pipeline_of_another_project_is_refused(
    prepare: Stage, tmp_path: Path, inputs: dict[str, Path], outputs: tuple[str, ...], differ: str
) -> None:
    with pytest.raises(ParamsError, match=differ):
        check_names(prepare, given(tmp_path, inputs=inputs, outputs=outputs))


def test_outputs_are_files_or_folders_and_metrics_are_shown(prepare: Stage, tmp_path: Path) -> None:
    made = tmp_path / "data/processed"
    (made / "users.csv").mkdir(parents=True)
    (made / "users.csv/part").write_text("1")
    (made / "report.json").write_text('{"rows": 2, "status": "passed", "by": {"day": 1}}')
    told = deliver(prepare.outputs, given(tmp_path / "out"), tmp_path)
    assert told == {
        "processed_users": {},
        "processed_report": {"rows": 2, "status": "passed"},
    }
    assert (tmp_path / "out/processed_users/part").read_text() == "1"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(OUTPUTS)


def test_without_one_output_no_other_goes_out(prepare: Stage, tmp_path: Path) -> None:
    (tmp_path / "data/processed").mkdir(parents=True)
    (tmp_path / "data/processed/users.csv").write_text("1")
    with pytest.raises(ContractError, match=r"has not written data/processed/report\.json"):
        deliver(prepare.outputs, given(tmp_path / "out"), tmp_path)
    assert not any((tmp_path / "out" / name).exists() for name in OUTPUTS)


def test_a_second_try_takes_the_place_of_the_first(prepare: Stage, tmp_path: Path) -> None:
    (tmp_path / "data/processed").mkdir(parents=True)
    (tmp_path / "data/processed/report.json").write_text("{}")
    for text in ("1", "2"):
        (tmp_path / "data/processed/users.csv").write_text(text)
        deliver(prepare.outputs, given(tmp_path / "out"), tmp_path)
        assert (tmp_path / "out/processed_users").read_text() == text
