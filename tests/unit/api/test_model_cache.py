from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from churn_mlops.api.model_cache import ABANDONED_SECONDS, MismatchError, ModelCache
from churn_mlops.api.model_source import Named
from churn_mlops.errors import BundleError
from tests.trained import bundle, bundle_folder

NAMED = Named(bundle("candidate").digest, 3)


def fetch(to: Path) -> None:
    for file in bundle_folder("candidate").iterdir():
        shutil.copy(file, to)


def refuse(to: Path) -> None:
    raise AssertionError("nothing needs to be fetched")


def test_a_bundle_is_fetched_once(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    assert cache.load(NAMED, fetch).digest == NAMED.digest
    assert cache.load(NAMED, refuse).digest == NAMED.digest
    assert cache.load(NAMED, None).digest == NAMED.digest
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == [NAMED.digest]


def test_without_a_source_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        ModelCache(tmp_path).load(NAMED, None)


def test_another_model_than_was_named_is_not_kept(tmp_path: Path) -> None:
    other = Named("0" * 64, 1)
    with pytest.raises(MismatchError, match="000000000000"):
        ModelCache(tmp_path).load(other, fetch)
    assert list(tmp_path.iterdir()) == []


def test_half_a_bundle_is_not_kept(tmp_path: Path) -> None:
    def half(to: Path) -> None:
        fetch(to)
        (to / "model.onnx").unlink()

    with pytest.raises(BundleError, match=r"lacks model\.onnx"):
        ModelCache(tmp_path).load(NAMED, half)
    assert list(tmp_path.iterdir()) == []


def test_a_sibling_that_was_faster_is_no_failure(tmp_path: Path) -> None:
    cache, sibling = ModelCache(tmp_path), ModelCache(tmp_path)

    def slower(to: Path) -> None:
        sibling.load(NAMED, fetch)
        fetch(to)

    assert cache.load(NAMED, slower).digest == NAMED.digest
    assert [entry.name for entry in tmp_path.iterdir()] == [NAMED.digest]


def test_the_last_good_model_is_remembered(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    assert cache.last_good() is None
    cache.remember(NAMED)
    assert ModelCache(tmp_path).last_good() == NAMED
    cache.remember(Named("1" * 64, None))
    assert cache.last_good() == Named("1" * 64, None)
    ModelCache(tmp_path / "none").remember(NAMED)
    assert not (tmp_path / "none").exists()


def test_only_what_is_named_stays(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    ModelCache(tmp_path / "none").keep(())
    cache.load(NAMED, fetch)
    cache.remember(NAMED)
    (tmp_path / ("1" * 64)).mkdir()
    (tmp_path / "stray").write_text("")
    fresh, old = tmp_path / ".fresh", tmp_path / ".old"
    for folder in (fresh, old):
        folder.mkdir()
    past = time.time() - 2 * ABANDONED_SECONDS
    os.utime(old, (past, past))
    cache.keep({NAMED.digest})
    assert {entry.name for entry in tmp_path.iterdir()} == {
        NAMED.digest, "last_good.json", ".fresh",
    }  # fmt: skip
