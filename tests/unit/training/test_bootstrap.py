from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from churn_mlops.training import bootstrap
from churn_mlops.training.bootstrap import Draws, Means, Paired, Ranked, interval
from tests.conftest import examples

# Few distinct risks, so that there are ties.
ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 3), st.integers(0, 4)),
    min_size=2,
    max_size=40,
).filter(lambda rows: len({row[0] for row in rows}) == 2)


def columns(rows):
    labels, risks, weights, users = (np.array(c) for c in zip(*rows, strict=True))
    return labels, risks / 6, weights * 1.0, users


@given(ROWS)
def test_with_equal_weights_the_metrics_are_those_of_sklearn(rows):
    labels, risks, _, _ = columns(rows)
    found = Ranked(labels, risks, np.arange(len(labels))).metrics(np.ones((1, len(labels))))
    assert found["pr_auc"][0] == pytest.approx(average_precision_score(labels, risks))
    assert found["roc_auc"][0] == pytest.approx(roc_auc_score(labels, risks))


@given(ROWS)
def test_a_users_weight_counts_like_as_many_copies_of_its_rows(rows):
    labels, risks, weights, users = columns(rows)
    _, place = np.unique(users, return_inverse=True)
    by_user = weights[: place.max() + 1] if len(weights) > place.max() else np.ones(9)
    copies = by_user[place].astype(int)
    again, repeated = np.repeat(labels, copies), np.repeat(risks, copies)
    ranked = Ranked(labels, risks, place)
    found = ranked.metrics(np.stack([by_user, np.ones(len(by_user))]))
    if len(set(again.tolist())) < 2:
        return
    assert found["pr_auc"][0] == pytest.approx(average_precision_score(again, repeated))
    assert found["roc_auc"][0] == pytest.approx(roc_auc_score(again, repeated))
    assert found["pr_auc"][1] == pytest.approx(average_precision_score(labels, risks))


@given(ROWS)
def test_means_are_weighted_ratios(rows):
    labels, risks, _, users = columns(rows)
    _, place = np.unique(users, return_inverse=True)
    weights = np.arange(1.0, place.max() + 2)
    found = Means({"x": (risks * labels, labels)}, place).metrics(weights[None])["x"]
    expected = np.average(risks[labels == 1], weights=weights[place][labels == 1])
    assert found == pytest.approx([expected])


def test_draws_are_alike_each_time_and_as_many_users_as_there_are():
    users = np.repeat(np.array(["c", "a", "b"], dtype=object), [5, 1, 2])
    draws = Draws(users, 50, seed=1)
    first, second = np.concatenate(list(draws)), np.concatenate(list(draws))
    assert first.shape == (50, 3)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first.sum(axis=1), 3)
    assert (first >= 0).all()
    np.testing.assert_array_equal(first % 1, 0)
    assert len(np.unique(first, axis=0)) > 5
    assert (np.concatenate(list(Draws(users, 50, seed=2))) != first).any()
    assert draws.place.tolist() == [2, 2, 2, 2, 2, 0, 1, 1]


def test_draws_come_in_parts_that_cover_all_resamples(monkeypatch):
    users = np.arange(10)
    whole = np.concatenate(list(Draws(users, 25, seed=3)))
    monkeypatch.setattr(bootstrap, "CHUNK", 70)
    parts = list(Draws(users, 25, seed=3))
    assert [len(part) for part in parts] == [7, 7, 7, 4]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_each_user_is_drawn_once_on_average_like_a_binomial():
    drawn = np.concatenate(list(Draws(np.arange(100), 2000, seed=0)))
    assert drawn.mean() == 1
    assert np.abs(drawn.mean(axis=0) - 1).max() < 5 * np.sqrt(0.99 / 2000)
    assert drawn.var() == pytest.approx(0.99, abs=0.02)


def test_a_resample_of_one_class_has_no_value_and_the_interval_skips_it():
    labels, risks = np.array([1, 0, 0]), np.array([0.9, 0.5, 0.1])
    ranked = Ranked(labels, risks, np.arange(3))
    found = ranked.metrics(np.array([[3.0, 0, 0], [0, 1, 2], [1, 1, 1]]))
    assert np.isnan(found["roc_auc"]).tolist() == [True, True, False]
    assert np.isnan(found["pr_auc"]).tolist() == [False, True, False]
    assert interval(found["roc_auc"], 0.95) == (1.0, 1.0)
    assert np.isnan(interval(np.array([np.nan, np.nan]), 0.95)).all()


def test_an_interval_leaves_equal_tails():
    values = np.r_[np.arange(1001.0), np.nan, np.inf]
    assert interval(values, 0.9) == pytest.approx((50, 950))
    assert interval(values, 0.5) == pytest.approx((250, 750))


def test_a_model_does_not_differ_from_itself():
    rng = np.random.default_rng(0)
    labels, risks = rng.integers(0, 2, 300), rng.random(300).round(1)
    users = rng.integers(0, 40, 300)
    paired = Paired(labels, risks, risks.copy(), Draws(users, 40, 0))
    for name in ("pr_auc", "roc_auc"):
        np.testing.assert_array_equal(paired.differences[name], np.zeros(40))
        assert paired.observed[name][0] == paired.observed[name][1]


def test_differences_are_those_of_the_two_models_on_the_same_draws():
    rng = np.random.default_rng(0)
    users = rng.integers(0, 40, 300)
    labels = rng.integers(0, 2, 300)
    new, old = labels + rng.normal(0, 1, 300), labels + rng.normal(0, 2, 300)
    draws = Draws(users, 30, 0)
    paired = Paired(labels, new, old, draws)
    weights = np.concatenate(list(draws))
    for name, judge in (("pr_auc", average_precision_score), ("roc_auc", roc_auc_score)):
        assert paired.observed[name] == pytest.approx((judge(labels, new), judge(labels, old)))
        for i in (0, 7, 29):
            each = weights[i][draws.place]
            expected = judge(labels, new, sample_weight=each) - judge(
                labels, old, sample_weight=each
            )
            assert paired.differences[name][i] == pytest.approx(expected)
        swapped = Paired(labels, old, new, draws).differences[name]
        np.testing.assert_allclose(swapped, -paired.differences[name], atol=1e-12)


def test_pairing_makes_the_interval_of_a_difference_narrower():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    risks = labels + rng.normal(0, 1, 400)
    draws = Draws(np.arange(400), 200, 0)
    near = risks + rng.normal(0, 0.05, 400)
    gap = np.std(Paired(labels, risks, near, draws).differences["pr_auc"])
    weights = np.concatenate(list(draws))
    alone = np.std(Ranked(labels, risks, draws.place).metrics(weights)["pr_auc"])
    assert gap < alone / 5


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_of_a_proportion_is_about_the_normal_one(confidence):
    from statistics import NormalDist

    n, share = 900, 0.3
    labels = np.r_[np.ones(int(n * share)), np.zeros(n - int(n * share))]
    draws = Draws(np.arange(n), 4000, 0)
    means = Means({"rate": (labels, np.ones(n))}, draws.place)
    values = np.concatenate([means.metrics(weights)["rate"] for weights in draws])
    low, high = interval(values, confidence)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    reach = z * np.sqrt(share * (1 - share) / n)
    assert low == pytest.approx(share - reach, abs=0.1 * reach)
    assert high == pytest.approx(share + reach, abs=0.1 * reach)


def test_rows_of_one_user_are_drawn_together():
    """Ten equal rows per user tell as much as one: the interval may not shrink."""
    rng = np.random.default_rng(0)
    labels = (rng.random(100) < 0.3) * 1.0
    once, tenfold = (
        np.concatenate(
            [
                Means({"rate": (each, np.ones(len(each)))}, draws.place).metrics(w)["rate"]
                for w in draws
            ]
        )
        for each, draws in (
            (labels, Draws(np.arange(100), 200, 0)),
            (np.repeat(labels, 10), Draws(np.repeat(np.arange(100), 10), 200, 0)),
        )
    )
    np.testing.assert_allclose(once, tenfold)


@settings(max_examples=examples(30))
@given(ROWS, st.integers(1, 5))
def test_chunks_change_nothing(rows, resamples):
    labels, risks, _, users = columns(rows)
    whole = Paired(labels, risks, -risks, Draws(users, resamples, 0)).differences
    before, bootstrap.CHUNK = bootstrap.CHUNK, 1
    try:
        parts = Paired(labels, risks, -risks, Draws(users, resamples, 0)).differences
    finally:
        bootstrap.CHUNK = before
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name])
