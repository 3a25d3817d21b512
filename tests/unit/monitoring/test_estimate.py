"""The estimate is the mean over who may leave, and its interval holds what it says it holds."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from churn_mlops.inference.decision import expected_profit
from churn_mlops.inference.kept import Batch
from churn_mlops.monitoring.estimate import Estimate, estimate, summed_up
from churn_mlops.monitoring.outlook import Outlook, outlook
from churn_mlops.monitoring.ranking import Groups
from churn_mlops.monitoring.recalibration import Evidence, centre_of, recalibrate, shares
from churn_mlops.params import Value

VALUE = Value(customer_value=100, contact_cost=1, offer_cost=5, success_rate=0.4)
# The risks are right, and there is no doubt about it.
CERTAIN = Outlook(np.ones(1), np.zeros((1, 2)), np.eye(2)[None] * 1e-12)


def batch(risks: np.ndarray, n: int = 0) -> Batch:
    decisions = np.where(risks >= 0.4, "contact", np.where(risks >= 0.3, "hold_out", "none"))
    day = date(2025, 1, 1) + timedelta(days=n)
    return Batch(day, "abc", pa.array(range(len(risks))), risks, decisions, {})


def truth(risks: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    groups = Groups(risks)
    return {name: values[0] for name, values in groups.metrics(groups.count(labels)).items()}


@pytest.mark.slow
def test_it_is_the_mean_over_simulated_labels() -> None:
    rng = np.random.default_rng(0)
    risks = rng.beta(0.5, 2, 400).round(2)
    found = estimate(batch(risks), CERTAIN, 0.0, 0.9, VALUE)
    drawn = rng.random((1_500, 400)) < risks
    simulated = {
        "pr_auc": [average_precision_score(labels, risks) for labels in drawn],
        "roc_auc": [roc_auc_score(labels, risks) for labels in drawn],
        "profit": [expected_profit(labels[risks >= 0.4] * 1.0, VALUE).sum() for labels in drawn],
    }
    for name, values in simulated.items():
        spread = np.std(values)
        assert found[name].value == pytest.approx(np.mean(values), abs=4 * spread / 1_000**0.5)
        low, high = np.quantile(values, [0.05, 0.95])
        # Profit goes in steps of one user.
        near = max(0.2 * spread, 43.1 if name == "profit" else 0)
        assert found[name].low == pytest.approx(low, abs=near)
        assert found[name].high == pytest.approx(high, abs=near)
    expected = expected_profit(risks[risks >= 0.4], VALUE).sum()
    assert found["profit"].value == pytest.approx(expected, rel=0.05)


def test_the_same_batch_gives_the_same_numbers_in_any_order_of_users() -> None:
    risks = np.random.default_rng(1).beta(0.5, 2, 300)
    first = estimate(batch(risks), CERTAIN, 0.0, 0.9, VALUE)
    assert estimate(batch(risks), CERTAIN, 0.0, 0.9, VALUE) == first
    assert estimate(batch(risks[::-1]), CERTAIN, 0.0, 0.9, VALUE) == first


@pytest.mark.slow
@pytest.mark.parametrize("confidence", [0.8, 0.9])
def test_risks_that_are_right_are_covered_as_promised(confidence: float) -> None:
    held = {"pr_auc": 0, "roc_auc": 0}
    runs = 300
    for n in range(runs):
        rng = np.random.default_rng(n)
        risks = rng.beta(0.5, 2, 150)
        found = estimate(batch(risks, n), CERTAIN, 0.0, confidence, None)
        values = truth(risks, (rng.random(150) < risks).astype(int))
        for name in held:
            held[name] += bool(found[name].holds(values[name]))
    for count in held.values():
        assert count / runs == pytest.approx(confidence, abs=3 * (0.1 / runs) ** 0.5)


def swinging(seed: int, swing: float) -> dict[str, bool | None]:
    """One portal: reference days and three batches a horizon apart, then a promise."""
    rng = np.random.default_rng(seed)
    levels = swing * rng.standard_normal(5)
    evidence: list[Evidence] = []
    centre = centre_of(rng.beta(0.5, 3, 1_500))
    for n, level in enumerate(levels):
        risks = rng.beta(0.5, 3, 1_500)
        true = shares(risks, np.array([[level, 0.0]]), centre)[0]
        labels = (rng.random(1_500) < true).astype(int)
        if n == 4:
            found = estimate(batch(risks, seed), outlook(evidence, 120.0, 30), centre, 0.9, None)
            return {name: found[name].holds(value) for name, value in truth(risks, labels).items()}
        evidence.append(recalibrate(30.0 * n, risks, labels, np.arange(1_500), centre))
    raise AssertionError


@pytest.mark.slow
@pytest.mark.parametrize(("swing", "least"), [(0.0, 0.87), (0.3, 0.82)])
def test_days_that_swing_are_covered_too(swing: float, least: float) -> None:
    held = [swinging(seed, swing) for seed in range(120)]
    for name in ("pr_auc", "roc_auc"):
        assert np.mean([h[name] for h in held]) >= least


def test_risks_that_became_wrong_fall_outside() -> None:
    rng = np.random.default_rng(3)
    risks = rng.beta(0.5, 3, 3_000)
    found = estimate(batch(risks), CERTAIN, 0.0, 0.9, None)
    unrelated = (rng.random(3_000) < risks.mean()).astype(int)
    flatter = shares(risks, np.array([[0.0, -0.5]]), centre_of(risks))[0]
    for labels in (unrelated, (rng.random(3_000) < flatter).astype(int)):
        values = truth(risks, labels)
        for name, value in values.items():
            assert found[name].holds(value) is False
            assert value < found[name].low


def test_doubt_about_the_risks_widens_the_interval() -> None:
    risks = np.random.default_rng(4).beta(0.5, 3, 2_000)
    sure, doubtful = (
        estimate(batch(risks), expected, centre_of(risks), 0.9, VALUE)
        for expected in (CERTAIN, outlook([], 0.0, 30))
    )
    for name, narrow in sure.items():
        assert doubtful[name].high - doubtful[name].low > 1.2 * (narrow.high - narrow.low)


@pytest.mark.parametrize("risks", [np.zeros(20), np.ones(20), np.array([0.5])])
def test_a_batch_without_two_classes_has_no_ranking_metric(risks: np.ndarray) -> None:
    found = estimate(batch(risks), CERTAIN, 0.0, 0.9, None)
    assert found["roc_auc"] == Estimate(None, None, None)
    assert found["pr_auc"].holds(0.5) is None


def test_nobody_contacted_earns_nothing() -> None:
    found = estimate(batch(np.array([0.1, 0.2])), CERTAIN, 0.0, 0.9, VALUE)
    assert found["profit"] == Estimate(0.0, 0.0, 0.0)


def test_outcomes_without_a_value_are_left_out() -> None:
    assert summed_up(np.array([np.nan, 1.0, 3.0]), 0.9).value == 2.0
