from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.errors import NotEnoughDataError
from churn_mlops.training.evaluate import (
    CURVE_POINTS,
    bin_numbers,
    calibration_error,
    curves,
    evaluate,
    listed_rows,
)

DAYS = np.array(["2025-01-01", "2025-01-02"], dtype="datetime64[D]")


def judged(labels, risks, top_k=2, days=None):
    n = len(labels)
    days = np.repeat(DAYS[:1], n) if days is None else days
    return evaluate(np.array(labels), np.array(risks), days, np.arange(n), top_k)


def test_a_small_case_by_hand():
    found = judged([1, 0, 1, 0], [0.9, 0.8, 0.3, 0.1])
    assert found["roc_auc"] == 0.75
    assert found["pr_auc"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found["accuracy"] == 0.5
    assert found["brier"] == pytest.approx((0.01 + 0.64 + 0.49 + 0.01) / 4)
    assert found["log_loss"] == pytest.approx(-np.mean(np.log([0.9, 0.2, 0.3, 0.9])))
    assert (found["recall_at_k"], found["precision_at_k"], found["lift_at_k"]) == (0.5, 0.5, 1.0)
    assert (found["base_rate"], found["rows"], found["users"], found["churned"]) == (0.5, 4, 4, 2)


def test_lists_are_made_per_day():
    labels = [0, 0, 0, 1]
    days = np.repeat(DAYS, 2)
    assert judged(labels, [0.9, 0.8, 0.1, 0.2], 1, days)["recall_at_k"] == 1.0
    assert judged(labels, [0.9, 0.8, 0.1, 0.2], 1)["recall_at_k"] == 0.0


def test_a_list_longer_than_the_day_holds_everybody():
    assert judged([1, 0, 1], [0.1, 0.2, 0.3], 99)["recall_at_k"] == 1.0


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60))
def test_metrics_are_numbers_or_an_error(pairs):
    labels, risks = map(np.array, zip(*pairs, strict=True))
    days = np.repeat(DAYS[:1], len(labels))
    if labels.sum() in (0, len(labels)):
        with pytest.raises(NotEnoughDataError, match="rows churned"):
            evaluate(labels, risks, days, days, 5)
    else:
        found = evaluate(labels, risks, days, np.arange(len(labels)), 5)
        assert np.isfinite(list(found.values())).all()
        assert 0 <= found["ece"] <= 1


def test_one_class_has_no_curves():
    with pytest.raises(NotEnoughDataError):
        curves(np.ones(9), np.linspace(0, 1, 9))


def test_calibration_error_sees_a_shift_and_forgives_a_good_fit():
    rng = np.random.default_rng(0)
    risks = rng.random(50_000)
    labels = (rng.random(50_000) < risks).astype(int)
    assert calibration_error(labels, risks) < 0.01
    assert calibration_error(labels, np.clip(risks + 0.1, 0, 1)) > 0.08


def test_equal_risks_give_one_bin_whatever_the_order():
    labels = np.array([0, 1, 1, 0, 1])
    assert calibration_error(labels, np.full(5, 0.6)) == pytest.approx(0)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(1, 10),
)
def test_each_days_list_holds_its_highest_risks(pairs, top_k):
    risks, days = map(np.array, zip(*pairs, strict=True))
    listed = listed_rows(risks / 5, days, top_k)
    for day in set(days.tolist()):
        rows = np.flatnonzero(days == day)
        expected = sorted(rows.tolist(), key=lambda row: (-risks[row], row))[:top_k]
        assert sorted(expected) == [row for row in listed.tolist() if days[row] == day]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80))
def test_equal_risks_share_a_bin_and_bins_follow_the_risks(risks):
    risks = np.array(risks) / 30
    bins = bin_numbers(risks)
    for a, b in zip(risks, bins, strict=True):
        assert len(set(bins[risks == a].tolist())) == 1
        assert (bins[risks < a] <= b).all()
    assert len(set(bins.tolist())) <= 10


def test_curves_are_thin_and_keep_their_ends():
    rng = np.random.default_rng(1)
    risks = rng.random(5000)
    made = curves((rng.random(5000) < risks).astype(int), risks)
    assert set(made) == {"pr", "roc", "calibration"}
    for curve in made.values():
        lines = curve.as_csv().splitlines()
        assert 2 < len(lines) <= CURVE_POINTS + 1
        assert lines[0] == ",".join(curve.columns)
    roc = made["roc"].columns
    assert roc["false_positive_rate"][0] == 0
    assert roc["true_positive_rate"][-1] == 1
    assert made["calibration"].columns["rows"].sum() == 5000
