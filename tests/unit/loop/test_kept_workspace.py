"""A workspace between machines: one is a folder, the place of keeping another."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from churn_mlops.errors import BackupError, WorkspaceBusyError
from churn_mlops.loop.kept_workspace import SNAPSHOTS, fetch, keep, kept_workspace
from churn_mlops.loop.state_store import DAY_SECONDS, Store
from churn_mlops.params import Params
from churn_mlops.params.monitoring import Jobs


class Machines:
    """Folders in which jobs run, and the place that they share."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch
        self.place = folder / "bucket"
        self.params = Params(jobs=Jobs(workspace=str(self.place)))

    @contextmanager
    def job(self, machine: str) -> Iterator[Path]:
        folder = self._folder / machine
        folder.mkdir(exist_ok=True)
        self._monkeypatch.chdir(folder)
        with kept_workspace(self.params, wait=0):
            yield folder
            self._monkeypatch.chdir(folder)


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path, monkeypatch)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_the_next_machine_goes_on_where_the_last_one_ended(machines: Machines) -> None:
    with machines.job("one") as here:
        write(here / "data/raw/events.csv", "monday")
        write(here / "data/raw/copy.csv", "monday")
        write(here / "data/old.csv", "old")
        write(here / "artifacts/production/model", "champion")
        write(here / "dvc.lock", "lock")
        write(here / "src/code.py", "code")
        write(here / ".dvc/cache/x", "cache")
        write(here / "data/.x.writing", "half")
    with machines.job("two") as here:
        assert files(here) == {
            "data/raw/events.csv": "monday",
            "data/raw/copy.csv": "monday",
            "data/old.csv": "old",
            "artifacts/production/model": "champion",
            "dvc.lock": "lock",
        }
        write(here / "data/raw/events.csv", "tuesday")
        (here / "data/old.csv").unlink()
    with machines.job("one") as here:
        assert (here / "data/raw/events.csv").read_text() == "tuesday"
        assert not (here / "data/old.csv").exists(), "what is gone is gone everywhere"
        assert (here / "src/code.py").read_text() == "code", "what is not kept is left alone"
    assert not [p for p in here.iterdir() if p.name.startswith(".fetching")]


def test_without_a_place_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with kept_workspace(Params()):
        write(Path("data/x"), "x")
    assert files(tmp_path) == {"data/x": "x"}


def test_of_work_that_breaks_nothing_is_kept(machines: Machines) -> None:
    with machines.job("one") as here:
        write(here / "data/x", "whole")

    def break_off() -> None:
        with machines.job("two") as here:
            write(here / "data/x", "half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    with machines.job("three") as here:
        assert files(here) == {"data/x": "whole"}


def test_of_two_at_once_the_second_does_not_begin(machines: Machines) -> None:
    with machines.job("slow") as slow:
        write(slow / "data/x", "slow")
        with pytest.raises(WorkspaceBusyError, match="works on"), machines.job("fast"):
            pytest.fail("the work must not begin")
        os.chdir(slow)
    with machines.job("fast") as fast:
        assert files(fast) == {"data/x": "slow"}


def test_nothing_is_put_over_the_work_of_another(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever became of its lease."""
    store = Store(str(machines.place))
    (tmp_path / "slow").mkdir()
    monkeypatch.chdir(tmp_path / "slow")
    began_with = fetch(store, machines.params)
    write(tmp_path / "slow/data/x", "slow")
    with machines.job("fast") as fast:
        write(fast / "data/x", "fast")
    monkeypatch.chdir(tmp_path / "slow")
    with pytest.raises(WorkspaceBusyError, match="meanwhile"):
        keep(store, machines.params, began_with)
    with machines.job("third") as third:
        assert files(third) == {"data/x": "fast"}


def test_what_is_damaged_there_is_not_taken(machines: Machines) -> None:
    with machines.job("one") as here:
        write(here / "data/x", "sound")
    (thing,) = (machines.place / "objects").iterdir()
    thing.write_text("other")
    with pytest.raises(BackupError, match="damaged"), machines.job("two"):
        pytest.fail("the work must not begin")
    assert not (machines.place.parent / "two/data/x").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "src/x.py", "data/../../x", "data\\..\\x"])
def test_a_snapshot_writes_nowhere_else(machines: Machines, name: str) -> None:
    with machines.job("one") as here:
        write(here / "data/x", "x")
    latest = machines.place / "latest.json"
    body = json.loads(latest.read_text())
    body["files"][name] = body["files"]["data/x"]
    latest.write_text(json.dumps(body))
    with pytest.raises(BackupError, match="elsewhere"), machines.job("two"):
        pytest.fail("the work must not begin")


def test_a_place_that_lets_nothing_be_deleted_keeps_all(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(store: Store, snapshots: int) -> None:
        raise BackupError("may not delete")

    monkeypatch.setattr(Store, "prune", refused)
    with machines.job("one") as here:
        write(here / "data/x", "x")
    with machines.job("two") as here:
        assert files(here) == {"data/x": "x"}


def test_old_snapshots_and_their_contents_go(machines: Machines) -> None:
    for number in range(SNAPSHOTS + 3):
        with machines.job("one") as here:
            write(here / "data/x", str(number))
            write(here / "data/same", "same")
    store = Store(str(machines.place))
    assert len(store.snapshots()) == SNAPSHOTS
    assert len(store.objects()) == SNAPSHOTS + 4, "of the last day all contents stay"
    for path in (machines.place / "objects").iterdir():
        past = path.stat().st_mtime - 2 * DAY_SECONDS
        os.utime(path, (past, past))
    with machines.job("one"):
        pass
    assert len(store.objects()) == SNAPSHOTS, "the present one came twice"
