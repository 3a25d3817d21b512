"""What Kubeflow tells a step, and what it is answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn_mlops.errors import SourceError
from churn_mlops.kubeflow.given import local_path, read_given
from tests.unit.kubeflow.project import message


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://mlpipeline/v2/run/raw", "/minio/mlpipeline/v2/run/raw"),
        ("s3://bucket/raw", "/s3/bucket/raw"),
        ("gs://bucket/raw", "/gcs/bucket/raw"),
        ("/runs/raw", "/runs/raw"),
    ],
)
def test_an_artifact_lies_where_kubeflow_brings_it(uri: str, path: str) -> None:
    assert local_path(uri) == Path(path)


def test_what_was_made_is_told_with_what_is_shown_beside_it(tmp_path: Path) -> None:
    text = message(tmp_path / "task", outputs=("raw", "other"), results=("Output",))
    given = read_given(text)
    assert given.parameter_files == {"Output": tmp_path / "task/Output"}
    given.answer({"raw": {"rows": 3}})
    told = json.loads((tmp_path / "task/report.json").read_text())
    (made,) = told["artifacts"]["raw"]["artifacts"]
    assert made == {
        "name": "raw",
        "uri": str(tmp_path / "task/raw"),
        "metadata": {"rows": 3},
    }
    assert set(told["artifacts"]) == {"raw"}


def test_a_step_without_inputs_is_told_only_where_to_answer() -> None:
    given = read_given('{"outputs": {"outputFile": "/tmp/report.json"}}')
    assert (given.parameters, given.inputs, given.outputs) == ({}, {}, {})


@pytest.mark.parametrize("text", ["{{$}}", "[]", "{}", '{"outputs": {"artifacts": {"a": {}}}}'])
def test_anything_else_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(SourceError, match="no message of Kubeflow"):
        read_given(text)
