"""A place for backups in a folder; on S3: `tests/integration/test_dvc_remote.py`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from churn_mlops.errors import BackupError
from churn_mlops.loop.state_store import Snapshot, Store

BODY = b"one"
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def test_an_empty_place_has_nothing(store: Store) -> None:
    assert (store.objects(), store.snapshots(), store.latest()) == (set(), [], None)


def test_what_is_put_comes_back_verified(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(BODY)
    store.put(tmp_path / "a", DIGEST)
    assert store.objects() == {DIGEST}
    assert store.get(DIGEST) == BODY
    (tmp_path / "store" / "objects" / DIGEST).write_bytes(b"two")
    with pytest.raises(BackupError, match="is damaged"):
        store.get(DIGEST)
    (tmp_path / "store" / "objects" / DIGEST).unlink()
    with pytest.raises(BackupError, match="could not give objects/"):
        store.get(DIGEST)


def test_a_file_that_changes_meanwhile_is_not_kept(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"other")
    with pytest.raises(BackupError, match="changed while it was read"):
        store.put(tmp_path / "a", DIGEST)
    assert store.objects() == set()


def test_snapshots_are_kept_and_the_newest_is_the_latest(store: Store) -> None:
    first, second = Snapshot("20250101T000000Z", {}), Snapshot("20250102T000000Z", {"a": DIGEST})
    store.add(first)
    store.add(second)
    assert store.latest() == second
    assert store.snapshots() == [first.at, second.at]
    assert store.at(first.at) == first
    with pytest.raises(BackupError, match="no backup of 2024") as error:
        store.at("2024")
    assert first.at in str(error.value.fix)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "at": "x"}'])
def test_a_damaged_list_is_told(store: Store, tmp_path: Path, text: str) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "latest.json").write_text(text)
    with pytest.raises(BackupError, match="is no list of a backup's files"):
        store.latest()


def test_an_unknown_kind_of_place_is_told_without_its_password() -> None:
    with pytest.raises(BackupError, match=r"nope://\*\*\*@h/x cannot be reached") as error:
        Store("nope://u:s3cret@h/x")
    assert "s3cret" not in str(error.value)
    assert "s3://BUCKET/NAME" in str(error.value)


def test_a_list_is_json_for_everybody(store: Store, tmp_path: Path) -> None:
    store.add(Snapshot("20250101T000000Z", {"a": DIGEST}))
    body = json.loads((tmp_path / "store" / "latest.json").read_text())
    assert body == {"at": "20250101T000000Z", "files": {"a": DIGEST}, "format": 1}
