"""The state leaves a workspace and comes back in another one, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn_mlops.errors import BackupError, WorkspaceBusyError
from churn_mlops.loop import lock
from churn_mlops.loop.backup import backup, restore
from churn_mlops.loop.state import state_files
from churn_mlops.params import Params


def params_in(folder: Path) -> Params:
    paths = {"data": str(folder / "data"), "artifacts": str(folder / "artifacts")}
    return Params.model_validate({"paths": paths})


def contents(params: Params) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in state_files(params).items()}


@pytest.fixture
def here(tmp_path: Path) -> Params:
    params = params_in(tmp_path / "here")
    for name, text in {
        "artifacts/ledger.jsonl": "1\n2\n",
        "artifacts/production/model.onnx": "model",
        "artifacts/production/copy.onnx": "model",
        "data/scored/2025-05-01.csv": "",
    }.items():
        path = tmp_path / "here" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return params


@pytest.fixture
def there(tmp_path: Path) -> Params:
    return params_in(tmp_path / "there")


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "place")


def test_all_of_it_comes_back(here: Params, there: Params, place: str) -> None:
    assert backup(here, place).rows == {"files": 4, "sent": 3}
    assert backup(here, place).rows == {"files": 4, "sent": 0}
    assert restore(there, place).rows == {"files": 4, "brought": 4}
    assert contents(there) == contents(here)
    assert restore(there, place).rows == {"files": 4, "brought": 0}


def test_what_is_here_and_different_is_not_touched_unless_forced(
    here: Params, there: Params, place: str
) -> None:
    backup(here, place)
    mine = Path(there.paths.artifacts) / "ledger.jsonl"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine\n")
    with pytest.raises(BackupError, match=r"1 files here are not those of the backup.*ledger"):
        restore(there, place)
    assert contents(there) == {"artifacts/ledger.jsonl": b"mine\n"}
    restore(there, place, force=True)
    assert contents(there) == contents(here)


def test_an_earlier_backup_can_be_had(here: Params, there: Params, place: str) -> None:
    first = backup(here, place).facts["at"]
    earlier = contents(here)
    listed = Path(place) / "snapshots" / f"{first}.json"
    listed.rename(listed.with_name("20250101T000000Z.json"))
    (Path(here.paths.artifacts) / "ledger.jsonl").write_text("1\n2\n3\n")
    backup(here, place)
    restore(there, place, at="20250101T000000Z")
    assert contents(there) == earlier


def test_a_place_with_later_or_other_decisions_is_not_overwritten(
    here: Params, there: Params, place: str
) -> None:
    backup(here, place)
    restore(there, place)
    (Path(here.paths.artifacts) / "ledger.jsonl").write_text("1\n2\n3\n")
    backup(here, place)
    with pytest.raises(BackupError, match=r"has decisions that artifacts/ledger\.jsonl here"):
        backup(there, place)
    (Path(there.paths.artifacts) / "ledger.jsonl").unlink()
    with pytest.raises(BackupError, match="has decisions"):
        backup(there, place)
    backup(there, place, force=True)


def test_nothing_is_put_in_place_when_something_is_damaged(
    here: Params, there: Params, place: str
) -> None:
    backup(here, place)
    for path in (Path(place) / "objects").iterdir():
        if path.read_bytes() == b"model":
            path.write_bytes(b"other")
    with pytest.raises(BackupError, match="is damaged"):
        restore(there, place)
    assert contents(there) == {}


def test_a_backup_cannot_write_elsewhere(here: Params, there: Params, place: str) -> None:
    backup(here, place)
    latest = Path(place) / "latest.json"
    body = json.loads(latest.read_text())
    body["files"]["artifacts/../../evil"] = next(iter(body["files"].values()))
    latest.write_text(json.dumps(body))
    with pytest.raises(BackupError, match="would write elsewhere"):
        restore(there, place)
    assert contents(there) == {}


def test_nothing_to_keep_and_nothing_to_bring_are_told(there: Params, place: str) -> None:
    with pytest.raises(BackupError, match="no state to keep"):
        backup(there, place)
    with pytest.raises(BackupError, match="no backup at this place"):
        restore(there, place)


def test_nobody_else_may_be_at_work(
    here: Params, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lock.workspace_lock(here, "churn daily"):
        # As another process sees it.
        monkeypatch.delenv(lock.HELD_BY)
        with pytest.raises(WorkspaceBusyError, match="churn daily"):
            backup(here, place)
        monkeypatch.setenv(lock.HELD_BY, "x")
