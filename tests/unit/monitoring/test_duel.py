"""Two models on the same lists: what is found, and how often a sound champion is taken out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from churn_mlops.monitoring import duel as module
from churn_mlops.monitoring.duel import Round, confidence_of_look, duel

USERS, DAYS = 300, 14


def rounds(days: int, noise: float, other: float, seed: int) -> list[Round]:
    """Days on which each model sees a user's propensity through noise of its own."""
    rng = np.random.default_rng(seed)
    propensity = rng.normal(size=USERS)
    mine, others = (propensity + spread * rng.normal(size=USERS) for spread in (noise, other))
    found = []
    for _ in range(days):
        there = np.flatnonzero(rng.random(USERS) < 0.9)
        away = rng.random(len(there)) < 1 / (1 + np.exp(-2 * propensity[there]))
        found.append(Round(there, mine[there], others[there], away))
    return found


def test_the_difference_is_that_of_the_days_areas() -> None:
    days = rounds(3, 0.5, 1.0, 0)
    found = duel(days, 0.95, 0)
    assert found is not None
    weights = [len(one.users) for one in days]
    areas = [
        np.average([roc_auc_score(one.away, getattr(one, name)) for one in days], weights=weights)
        for name in ("risks", "others")
    ]
    assert (found.roc_auc, found.other) == pytest.approx(areas)
    assert found.difference == pytest.approx(areas[0] - areas[1])
    assert found.low < found.difference < found.high
    assert (found.rounds, found.lost) == (3, False)
    assert found.as_json()["days"] == 3
    assert "over 3 days" in found.words()


def test_a_clearly_worse_champion_has_lost_after_two_days() -> None:
    found = duel(rounds(2, 5.0, 0.1, 0), confidence_of_look(0.95, DAYS), 0)
    assert found is not None
    assert found.lost


@pytest.mark.slow
def test_of_champions_as_good_as_the_one_before_hardly_any_is_taken_out() -> None:
    """Over all looks together at most 2.5 %: half of 1 - confidence, as one side reverts."""
    confidence = confidence_of_look(0.95, DAYS)

    def reverted(seed: int) -> bool:
        days = rounds(DAYS, 1.0, 1.0, seed)
        looks = (duel(days[: n + 1], confidence, 0) for n in range(0, DAYS, 3))
        return any(one is not None and one.lost for one in looks)

    assert sum(reverted(seed) for seed in range(60)) <= 3


def test_days_without_both_kinds_of_users_are_left_out() -> None:
    (one,) = rounds(1, 1.0, 1.0, 0)
    nobody = Round(one.users, one.risks, one.others, np.zeros(len(one.users), dtype=bool))
    assert duel([nobody], 0.95, 0) is None
    assert duel([], 0.95, 0) is None
    found = duel([one, nobody], 0.95, 0)
    assert found is not None
    assert found.rounds == 1


def test_text_ids_are_users_as_well() -> None:
    days = rounds(2, 0.5, 1.0, 0)
    texts = [
        Round(np.array([f"u{i:04d}" for i in one.users], dtype=object), one.risks, one.others,
              one.away)
        for one in days
    ]  # fmt: skip
    assert duel(texts, 0.95, 0) == duel(days, 0.95, 0)


def test_of_many_users_a_part_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_USERS", 100)
    found = duel(rounds(3, 0.5, 5.0, 0), 0.95, 0)
    assert found is not None
    assert found.users == 100
    assert found.difference > 0


def test_many_looks_share_one_risk() -> None:
    assert confidence_of_look(0.95, 1) == pytest.approx(0.95)
    assert 14 * (1 - confidence_of_look(0.95, 14)) == pytest.approx(0.05)
