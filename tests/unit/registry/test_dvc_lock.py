"""Reading dvc.lock, and DVC's own hashes; DVC itself checks them in the integration tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.registry.dvc_lock import hash_of, made_by, read_lock, upstream

LOCK = """\
schema: '2.0'
stages:
  train:
    cmd: t
    deps:
    - {path: data/features/t.csv, md5: t1}
    - {path: data/raw/extra.json, md5: x1}
    - {path: src/code.py, md5: c1}
    outs:
    - {path: artifacts/models, md5: m1.dir}
    - {path: artifacts/unhashed}
  features:
    cmd: f
    deps: [{path: data/clean.csv, md5: p1}]
    outs: [{path: data/features/t.csv, md5: t1}]
  clean:
    cmd: p
    deps: [{path: data/raw, md5: r1.dir}]
    outs: [{path: data/clean.csv, md5: p1}]
  raw:
    cmd: r
    outs: [{path: data/raw, md5: r1.dir}]
  later:
    cmd: l
    deps: [{path: artifacts/models, md5: m1.dir}]
"""


def test_stages_are_ordered_by_what_they_build_on() -> None:
    lock = read_lock(LOCK)
    assert upstream(lock, "train") == ["raw", "clean", "features"]
    assert upstream(lock, "raw") == []
    assert lock["train"].outs == {"artifacts/models": "m1.dir"}
    assert made_by(lock, "data/raw/extra.json") == "raw"
    assert made_by(lock, "data/rawer") is None
    assert made_by(lock, "src/code.py") is None


def test_an_empty_lock_has_no_stages() -> None:
    assert read_lock("schema: '2.0'\n") == {}
    assert read_lock("") == {}


@pytest.mark.parametrize("text", ["[1]", "stages: [1]", "stages: {a: {outs: [1]}}", "a: b: c"])
def test_what_is_no_lock_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no dvc\.lock"):
        read_lock(text)


def test_a_file_and_a_folder_have_the_hashes_that_dvc_gives_them(tmp_path: Path) -> None:
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db import HashFileDB
    from dvc_objects.fs.local import LocalFileSystem

    folder = tmp_path / "f"
    (folder / "b").mkdir(parents=True)
    for name in ("b/z.csv", "b.csv", "ä.csv", "a"):
        (folder / name).write_text(name)
    files = LocalFileSystem()
    store = HashFileDB(files, str(tmp_path / "odb"))
    for path in (folder, folder / "a"):
        _, _, made = build(store, str(path), files, "md5", dry_run=True)
        assert hash_of(path) == made.hash_info.value
