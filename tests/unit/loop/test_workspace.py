"""A workspace has the project's code and parameters, whatever was there, and keeps its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.errors import SourceError, WorkspaceBusyError
from churn_mlops.loop.workspace import laid_out, lay_out, params_file
from churn_mlops.params import Params
from tests.unit.loop.test_lock import holder

PARTS = ["src", "scripts", "dvc.yaml", ".dvc/config", ".dvcignore", "params.yaml"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("src/churn", "scripts", ".dvc/cache"):
        (folder / name).mkdir(parents=True)
    for name in ("src/churn/stage.py", "scripts/a.sh", "dvc.yaml", ".dvc/config", ".dvcignore"):
        (folder / name).write_text(name)
    (folder / "params.yaml").write_text("training: {seed: 7}\n")
    (folder / ".dvc/cache/large").write_text("no need to copy")
    return folder


def test_all_parts_come_and_nothing_else(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    assert lay_out([project], folder) == PARTS
    assert (folder / "src/churn/stage.py").read_text() == "src/churn/stage.py"
    assert not (folder / ".dvc/cache").exists()
    assert lay_out([project], folder) == []


def test_a_newer_project_replaces_code_and_leaves_data(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    lay_out([project], folder)
    for kept in ("data/raw/users.csv", ".dvc/cache/x", ".dvc/config.local", "dvc.lock"):
        (folder / kept).parent.mkdir(parents=True, exist_ok=True)
        (folder / kept).write_text("mine")
    (folder / "src/churn/__pycache__").mkdir()
    (project / "src/churn/stage.py").rename(project / "src/churn/other.py")
    (project / "dvc.yaml").write_text("newer")
    assert lay_out([project], folder) == ["src", "dvc.yaml"]
    assert [p.name for p in (folder / "src/churn").iterdir()] == ["other.py"]
    assert (folder / "dvc.yaml").read_text() == "newer"
    for kept in ("data/raw/users.csv", ".dvc/cache/x", ".dvc/config.local", "dvc.lock"):
        assert (folder / kept).read_text() == "mine"


def test_parameters_may_lie_elsewhere(project: Path, tmp_path: Path) -> None:
    own, empty = tmp_path / "own", tmp_path / "empty"
    own.mkdir()
    empty.mkdir()
    (own / "params.yaml").write_text("training: {seed: 8}\n")
    assert params_file([project, empty]) == project / "params.yaml"
    assert params_file([project, own]) == own / "params.yaml"
    lay_out([project, own], tmp_path / "workspace")
    assert "seed: 8" in (tmp_path / "workspace/params.yaml").read_text()


def test_what_was_cut_short_is_made_up_for(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    lay_out([project], folder)
    # Killed after the old code was moved aside.
    (folder / "src").rename(folder / ".src.old")
    lay_out([project], folder)
    assert (folder / "src/churn/stage.py").exists()
    assert not list(folder.glob(".src*"))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"lacks src, scripts, dvc\.yaml, \.dvc/config"):
        lay_out([tmp_path], tmp_path / "workspace")
    with pytest.raises(SourceError, match=r"lacks params\.yaml"):
        params_file([tmp_path])


def test_nobody_may_be_at_work_meanwhile(project: Path, workspace: Path) -> None:
    other = holder(workspace)
    try:
        with pytest.raises(WorkspaceBusyError, match="churn daily"):
            laid_out([project], Params())
        assert not Path("src").exists()
    finally:
        other.kill()
        other.communicate()
    assert laid_out([project], Params()) == PARTS
