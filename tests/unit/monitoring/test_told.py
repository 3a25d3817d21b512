from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from churn_mlops.errors import SourceError
from churn_mlops.monitoring.told import published
from churn_mlops.params import Params


@pytest.fixture
def params(tmp_path: Path, make_params: Callable[..., Params]) -> Params:
    (tmp_path / "out").mkdir()
    out, artifacts = str(tmp_path / "out"), str(tmp_path / "artifacts")
    paths = {"data": str(tmp_path / "data"), "artifacts": artifacts}
    return make_params({"paths": paths, "monitoring": {"publish": {"textfile": out}}})


def told(params: Params) -> str:
    return (Path(str(params.monitoring.publish.textfile)) / "churn_stage_x.prom").read_text()


def test_a_verdict_is_a_success(params: Params) -> None:
    with published("x", params) as outcome:
        outcome.rows, outcome.exit_code = {"users": 3}, 2
    text = told(params)
    assert 'churn_stage_exit_code{stage="x"} 2.0' in text
    assert 'churn_stage_rows{stage="x",table="users"} 3.0' in text
    assert "churn_stage_last_success_timestamp_seconds{" in text


@pytest.mark.parametrize(("error", "code"), [(SourceError("away"), 11), (ValueError("odd"), 1)])
def test_an_error_is_told_and_goes_on(params: Params, error: Exception, code: int) -> None:
    with pytest.raises(type(error)), published("x", params):
        raise error
    assert f'churn_stage_exit_code{{stage="x"}} {code}.0' in told(params)
    assert "churn_stage_last_success_timestamp_seconds{" not in told(params)
