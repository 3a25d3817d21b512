"""What is taken down about a model's origin, and what is said to be missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from churn_mlops.params import Params
from churn_mlops.registry.code_state import git
from churn_mlops.registry.dvc_lock import hash_of
from churn_mlops.registry.lineage import Lineage, collect, overrides, versions
from tests.lineages import commit

BUNDLE = Path("artifacts/models/candidate")


def lock_for(folder: Path, bundle_md5: str) -> None:
    """A dvc.lock in which a training made a bundle with a hash."""
    stages = {
        "generate_data": {"outs": [{"path": "data/raw", "md5": "r.dir"}]},
        "build": {
            "deps": [{"path": "data/raw", "md5": "r.dir"}],
            "outs": [{"path": "data/t.csv", "md5": "t"}],
        },
        "train_candidate": {
            "deps": [{"path": "data/t.csv", "md5": "t"}, {"path": "src/a.py", "md5": "a"}],
            "outs": [{"path": BUNDLE.as_posix(), "md5": bundle_md5}],
        },
    }
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


@pytest.fixture
def bundle(workspace: Path) -> Path:
    """A workspace with a file in the place of a bundle."""
    (workspace / BUNDLE).mkdir(parents=True)
    (workspace / BUNDLE / "model.onnx").write_text("x")
    return workspace


def taken(environment: dict[str, str] | None = None) -> Lineage:
    return collect(
        Params(),
        stage="train_candidate",
        bundle=BUNDLE,
        digest="d",
        environment=environment or {},
    )


def test_without_git_and_dvc_all_else_is_there_and_the_gaps_are_named(bundle: Path) -> None:
    lineage = taken()
    assert (lineage.params, lineage.lock) == (None, None)
    assert lineage.facts["code"]["commit"] is None
    assert lineage.facts["data"] == {"inputs": None, "built_from": None}
    told = "\n".join(lineage.facts["missing"])
    for word in ("params.yaml", "dvc.lock", "the commit: fatal: not a git repository"):
        assert word in told
    assert lineage.effective["churn"]["window_days"] == Params().churn.window_days
    assert json.loads(json.dumps(lineage.facts)) == lineage.facts


def test_data_are_those_of_the_lock_that_tells_of_this_bundle(bundle: Path) -> None:
    lock_for(bundle, hash_of(BUNDLE))
    (bundle / "params.yaml").write_text("churn: {window_days: 30}\n")
    git(bundle, "init", "-q", ".")
    (bundle / "src").mkdir()
    (bundle / "src" / "a.py").write_text("1")
    commit(bundle, "x")
    lineage = taken()
    assert lineage.facts["missing"] == []
    assert lineage.facts["data"]["inputs"] == {"data/t.csv": "t"}
    assert lineage.facts["data"]["built_from"] == {"data/raw": "r.dir", "data/t.csv": "t"}
    assert lineage.params == "churn: {window_days: 30}\n"
    assert lineage.lock == (bundle / "dvc.lock").read_text()
    (bundle / "src" / "a.py").write_text("2")
    code = taken().facts["code"]
    assert (code["dirty"], code["changed"]) == (True, ["src/a.py"])


def test_a_model_that_was_trained_by_hand_has_no_known_data(bundle: Path) -> None:
    lock_for(bundle, "another.dir")
    lineage = taken()
    assert lineage.facts["data"]["inputs"] is None
    assert any("is not the one that dvc.lock tells of" in text for text in lineage.facts["missing"])


@pytest.mark.parametrize("text", ["stages: {}", "stages: {train_candidate: {outs: [1]}}", "[", ""])
def test_a_lock_that_says_nothing_is_a_gap_and_no_failure(bundle: Path, text: str) -> None:
    (bundle / "dvc.lock").write_text(text)
    lineage = taken()
    assert lineage.facts["data"]["inputs"] is None
    assert any("dvc.lock" in words for words in lineage.facts["missing"])


def test_overrides_are_kept_without_their_secrets() -> None:
    found = overrides(
        {
            "CHURN__TRAINING__SEED": "7",
            "churn__churn__window_days": "14",
            "CHURN__DATA__SQL__URL": "postgresql://u:s3cret@h/x",
            "CHURN__DATA__SQL": "{url: 's3cret', users: u}",
            "CHURN__SERVING__API_KEYS": "s3cret,k2",
            "CHURN__MONITORING__ALERT": "{slack: 'https://s3cret', tries: 2}",
            "CHURN__TRACKING__URI": "http://u:s3cret@h:5000",
            "CHURN_OTHER": "s3cret",
            "HOME": "/s3cret",
        }
    )
    assert "s3cret" not in json.dumps(found)
    assert found["CHURN__TRAINING__SEED"] == "7"
    assert found["CHURN__CHURN__WINDOW_DAYS"] == "14"
    assert found["CHURN__DATA__SQL__URL"] == "***"
    assert json.loads(found["CHURN__DATA__SQL"]) == {"url": "***", "users": "u"}
    assert found["CHURN__TRACKING__URI"] == "http://***@h:5000"
    assert len(found) == 7


def test_effective_parameters_are_those_at_work(bundle: Path) -> None:
    params = Params.model_validate({"data": {"sql": {"url": "s3cret"}}, "training": {"seed": 7}})
    lineage = collect(params, stage="s", bundle=BUNDLE, digest="d", environment={})
    assert lineage.effective["training"]["seed"] == 7
    assert "s3cret" not in json.dumps(lineage.effective)


def test_the_libraries_that_matter_are_named() -> None:
    found = versions()
    assert {"python", "platform", "lightgbm", "scikit-learn", "numpy", "onnx", "duckdb"} <= {*found}
    assert all(found.values())
