"""What git and the package say about the code at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.registry.code_state import code_state, folder_digest, git
from tests.lineages import commit


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    (tmp_path / "params.yaml").write_text("")
    git(tmp_path, "init", "-q", ".")
    return tmp_path


def test_outside_of_git_the_digest_alone_is_known(tmp_path: Path) -> None:
    state = code_state(tmp_path)
    assert (state.commit, state.dirty, state.changed) == (None, None, ())
    assert "not a git repository" in str(state.why)
    assert len(state.sha256) == 64


def test_without_git_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_state(tmp_path).why == "no git"


def test_before_the_first_commit_it_is_said(repository: Path) -> None:
    assert code_state(repository).why == "the repository has no commit yet"


def test_only_changes_of_code_make_it_dirty(repository: Path) -> None:
    commit(repository, "x")
    (repository / "params.yaml").write_text("churn: {}")
    (repository / "data.csv").write_text("1")
    state = code_state(repository)
    assert state.commit == git(repository, "rev-parse", "HEAD").strip()
    assert state.dirty is False
    (repository / "src" / "a.py").write_text("2")
    (repository / "src" / "new ü.py").write_text("2")
    state = code_state(repository)
    assert state.dirty is True
    assert state.changed == ("src/a.py", "src/new ü.py")


def test_a_workspace_within_a_repository_is_told(repository: Path) -> None:
    inner = repository / "portal"
    (inner / "src").mkdir(parents=True)
    (inner / "src" / "b.py").write_text("1")
    commit(repository, "x")
    (inner / "src" / "b.py").write_text("2")
    (repository / "src" / "a.py").write_text("2")
    state = code_state(inner)
    assert (state.prefix, state.changed) == ("portal/", ("src/b.py",))


def test_the_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = folder_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("1")
    assert folder_digest(tmp_path) == first
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert folder_digest(tmp_path) != first
