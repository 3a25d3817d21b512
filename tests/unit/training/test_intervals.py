from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.params import Evaluation
from churn_mlops.training.bootstrap import Draws
from churn_mlops.training.evaluate import evaluate
from churn_mlops.training.intervals import intervals

EVALUATION = Evaluation(resamples=200)


def rows(users=150, days=4, seed=0):
    rng = np.random.default_rng(seed)
    n = users * days
    risks = rng.beta(1, 3, n).round(3)
    labels = (rng.random(n) < risks).astype(np.int8)
    first = np.datetime64("2025-01-01")
    return labels, risks, first + np.tile(np.arange(days), users), np.repeat(np.arange(users), days)


def test_every_metric_has_an_interval_around_it():
    labels, risks, days, users = rows()
    found = intervals(labels, risks, days, users, 10, EVALUATION, seed=0)
    metrics = evaluate(labels, risks, days, users, 10)
    assert set(found) == set(metrics) - {"rows", "users", "churned"}
    for name, (low, high) in found.items():
        assert low < high
        # Resampling can only add to the calibration error, which is a mean of sizes.
        assert low <= metrics[name] <= high or (name == "ece" and metrics[name] < low)


def test_on_rows_as_they_are_every_metric_is_the_one_that_is_told():
    """With every user drawn once, the interval shrinks to the metric."""
    labels, risks, days, users = rows()

    class Once(Draws):
        def __iter__(self):
            yield np.ones((1, self.count))

    metrics = evaluate(labels, risks, days, users, 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("churn_mlops.training.intervals.Draws", Once)
        found = intervals(labels, risks, days, users, 10, EVALUATION, seed=0)
    for name, (low, high) in found.items():
        assert low == high == pytest.approx(metrics[name]), name


def test_more_confidence_is_wider_and_the_seed_decides():
    given = rows()
    narrow = intervals(*given, 10, EVALUATION.model_copy(update={"confidence": 0.5}), seed=0)
    wide = intervals(*given, 10, EVALUATION.model_copy(update={"confidence": 0.99}), seed=0)
    assert all(wide[n][0] < narrow[n][0] < narrow[n][1] < wide[n][1] for n in wide)
    assert intervals(*given, 10, EVALUATION, seed=0) == intervals(*given, 10, EVALUATION, seed=0)
    assert intervals(*given, 10, EVALUATION, seed=0) != intervals(*given, 10, EVALUATION, seed=1)


def test_the_base_rates_interval_is_about_the_normal_one():
    labels, risks, days, users = rows(users=800, days=1)
    low, high = intervals(labels, risks, days, users, 10, EVALUATION, seed=0)["base_rate"]
    share = labels.mean()
    reach = 1.96 * np.sqrt(share * (1 - share) / 800)
    assert low == pytest.approx(share - reach, abs=0.35 * reach)
    assert high == pytest.approx(share + reach, abs=0.35 * reach)


def test_a_metric_that_exists_in_no_resample_is_not_a_number():
    labels, risks = np.array([1, 0]), np.array([0.9, 0.1])
    days = np.repeat(np.datetime64("2025-01-01"), 2)
    found = intervals(labels, risks, days, np.zeros(2), 1, EVALUATION, seed=0)
    assert found["roc_auc"] == (1.0, 1.0)
    none = intervals(np.ones(2), risks, days, np.arange(2), 1, EVALUATION, seed=0)
    assert np.isnan(none["roc_auc"]).all()
