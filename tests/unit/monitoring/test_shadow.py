"""The champion before comes from the registry, scores along, and is put back by a real revert."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.errors import BundleError
from churn_mlops.inference import batch_score
from churn_mlops.inference.kept import kept
from churn_mlops.monitoring import probation, shadow
from churn_mlops.monitoring.shadow import score_shadow
from churn_mlops.params import Params, Tracking
from churn_mlops.registry.champion import load_champion
from churn_mlops.registry.history import ledger
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.summary import Summary
from tests import contenders
from tests.contenders import FAIR, GOOD, Place, damage
from tests.made_up import FIRST
from tests.mlflow_server import free_port

pytestmark = pytest.mark.slow
LAST = FIRST + timedelta(days=contenders.DAYS - 1)


@pytest.fixture
def two(place: Place, tmp_path: Path) -> Place:
    """A promotion over another champion, five days before the end of the data."""
    # The tables are all contenders'; lists and marks are the test's own.
    shutil.copytree(place.params.paths.data, tmp_path / "data")
    place = place.with_params(paths={"data": str(tmp_path / "data")})
    report = tmp_path / "data/validation/report.json"
    report.parent.mkdir()
    days = {"first_day": str(FIRST), "last_day": str(LAST - timedelta(days=5))}
    report.write_text(json.dumps({"status": "passed", "calendar": days}))
    place.train(FAIR)
    place.promote()
    place.train(GOOD)
    place.promote()
    days["last_day"] = str(LAST)
    report.write_text(json.dumps({"status": "passed", "calendar": days}))
    return place


def score(place: Place, ago: int) -> Summary:
    asked = place.with_params(scoring={"as_of_date": LAST - timedelta(days=ago)})
    batch_score.run(asked.params)
    return score_shadow(place.params)


def test_without_a_probation_nothing_is_scored(place: Place) -> None:
    assert score_shadow(place.params).facts == {"status": "none"}


def test_the_day_of_the_list_is_scored_with_the_champion_before(two: Place) -> None:
    summary = score(two, 2)
    before = ledger(two.params).entries()[0].facts["challenger"]["version"]
    assert summary.facts["model_version"] == before
    mine, other = (
        next(one for one in kept(two.params) if one.version == version).read()
        for version in (load_champion(two.params).version, before)
    )
    assert mine.users.equals(other.users)
    assert set(other.decisions) == {"none"}
    assert (mine.risks != other.risks).any()
    # Again: nothing is scored twice, and no registry is needed.
    assert score_shadow(two.params).rows == {}


def test_a_list_of_the_day_of_the_promotion_is_not(two: Place) -> None:
    assert score(two, 5).facts["status"] == "none"


def test_a_damaged_copy_is_fetched_again(two: Place) -> None:
    score(two, 2)
    damage(two.root / "shadow/model.onnx")
    assert score(two, 1).facts["status"] == "scored"


def test_while_the_registry_is_away_the_day_goes_on(
    two: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_score.run(two.params)
    away = Params(tracking=Tracking(uri=f"http://127.0.0.1:{free_port()}", timeout_seconds=1))
    monkeypatch.setattr(shadow, "Tracker", lambda _: Tracker(away.tracking))
    told = score_shadow(two.params)
    assert told.facts["status"] == "away"
    assert "does not answer" in told.facts["reason"]


def test_a_registry_that_holds_something_else_is_refused(two: Place) -> None:
    damage(two.stored(1) / "model.onnx")
    with pytest.raises(BundleError):
        score(two, 2)
    assert not (two.root / "shadow").exists()


def test_a_revert_is_a_rollback_with_its_evidence(two: Place, monkeypatch: Any) -> None:
    from churn_mlops.monitoring.duel import Result

    lost = Result(3, 200, 0.6, 0.7, -0.1, -0.15, -0.05, 0.996)
    monkeypatch.setattr(probation, "compare", lambda *_: lost)
    before = ledger(two.params).entries()[0].facts["challenger"]
    assert probation.run(two.params).facts["status"] == "reverted"
    assert two.actions()[-2:] == ["reverted", "rolled_back"]
    assert load_champion(two.params).digest == before["digest"]
    assert two.champion() == before["digest"]
    assert "probation: " in ledger(two.params).entries()[-1].facts["reason"]
    assert probation.run(two.params).facts["status"] == "none"
