from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from churn_mlops.training.simple_rules import against_rules, rule_scores


def columns(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "days_since_last_activity": rng.geometric(0.2, n) * 1.0,
        "active_days_30d": rng.poisson(8, n) * 1.0,
        "active_days_7d": np.zeros(n),
    }


def labels(cols, seed=0):
    chance = np.clip(cols["days_since_last_activity"] / 20, 0, 1)
    return (np.random.default_rng(seed).random(len(chance)) < chance).astype(int)


@pytest.fixture
def params(make_params):
    return make_params({"evaluation": {"resamples": 40}})


def test_longest_away_and_least_active_come_first(params):
    cols = {"days_since_last_activity": np.array([3, np.nan, 9]), "active_days_30d": [4, np.nan, 9]}
    found = rule_scores(cols, params)
    assert np.argsort(-found["recency"]).tolist() == [1, 2, 0]
    assert np.argsort(-found["activity"]).tolist() == [1, 0, 2]
    assert np.isfinite(found["recency"]).all()


def test_activity_is_that_of_the_longest_window(make_params):
    cols = columns() | {"active_days_60d": np.arange(400.0)}
    found = rule_scores(cols, make_params({"features": {"windows_days": (60, 7)}}))
    np.testing.assert_array_equal(found["activity"], -np.arange(400.0))


def test_rules_are_judged_as_sklearn_judges_their_scores(params):
    cols = columns()
    ends = labels(cols)
    risks = np.random.default_rng(3).random(400)
    metrics, spread = against_rules(ends, risks, cols, np.arange(400), params)
    for rule, scores in rule_scores(cols, params).items():
        assert metrics[f"pr_auc_{rule}"] == pytest.approx(average_precision_score(ends, scores))
        assert metrics[f"roc_auc_{rule}"] == pytest.approx(roc_auc_score(ends, scores))
    best = max(metrics["pr_auc_recency"], metrics["pr_auc_activity"])
    assert metrics["pr_auc_gain"] == pytest.approx(average_precision_score(ends, risks) - best)
    assert set(spread) == {"pr_auc_gain"}
    assert spread["pr_auc_gain"][1] < 0


@pytest.mark.parametrize("rule", ["recency", "activity"])
def test_a_model_that_is_the_best_rule_gains_nothing(params, rule):
    cols = columns()
    ends = labels(cols)
    if rule == "activity":
        ends = (cols["active_days_30d"] < 7).astype(int)
    risks = rule_scores(cols, params)[rule]
    metrics, spread = against_rules(ends, risks, cols, np.arange(400), params)
    assert metrics["pr_auc_gain"] == 0
    assert spread["pr_auc_gain"] == (0, 0)


def test_a_better_model_gains_surely(params):
    cols = columns()
    ends = labels(cols)
    risks = ends * 0.5 + np.random.default_rng(0).random(400) * 0.6
    metrics, spread = against_rules(ends, risks, cols, np.arange(400), params)
    low, high = spread["pr_auc_gain"]
    assert 0 < low < metrics["pr_auc_gain"] < high
