"""`churn reproduce`: a registered model is made again from its lineage alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from churn_mlops.errors import ReproduceError
from churn_mlops.params import Tracking
from churn_mlops.registry.lineage_store import attach, fetch
from churn_mlops.registry.mlflow_registry import Tracker
from tests import lineages, mlflow_server
from tests.lineages import Origin, reproduce

pytestmark = pytest.mark.slow


def test_the_lineage_is_registered_with_the_model(origin: Origin) -> None:
    with Tracker(Tracking(uri=origin.tracking, timeout_seconds=30)) as tracker:
        (version,) = tracker.versions("churn")
        lineage = fetch(tracker, version)
    folder = origin.folder
    lock = yaml.safe_load(str(lineage.lock))["stages"]
    train, data = lineage.facts["stage"], "data/features/training_dataset.csv"
    (made,) = [o for o in lock["build_training_set"]["outs"] if o["path"] == data]
    assert train in lock
    assert lineage.facts["missing"] == []
    assert lineage.facts["overrides"] == {"CHURN__TRAINING__SEED": "7"}
    assert lineage.effective["training"]["seed"] == 7
    assert lineage.facts["data"]["inputs"] == {data: made["md5"]}
    assert "data/raw" in lineage.facts["data"]["built_from"]
    assert lineage.params == (folder / "params.yaml").read_text()
    assert lineage.effective["churn"]["window_days"] == 14
    assert lineage.facts["code"]["dirty"] is False
    assert version.tags["git_commit"] == lineage.facts["code"]["commit"]
    assert version.tags["data_md5"] == made["md5"]


def test_equal_from_the_training_set_and_nothing_else_is_touched(
    origin: Origin, tmp_path: Path
) -> None:
    folder = origin.copy(tmp_path / "work")
    before = lineages.files(folder)
    facts = reproduce(folder, "champion", "--into", str(tmp_path / "kept"))
    assert facts["equal"] is True
    assert facts["registered"] == facts["reproduced"]
    assert "local cache" in facts["source"]
    assert facts["seconds"].keys() == {"clone", "pull", "train"}
    assert lineages.files(folder) == before
    assert (tmp_path / "kept" / "reproduced.db").exists()
    with Tracker(Tracking(uri=origin.tracking, timeout_seconds=30)) as tracker:
        assert len(tracker.versions("churn")) == 1
    # Again into the same folder would mix two attempts.
    options = ("1", "--into", str(tmp_path / "kept"))
    again = reproduce(folder, *options, code=ReproduceError.exit_code)
    assert "is there already" in again["error"]


def test_equal_from_the_raw_tables_by_a_cache_of_ones_choice_with_other_threads(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = origin.copy(tmp_path / "work")
    cache = tmp_path / "cache"
    (folder / ".dvc" / "cache").rename(cache)
    facts = reproduce(folder, "1", "--from-raw", "--cache-dir", str(cache))
    assert facts["equal"] is True
    assert facts["source"] == f"the cache {cache}"
    # Nothing to take data from: neither remote nor cache.
    error = reproduce(folder, "1", code=ReproduceError.exit_code)["error"]
    assert "no DVC cache" in error
    assert "dvc remote add" in error


def test_other_parameters_give_another_model_and_it_is_told_where(
    origin: Origin, tmp_path: Path
) -> None:
    folder = origin.copy(tmp_path / "work")
    with Tracker(Tracking(uri=origin.tracking, timeout_seconds=30)) as tracker:
        (version,) = tracker.versions("churn")
        lineage = fetch(tracker, version)
        tree = yaml.safe_load(str(lineage.params))
        tree["training"]["calibration_share"] = 0.2
        other = replace(
            lineage,
            facts=lineage.facts | {"versions": lineage.facts["versions"] | {"numpy": "0.1"}},
            params=yaml.safe_dump(tree),
        )
        bundle = folder / "artifacts/models" / lineages.family(folder)
        mlflow_server.register(tracker, "changed", bundle)
        (changed,) = tracker.versions("changed")
        tracker.set_tags("changed", 1, attach(tracker, changed.run_id, other))
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("model: churn", "model: changed"))
    facts = reproduce(folder, "1", code=ReproduceError.exit_code)
    assert facts["equal"] is False
    assert "settings.calibration_share 0.15 -> 0.2" in facts["files"]["bundle.json"]
    assert facts["stages"][0].startswith(lineage.facts["stage"])
    assert facts["versions"]["numpy"][0] == "0.1"
