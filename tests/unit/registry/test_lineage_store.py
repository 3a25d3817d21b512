"""A lineage comes back from MLflow as it was kept, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from churn_mlops.errors import ReproduceError
from churn_mlops.registry.lineage import Lineage, collect
from churn_mlops.registry.lineage_store import DIGEST, RUN, attach, fetch
from churn_mlops.registry.mlflow_registry import Version
from tests.contenders import FAIR, Place


def registered(place: Place, number: int = 1) -> Version:
    version = place.tracker.by_version(place.params.tracking.model, number)
    assert version is not None
    return version


def sample(place: Place) -> Lineage:
    """A lineage of the first version, as it comes back."""
    made = place.crown(FAIR)
    folder = place.root / "models/candidate"
    stage = "train_candidate"
    lineage = collect(place.params, stage=stage, bundle=folder, digest=made.digest)
    version = registered(place)
    tags = attach(place.tracker, version.run_id, lineage)
    place.tracker.set_tags(place.params.tracking.model, 1, tags)
    back = fetch(place.tracker, registered(place))
    assert back.facts.items() > lineage.facts.items()
    assert replace(back, facts=lineage.facts) == lineage
    return back


def test_promotion_registers_a_lineage(place: Place, workspace: Any) -> None:
    (workspace / "params.yaml").write_text("# mine\n")
    place.train(FAIR)
    place.promote()
    lineage = fetch(place.tracker, registered(place))
    assert lineage.params == "# mine\n"
    assert lineage.lock is None
    assert lineage.facts["stage"] == "train_candidate"
    tags = registered(place).tags
    assert lineage.facts["bundle_sha256"] == tags["bundle_sha256"]
    assert lineage.effective["tracking"]["model"] == place.params.tracking.model
    assert len(tags["params_md5"]) == 32
    assert "dvc_lock_md5" not in tags


def test_the_same_model_again_keeps_its_first_lineage(place: Place, workspace: Any) -> None:
    (workspace / "params.yaml").write_text("# first\n")
    place.train(FAIR)
    place.promote()
    first = registered(place).tags[DIGEST]
    place.tracker.delete_alias(place.params.tracking.model, "champion")
    (place.production / "SHA256SUMS").parent.rename(place.root / "away")
    (workspace / "params.yaml").write_text("# second\n")
    place.promote()
    assert registered(place).tags[DIGEST] == first
    assert fetch(place.tracker, registered(place)).params == "# first\n"


def test_a_changed_lineage_is_refused(place: Place, workspace: Any) -> None:
    (workspace / "params.yaml").write_text("# mine\n")
    lineage = sample(place)
    version = registered(place)
    (folder,) = place.stored(1).parent.glob("lineage")
    (folder / "params.yaml").write_text("# theirs\n")
    with pytest.raises(ReproduceError, match=r"params\.yaml of version 1 is not the file"):
        fetch(place.tracker, version)
    attach(place.tracker, version.run_id, replace(lineage, facts=lineage.facts | {"stage": "x"}))
    with pytest.raises(ReproduceError, match=r"lineage\.json of version 1 is not the file"):
        fetch(place.tracker, version)
    (folder / "lineage.json").unlink()
    with pytest.raises(ReproduceError, match=r"has no lineage/lineage\.json any more"):
        fetch(place.tracker, version)


def test_a_version_without_one_is_told(place: Place, workspace: Any) -> None:
    sample(place)
    version = registered(place)
    bare = replace(version, tags={k: v for k, v in version.tags.items() if k != RUN})
    with pytest.raises(ReproduceError, match="has no lineage"):
        fetch(place.tracker, bare)


def test_a_lineage_of_a_later_release_is_told(place: Place, workspace: Any) -> None:
    lineage = sample(place)
    later = replace(lineage, facts=lineage.facts | {"format": 2})
    version = registered(place)
    tags = attach(place.tracker, version.run_id, later)
    with pytest.raises(ReproduceError, match="the format 2, not 1"):
        fetch(place.tracker, replace(version, tags={**version.tags, **tags}))
