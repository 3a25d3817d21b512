from __future__ import annotations

from churn_mlops.report.inputs import Champion
from churn_mlops.report.shapes import Promotion
from churn_mlops.report.subject import champion_version, subject
from tests.unit.report import made


def test_the_champion_stands_in_front() -> None:
    older = Champion(made.meta(), "77e01bb4c0de" + "0" * 52)
    found = subject(made.inputs(champion=older))
    assert (found.model.name, found.is_champion) == ("baseline", True)
    assert [e.name for e in found.models] == ["baseline", "candidate"]


def test_a_champion_of_earlier_days_leaves_the_challenger() -> None:
    older = Champion(made.meta(), "f" * 64)
    challenger = {"name": "baseline", "family": "x", "version": "77e01bb4c0de"}
    refused = Promotion.model_validate(made.promotion(decision="refused", challenger=challenger))
    found = subject(made.inputs(champion=older, promotion=refused))
    assert (found.model.name, found.is_champion) == ("baseline", False)


def test_without_champion_and_decision_the_best_one_is_shown() -> None:
    found = subject(made.inputs(champion=None, promotion=None))
    assert (found.model.name, found.is_champion) == ("candidate", False)


def test_the_version_follows_the_decision_where_no_bundle_is() -> None:
    for decision, version in (("promoted", made.VERSION), ("refused", "77e01bb4c0de")):
        promotion = Promotion.model_validate(made.promotion(decision=decision))
        assert champion_version(made.inputs(champion=None, promotion=promotion)) == version
    first = Promotion.model_validate(made.promotion(decision="refused", champion=None))
    assert champion_version(made.inputs(champion=None, promotion=first)) is None
