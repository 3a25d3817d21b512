from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_mlops.training import calibrate as module
from churn_mlops.training.calibrate import (
    FOLDS,
    MAXIMUM_POINTS,
    METHODS,
    calibrate,
    fit_calibration,
    set_aside,
)
from tests.conftest import examples


def sigmoid(s):
    return 0.5 * (1 + np.tanh(np.asarray(s) / 2))


def log_loss(labels, risks):
    safe = np.clip(risks, 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(labels == 1, np.log(safe), np.log(1 - safe))))


def distorted(n=6000, users=600, distort=lambda s: 2.5 * s + 1.5, seed=0):
    """True log-odds seen through a strictly rising distortion."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-1, 1.5, n)
    labels = (rng.random(n) < sigmoid(true)).astype(np.int8)
    return distort(true), labels, rng.integers(0, users, n)


DISTORTIONS = {
    "scaled": lambda s: 2.5 * s + 1.5,
    "one tail": lambda s: np.where(s > 0, 3 * s, 0.4 * s) - 1,
    "steps": lambda s: s + 2 * np.tanh(4 * (s + 1)),
}


@pytest.mark.parametrize("name", DISTORTIONS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_repairs_a_distorted_model_on_new_users(method, name):
    s, labels, _ = distorted(distort=DISTORTIONS[name])
    fitted = fit_calibration(method, s, labels)
    new, truth, _ = distorted(distort=DISTORTIONS[name], seed=1)
    before, after = log_loss(truth, sigmoid(new)), log_loss(truth, fitted.apply(new))
    assert after < before - 0.01
    assert abs(float(np.mean(fitted.apply(new))) - float(truth.mean())) < 0.02


def test_sigmoid_finds_the_inverse_of_a_straight_distortion():
    s, labels, _ = distorted(40_000)
    slope, shift = fit_calibration("sigmoid", s, labels).parameters
    assert slope == pytest.approx(1 / 2.5, abs=0.02)
    assert shift == pytest.approx(-1.5 / 2.5, abs=0.06)


def test_beta_leaves_a_true_model_as_it_is():
    s, labels, _ = distorted(40_000, distort=lambda s: s)
    a, b, c = fit_calibration("beta", s, labels).parameters
    assert (a, b, c) == (
        pytest.approx(1, abs=0.1),
        pytest.approx(1, abs=0.1),
        pytest.approx(0, abs=0.1),
    )


@pytest.mark.parametrize("name", DISTORTIONS)
def test_the_method_with_the_lowest_held_out_loss_is_chosen_and_fitted_on_all_rows(name):
    s, labels, users = distorted(distort=DISTORTIONS[name])
    found = calibrate(s, labels, users)
    assert set(found.log_loss) == {"none", *METHODS}
    assert found.held_out_log_loss == min(found.log_loss[method] for method in METHODS)
    assert found.log_loss["none"] == pytest.approx(log_loss(labels, sigmoid(s)))
    assert found.calibration == fit_calibration(
        found.calibration.method, s, labels, 0.5 / len(np.unique(users))
    )


def test_which_method_is_best_depends_on_the_distortion():
    chosen = {
        name: calibrate(*distorted(8_000, 6000, distort)).calibration.method
        for name, distort in DISTORTIONS.items()
    }
    assert chosen["scaled"] in ("sigmoid", "beta")
    assert chosen["steps"] == "isotonic"


@pytest.mark.parametrize("kind", ["integer", "text"])
def test_no_fold_shares_a_user_and_held_out_rows_are_judged_by_the_others(monkeypatch, kind):
    s, labels, users = distorted(900, 500)
    # Scores are all different, so that a fit can tell which rows it was given.
    user_of = dict(zip(s.tolist(), users.tolist(), strict=True))
    ids = users if kind == "integer" else np.array([f"u{u}" for u in users], dtype=object)
    fits, applied = [], []
    real = module.fit_calibration

    def spy(method, log_odds, labels, least):
        fitted = real(method, log_odds, labels, least)
        fits.append((method, {user_of[value] for value in log_odds.tolist()}, set(labels.tolist())))
        apply = fitted.apply

        class Spied:
            def apply(self, block):
                applied.append({user_of[value] for value in block.tolist()})
                return apply(block)

        return Spied() if len(fits) <= FOLDS * len(METHODS) else fitted

    monkeypatch.setattr(module, "fit_calibration", spy)
    calibrate(s, labels, ids)
    assert len(applied) == FOLDS * len(METHODS)
    for (_, fitted_on, classes), judged in zip(fits, applied, strict=False):
        assert not fitted_on & judged
        assert fitted_on | judged == set(users.tolist())
        assert classes == {0, 1}
    for i in range(len(METHODS)):
        parts = applied[i * FOLDS : (i + 1) * FOLDS]
        assert sum(map(len, parts)) == len(set(users.tolist()))
    assert fits[-1][1] == set(users.tolist())


@pytest.mark.parametrize(
    ("labels", "users"),
    [
        ([1, 0, 0, 0, 0], [1, 2, 3, 4, 5]),  # one user who left
        ([1, 1, 0, 1, 1], [1, 2, 3, 4, 5]),  # one who stayed
        ([1, 0, 1, 0], [1, 1, 1, 1]),
    ],
)
def test_with_too_few_users_of_a_kind_sigmoid_is_taken(labels, users):
    s = np.linspace(-1, 1, len(labels))
    found = calibrate(s, np.array(labels), np.array(users))
    assert found.calibration.method == "sigmoid"
    assert set(found.log_loss) == {"none"}
    assert found.held_out_log_loss == found.log_loss["none"]


def test_two_users_of_each_kind_are_enough_to_hold_some_out():
    found = calibrate(np.array([0.1, -2, 0.4, -1]), np.array([1, 0, 0, 1]), np.arange(4))
    assert set(found.log_loss) == {"none", *METHODS}
    assert np.isfinite(list(found.log_loss.values())).all()


CASES = st.lists(
    st.tuples(st.integers(-3000, 3000).map(lambda i: i / 100), st.integers(0, 1)),
    min_size=2,
    max_size=40,
).filter(lambda pairs: len({label for _, label in pairs}) == 2)


@settings(max_examples=examples(40))
@given(CASES, st.sampled_from(METHODS))
def test_every_map_is_monotone_finite_and_a_probability(pairs, method):
    s, labels = map(np.array, zip(*pairs, strict=True))
    fitted = fit_calibration(method, s, labels)
    asked = np.sort(np.r_[s, -800, -40, 0, 40, 800])
    risks = fitted.apply(asked)
    assert np.isfinite(risks).all()
    assert ((risks >= 0) & (risks <= 1)).all()
    assert (np.diff(risks) >= -1e-12).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_ranks_the_wrong_way_round_is_not_turned_around(method):
    s, labels, _ = distorted(distort=lambda s: -s)
    risks = fit_calibration(method, s, labels).apply(np.linspace(-5, 5, 11))
    assert (np.diff(risks) >= 0).all()
    # The best rising map of a falling relation is its mean.
    assert risks == pytest.approx(labels.mean(), abs=0.02)


@pytest.mark.parametrize(
    ("tail", "zero"),
    [(lambda s: np.where(s < 0, -s, s), "a"), (lambda s: np.where(s > 0, -s, s), "b")],
)
def test_a_negative_weight_of_beta_is_taken_out_and_the_other_fitted_anew(tail, zero):
    """Where risk falls with s on one side, the weight of that side would be negative."""
    rng = np.random.default_rng(3)
    s = rng.normal(0, 2, 8000)
    labels = (rng.random(8000) < sigmoid(tail(s) - 0.5)).astype(np.int8)
    a, b, c = fit_calibration("beta", s, labels).parameters
    kept, gone = (b, a) if zero == "a" else (a, b)
    assert gone == 0
    assert kept > 0
    # At the best of what is left, no small step of the other two lowers the loss.
    best = log_loss(labels, beta(s, a, b, c))
    for step in (-0.02, 0.02):
        moved = (0.0, kept + step) if zero == "a" else (kept + step, 0.0)
        assert log_loss(labels, beta(s, *moved, c)) >= best - 1e-7
        assert log_loss(labels, beta(s, a, b, c + step)) >= best - 1e-7


def beta(s, a, b, c):
    return sigmoid(-a * np.logaddexp(0, -s) + b * np.logaddexp(0, s) + c)


def test_isotonic_has_few_points_and_is_never_wholly_sure():
    s, labels, _ = distorted(30_000)
    fitted = fit_calibration("isotonic", s, labels)
    assert 4 <= len(fitted.log_odds) <= MAXIMUM_POINTS + 2
    assert len(fitted.log_odds) == len(fitted.logits)
    assert (np.diff(fitted.log_odds) > 0).all()
    assert (np.diff(fitted.logits) > 0).all()
    sure = fit_calibration("isotonic", np.array([-2.0, -1, 1, 2]), np.array([0, 0, 1, 1]), 0.125)
    assert sure.apply(np.array([-1.5, 1.5])) == pytest.approx([0.125, 0.875])


def test_isotonic_keeps_the_order_of_any_two_scores():
    s, labels, _ = distorted(2_000)
    fitted = fit_calibration("isotonic", s, labels)
    probe = np.linspace(-30, 30, 2_001)
    assert (np.diff(fitted.apply(probe)) > 0).all()


def test_isotonic_of_equal_scores_is_one_level():
    fitted = fit_calibration("isotonic", np.zeros(8), np.array([0, 0, 0, 1] * 2))
    assert fitted.apply(np.array([0.0]))[0] == pytest.approx(0.25)
    assert fitted.apply(np.array([-1.0, 1.0])) == pytest.approx([0.25, 0.25], abs=0.02)


IDS = {
    "integer": lambda n: np.arange(n),
    "text": lambda n: np.array([f"{i:06d}" for i in range(n)], dtype=object),
}


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("share", [0.05, 0.15, 0.5])
def test_about_the_asked_share_of_users_is_set_aside(kind, share):
    count = 8000
    marked = set_aside(IDS[kind](count), share, seed=42)
    assert abs(marked.mean() - share) < 4 * np.sqrt(share * (1 - share) / count)


@pytest.mark.parametrize("kind", IDS)
def test_who_is_set_aside_depends_on_id_and_seed_only(kind):
    users = IDS[kind](500)
    marked = set_aside(users, 0.3, 7)
    fate = dict(zip(users.tolist(), marked.tolist(), strict=True))
    order = np.random.default_rng(0).permutation(np.r_[np.arange(500), np.arange(100, 300)])
    again = set_aside(users[order], 0.3, 7)
    assert again.tolist() == [fate[user] for user in users[order].tolist()]
    more = set_aside(IDS[kind](2000), 0.3, 7)
    np.testing.assert_array_equal(more[:500], marked)
    assert (set_aside(users, 0.3, 8) != marked).any()


def test_a_larger_share_keeps_those_who_were_aside():
    users = np.arange(1000)
    small, large = set_aside(users, 0.1, 1), set_aside(users, 0.4, 1)
    assert (large[small]).all()
    assert large.sum() > small.sum()


def test_isotonic_has_no_steps_that_float32_cannot_climb():
    rng = np.random.default_rng(0)
    s = np.repeat([-2.0, -2.0 + 4e-15, 0.0, 1.0], 500)
    labels = (rng.random(2_000) < np.repeat([0.1, 0.2, 0.4, 0.8], 500)).astype(int)
    fitted = fit_calibration("isotonic", s, labels)
    assert np.diff(fitted.log_odds).min() >= 1e-4
    assert fitted.apply(np.array([-2.0]))[0] == pytest.approx(labels[:1_000].mean(), abs=1e-6)
