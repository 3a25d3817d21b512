"""Commands that watch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.errors import ContractError
from tests.watched import day, score, watched

run = CliRunner().invoke


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("commands")
    params = watched(folder)
    score(params, [70, 80])
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(params.model_dump(mode="json")))
    return str(path)


def test_score_proxy_and_performance_print_one_object(file: str) -> None:
    proxy = json.loads(run(app, ["score-proxy", "--params", file, "--json"]).stdout)
    assert proxy["facts"]["as_of_date"] == day(80).isoformat()
    found = json.loads(run(app, ["performance", "--params", file, "--json"]).stdout)
    assert found["rows"] == {"batches": 2, "graded": 2}
    assert found["facts"]["status"] == "OK"
    assert all(Path(path).exists() for path in (*proxy["outputs"], *found["outputs"]))


def test_performance_speaks_to_people(file: str) -> None:
    text = run(app, ["performance", "--params", file]).stdout
    assert "performance: batches 2, graded 2" in text
    assert "pr_auc promises kept" in text


@pytest.mark.parametrize("command", ["score-proxy", "performance"])
def test_without_predictions_it_is_an_error_with_a_way(workspace: Path, command: str) -> None:
    (workspace / "params.yaml").write_text("")
    result = run(app, [command])
    assert isinstance(result.exception, ContractError)
    assert "dvc repro batch_score" in str(result.exception)
