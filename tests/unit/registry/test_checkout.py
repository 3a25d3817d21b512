"""A fresh copy at a commit, and where its data come from."""

from __future__ import annotations

import configparser
import os
import stat
import sys
from pathlib import Path

import pytest

from churn_mlops.errors import ReproduceError
from churn_mlops.registry.checkout import clone, copy_remotes, run
from churn_mlops.registry.code_state import git
from tests.lineages import commit

REMOTE = """\
[core]
    remote = store
    analytics = false
['remote "store"']
    url = ../../elsewhere
['remote "s3"']
    url = s3://bucket/x
[cache]
    type = symlink
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / ".dvc" / "cache" / "files").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text("")
    (folder / "a.txt").write_text("1")
    git(folder, "init", "-q", ".")
    commit(folder, "one")
    return folder


def written(to: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read(to / ".dvc" / "config.local")
    return {name: dict(parser[name]) for name in parser.sections()}


def test_a_commit_that_no_branch_leads_to_is_found(root: Path, tmp_path: Path) -> None:
    (root / "a.txt").write_text("2")
    commit(root, "two")
    lost = git(root, "rev-parse", "HEAD").strip()
    git(root, "reset", "-q", "--hard", "HEAD~1")
    clone(root, lost, tmp_path / "copy")
    assert (tmp_path / "copy" / "a.txt").read_text() == "2"
    assert (root / "a.txt").read_text() == "1"


def test_an_unknown_commit_and_no_repository_are_told(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match=f"does not have the commit {'0' * 39}1"):
        clone(root, "0" * 39 + "1", tmp_path / "copy")
    (tmp_path / "none").mkdir()
    with pytest.raises(ReproduceError, match="in no git repository"):
        clone(tmp_path / "none", "x", tmp_path / "other")


def test_the_remote_is_copied_with_its_place_made_absolute(root: Path, tmp_path: Path) -> None:
    (root / ".dvc" / "config").write_text(REMOTE)
    secret = "['remote \"store\"']\n    password = s3cret\n"
    (root / ".dvc" / "config.local").write_text(secret)
    assert copy_remotes(root, tmp_path, None) == "the remote 'store'"
    found = written(tmp_path)
    assert found["core"]["remote"] == "store"
    assert found["'remote \"store\"'"] == {
        "url": str((tmp_path / "elsewhere").resolve()),
        "password": "s3cret",
    }
    assert found["'remote \"s3\"'"]["url"] == "s3://bucket/x"
    assert "cache" not in found
    path = tmp_path / ".dvc" / "config.local"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_without_a_remote_the_local_cache_is_one(root: Path, tmp_path: Path) -> None:
    cache = root / ".dvc" / "cache"
    assert copy_remotes(root, tmp_path, None) == f"the local cache {cache}, for want of a remote"
    assert written(tmp_path)["'remote \"cache\"'"]["url"] == str(cache)


def test_a_cache_of_ones_choice_wins(root: Path, tmp_path: Path) -> None:
    (root / ".dvc" / "config").write_text(REMOTE)
    cache = tmp_path / "shared"
    (cache / "files").mkdir(parents=True)
    assert copy_remotes(root, tmp_path, cache) == f"the cache {cache}"
    found = written(tmp_path)
    assert [name for name in found if "remote" in name] == ["'remote \"cache\"'"]
    assert found["core"]["remote"] == "cache"
    with pytest.raises(ReproduceError, match="no DVC cache at"):
        copy_remotes(root, tmp_path, tmp_path / "nowhere")


def test_what_a_failing_program_said_last_is_told(tmp_path: Path) -> None:
    code = "import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ReproduceError, match=r"could not try \(exit code 3\):\n  one\n  two") as e:
        run(tmp_path, [sys.executable, "-u", "-c", code], "try")
    assert "--into" in str(e.value.fix)
