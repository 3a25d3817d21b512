"""The list of another machine: fetched, verified, and never half there."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from churn_mlops.api.list_follower import ListFollower
from churn_mlops.api.model_source import SourceAwayError
from churn_mlops.api.users import NoPredictionsError, UserStore
from churn_mlops.errors import BundleError
from churn_mlops.inference.user_store import StoredUsers
from churn_mlops.registry.shared_list import SharedList
from tests.unit.api.test_users import put, versions


@dataclass
class Shelf:
    """A source that names one file."""

    path: Path
    named: SharedList | None = None
    error: Exception | None = None
    fetched: list[Path] = field(default_factory=list)
    closed: bool = False

    def put(self, version: str, digest: str | None = None) -> None:
        put(self.path, version)
        real = hashlib.sha256(self.path.read_bytes()).hexdigest()
        self.named = SharedList("2025-04-30", digest or real, "lists/0")

    def shared_list(self) -> SharedList | None:
        if self.error is not None:
            raise self.error
        return self.named

    def fetch_list(self, named: SharedList, to: Path) -> None:
        self.fetched.append(to)
        shutil.copyfile(self.path, to)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def follower(shelf: Shelf, tmp_path: Path) -> ListFollower:
    return ListFollower(shelf, tmp_path / "cache/lists", 0.01, tmp_path / "own")


def names(follower: ListFollower) -> list[str]:
    return sorted(p.name for p in follower.path.parent.iterdir() if not p.name.endswith(".lock"))


def test_it_does_not_go_back_in_time(shelf: Shelf, follower: ListFollower) -> None:
    """A champion that was put back still has the list of its last day."""
    shelf.put("new")
    follower.refresh()
    shelf.put("old")
    assert shelf.named is not None
    shelf.named = SharedList("2025-04-29", shelf.named.sha256, "lists/0")
    follower.refresh()
    assert versions(UserStore(follower.path).get("1")) == {"new"}


def test_it_follows_the_list_and_fetches_each_once(
    shelf: Shelf, follower: ListFollower, tmp_path: Path
) -> None:
    users = UserStore(tmp_path / "own", follower.path)
    follower.refresh()
    with pytest.raises(NoPredictionsError):
        users.get("1")
    for version in ("v1", "v2"):
        shelf.put(version)
        follower.refresh()
        follower.refresh()
        assert versions(users.get("1")) == {version}
    assert len(shelf.fetched) == 2
    again = ListFollower(shelf, follower.path.parent, 0.01, tmp_path / "own")
    again.refresh()
    assert len(shelf.fetched) == 2, "what another worker, or the process before, fetched is taken"
    assert names(follower) == ["users.sqlite", "users.sqlite.sha256"]


def test_a_workspace_of_its_own_counts(
    shelf: Shelf, follower: ListFollower, tmp_path: Path
) -> None:
    shelf.put("theirs")
    put(tmp_path / "own", "ours")
    follower.refresh()
    assert shelf.fetched == []
    assert versions(UserStore(tmp_path / "own", follower.path).get("1")) == {"ours"}


def test_what_is_not_what_was_named_is_not_taken(
    shelf: Shelf, follower: ListFollower, tmp_path: Path
) -> None:
    shelf.put("v1")
    follower.refresh()
    shelf.put("v2", digest="0" * 64)
    with capture_logs() as logs:
        follower.refresh()
        follower.refresh()
    assert [entry["log_level"] for entry in logs] == ["warning"], "told once"
    # Named as it is, but no list.
    shelf.path.write_bytes(b"no list")
    digest = hashlib.sha256(b"no list").hexdigest()
    shelf.named = SharedList("2025-05-01", digest, "lists/0")
    with capture_logs() as logs:
        follower.refresh()
    assert "not a sound store" in logs[0]["reason"]
    assert versions(UserStore(follower.path).get("1")) == {"v1"}
    assert len(names(follower)) == 2, "nothing is left lying about"


def test_a_list_with_a_damaged_page_is_not_taken_though_it_is_what_was_named(
    shelf: Shelf, follower: ListFollower
) -> None:
    shelf.put("v1")
    follower.refresh()
    put(shelf.path, "v2", users=300)
    content = bytearray(shelf.path.read_bytes())
    content[10 * 4_096 : 11 * 4_096] = b"\xff" * 4_096
    shelf.path.write_bytes(content)
    StoredUsers(shelf.path).close()
    digest = hashlib.sha256(content).hexdigest()
    shelf.named = SharedList("2025-05-01", digest, "lists/0")
    with capture_logs() as logs:
        follower.refresh()
    assert "not a sound store" in logs[0]["reason"]
    assert versions(UserStore(follower.path).get("1")) == {"v1"}


def test_a_list_that_is_open_stays_what_it_was(shelf: Shelf, follower: ListFollower) -> None:
    shelf.put("v1")
    follower.refresh()
    with follower.path.open("rb") as old:
        whole = follower.path.read_bytes()
        shelf.put("v2")
        follower.refresh()
        assert old.read() == whole
    assert versions(UserStore(follower.path).get("1")) == {"v2"}


def test_a_list_that_went_missing_is_fetched_again(shelf: Shelf, follower: ListFollower) -> None:
    shelf.put("v1")
    follower.refresh()
    follower.path.unlink()
    follower.refresh()
    assert versions(UserStore(follower.path).get("1")) == {"v1"}


def test_whatever_goes_wrong_the_next_look_comes(shelf: Shelf, follower: ListFollower) -> None:
    for error, level in (
        (SourceAwayError("away"), []),
        (BundleError("no such file"), ["warning"]),
        (RuntimeError("nobody thought of it"), ["error"]),
    ):
        shelf.error = error
        with capture_logs() as logs:
            follower.refresh()
        assert [entry["log_level"] for entry in logs] == level
    shelf.error = None
    shelf.put("v1")
    follower.refresh()
    assert follower.path.exists()
    follower.close()
    assert shelf.closed
