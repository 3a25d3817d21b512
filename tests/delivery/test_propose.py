"""A change is committed to a branch of its own and proposed; nothing reaches main."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.delivery.workflows import fake_gh, git
from tests.workspaces import ROOT


@dataclass
class Place:
    """A clone, the repository that it is of, and what stands in for GitHub's program."""

    clone: Path
    origin: Path
    fakes: Path

    def propose(self, *arguments: str, code: int = 0) -> str:
        path = f"{self.fakes}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [str(ROOT / "scripts/propose.sh"), *arguments],
            cwd=self.clone,
            env=os.environ | {"PATH": path, "GH_TOKEN": "only-for-this-test"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def asked(self) -> list[str]:
        """What GitHub was asked for."""
        path = self.fakes / "asked"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    origin, clone = tmp_path / "origin.git", tmp_path / "clone"
    git(tmp_path, "init", "-q", "--bare", "--initial-branch=main", str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    (clone / "a.txt").write_text("one\n")
    (clone / "b.txt").write_text("one\n")
    git(clone, "switch", "-q", "-c", "main")
    git(clone, "add", "--all")
    git(clone, "commit", "-q", "-m", "first")
    git(clone, "push", "-q", "origin", "main")
    (clone / "text.md").write_text("Why.\n")
    return Place(clone, origin, fake_gh(tmp_path / "fakes"))


def test_what_has_changed_is_proposed_and_main_stays(place: Place) -> None:
    main = git(place.origin, "rev-parse", "main")
    (place.clone / "a.txt").write_text("two\n")
    (place.clone / "b.txt").write_text("two, too\n")
    place.propose("images/staging", "A title", "text.md", "a.txt")
    assert git(place.origin, "rev-parse", "main") == main
    assert git(place.origin, "diff", "--name-only", "main", "images/staging") == "a.txt"
    author = git(place.origin, "log", "-1", "--format=%an %cn %s", "images/staging")
    assert author == "github-actions[bot] github-actions[bot] A title"
    assert len(place.asked()) == 1
    assert place.asked()[0].startswith(
        "pr create --base main --head images/staging --title A title --body-file "
    )
    body = (place.fakes / "body").read_text()
    assert body.startswith("Why.\n")
    assert "close it and open it again" in body


def test_an_open_proposal_is_renewed(place: Place) -> None:
    for number in ("two", "three"):
        git(place.clone, "switch", "-q", "main")
        (place.clone / "a.txt").write_text(f"{number}\n")
        place.propose("retrain", number, "text.md", "a.txt")
    assert git(place.origin, "show", "retrain:a.txt") == "three"
    assert git(place.origin, "rev-list", "--count", "main..retrain") == "1"
    assert [line.split()[:2] for line in place.asked()] == [["pr", "create"], ["api", "--silent"]]
    assert "repos/{owner}/{repo}/pulls/7 --raw-field title=three" in place.asked()[1]


def test_without_a_change_nobody_is_asked(place: Place) -> None:
    said = place.propose("retrain", "A title", "text.md", "a.txt", "b.txt")
    assert said == "nothing has changed in: a.txt b.txt\n"
    assert place.asked() == []
    assert git(place.origin, "branch", "--list", "retrain") == ""


def test_a_path_that_is_not_there_and_too_few_words_are_errors(place: Place) -> None:
    assert "did not match any files" in place.propose("x", "y", "text.md", "none", code=128)
    assert place.propose("x", "y", "text.md", code=2).startswith("usage: scripts/propose.sh ")
    assert place.asked() == []


def test_the_token_is_written_nowhere(place: Place) -> None:
    (place.clone / "a.txt").write_text("two\n")
    place.propose("retrain", "A title", "text.md", "a.txt")
    token = b"only-for-this-test"
    files = (path for path in place.clone.rglob("*") if path.is_file())
    assert not [path for path in files if token in path.read_bytes()]
