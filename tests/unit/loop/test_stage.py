import os
from datetime import date
from pathlib import Path

import pytest
import yaml

from churn_mlops.errors import ParamsError, SourceError
from churn_mlops.loop.stage import FIRST_DAY, Plan, inside, prepare, settings, write_mark
from churn_mlops.params import load

PLAN = Plan("price-change", 700, 5, FIRST_DAY)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("src", "scripts", ".dvc/cache"):
        (folder / name).mkdir(parents=True)
    (folder / "src/stage.py").write_text("pass\n")
    (folder / ".dvc/config").write_text("[core]\n")
    (folder / ".dvc/cache/large").write_text("no need to copy")
    (folder / "dvc.yaml").write_text("stages: {}\n")
    tree = {"training": {"seed": 7}, "tracking": {"uri": "http://127.0.0.1:1", "model": "m"}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))
    return folder / "params.yaml"


def test_the_plan_knows_its_days():
    assert PLAN.begin == date(2025, 5, 1)
    assert PLAN.change == date(2025, 6, 30)
    assert PLAN.day(60) == PLAN.change
    assert PLAN.what.name == "price-change"


def test_a_workspace_has_the_pipeline_and_the_projects_parameters(project, tmp_path):
    folder = tmp_path / "lapse"
    assert prepare(project, folder, PLAN) is False
    assert (folder / "src/stage.py").exists()
    assert (folder / ".dvc/config").exists()
    assert not (folder / ".dvc/cache").exists()
    assert (folder / ".git").is_dir()
    params = load(folder / "params.yaml", environment={})
    assert params.training.seed == 7
    assert params.tracking.model == "m"
    assert params.tracking.uri == "sqlite:///mlflow.db"
    assert params.tables.format == "parquet"
    synthetic = params.data.synthetic
    assert (synthetic.users, synthetic.seed, synthetic.days) == (700, 5, 120)
    assert [(c.kind, c.start) for c in synthetic.drift] == [("price_change", PLAN.change)]


def test_nothing_leaves_the_folder():
    loud = {
        "monitoring": {
            "publish": {"pushgateway": "http://127.0.0.1:9"},
            "alert": {"webhook": "http://127.0.0.1:9"},
        },
        "serving": {"api_keys": ["secret"], "host": "0.0.0.0"},
        "paths": {"artifacts": "/elsewhere"},
    }
    found = settings(loud, PLAN)
    assert found["monitoring"]["publish"]["pushgateway"] is None
    assert found["monitoring"]["alert"]["webhook"] is None
    assert found["serving"]["host"] == "127.0.0.1"
    assert found["serving"]["api_keys"] == []
    assert found["paths"]["artifacts"] == "artifacts"
    assert loud["paths"]["artifacts"] == "/elsewhere"


def test_a_folder_goes_on_with_its_own_plan_only(project, tmp_path):
    folder = tmp_path / "lapse"
    prepare(project, folder, PLAN)
    assert prepare(project, folder, PLAN) is False
    write_mark(folder, PLAN, trained=True)
    assert prepare(project, folder, PLAN) is True
    with pytest.raises(ParamsError, match="another time lapse"):
        prepare(project, folder, Plan("calm", 700, 5, FIRST_DAY))


def test_a_folder_with_other_things_is_left_alone(project, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.tex").touch()
    with pytest.raises(ParamsError, match="not empty"):
        prepare(project, folder, PLAN)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


def test_no_project_no_time_lapse(tmp_path):
    (tmp_path / "params.yaml").touch()
    with pytest.raises(SourceError, match=r"lacks src, scripts, dvc\.yaml"):
        prepare(tmp_path / "params.yaml", tmp_path / "lapse", PLAN)


def test_inside_it_is_another_directory_without_the_environments_word(
    project, tmp_path, monkeypatch
):
    monkeypatch.setenv("CHURN__TRAINING__SEED", "99")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:2")
    folder, here = tmp_path / "lapse", Path.cwd()
    prepare(project, folder, PLAN)
    with inside(folder) as params:
        assert Path.cwd() == folder.resolve()
        assert params.training.seed == 7
        assert params.tracking.uri == "sqlite:///mlflow.db"
        assert "MLFLOW_TRACKING_URI" not in os.environ
    assert Path.cwd() == here
    assert os.environ["CHURN__TRAINING__SEED"] == "99"
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:2"
