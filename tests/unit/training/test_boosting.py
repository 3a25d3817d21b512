from __future__ import annotations

import builtins

import numpy as np
import pytest

from churn_mlops.errors import EngineError, NotEnoughDataError, ParamsError
from churn_mlops.features.catalogue import Feature
from churn_mlops.registry.meta import Trees
from churn_mlops.training.boosting import FAMILY, METRIC, directions, fit_boosted
from churn_mlops.training.fit_encoding import fit_encoding
from churn_mlops.training.rows import Rows

FEATURES = [
    Feature("city", "categorical", "string", "", "known at sign-up"),
    Feature("away", "numeric", "int32", "days", "days away", 0, monotone=1),
    Feature("active", "numeric", "int32", "days", "active days", 0, monotone=-1),
    Feature("score", "numeric", "float64", "", "a score"),
]


def data(days=40, users=60, seed=0):
    rng = np.random.default_rng(seed)
    n = days * users
    away, active = rng.geometric(0.2, n) * 1.0, rng.poisson(5, n) * 1.0
    score = np.where(rng.random(n) < 0.2, np.nan, rng.normal(0, 1, n))
    city = rng.choice(np.array(["a", "b", "c", None], dtype=object), n)
    log_odds = -2 + 0.2 * away - 0.2 * active + np.nan_to_num(score, nan=1.5) + (city == "b")
    labels = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    day = np.datetime64("2025-01-01") + np.repeat(np.arange(days), users)
    columns = {"city": city, "away": away, "active": active, "score": score}
    rows = Rows(columns, labels, day, np.tile(np.arange(users), days))
    encoding = fit_encoding(columns, FEATURES, "tree")
    return rows, encoding.encode(columns), encoding


@pytest.fixture
def params_of(make_params):
    def make(validation_share=0.2, **candidate):
        over = {"min_rows_per_leaf": 20, "max_rounds": 60, "early_stopping_rounds": 10}
        training = {"validation_share": validation_share, "candidate": over | candidate}
        return make_params({"churn": {"window_days": 7}, "training": training})

    return make


def fit(params, given=None):
    rows, matrix, encoding = given or data()
    return fit_boosted(rows, matrix, encoding, FEATURES, params)


def test_directions_follow_the_matrix_and_the_parameters_win(params_of):
    encoding = data()[2]
    assert [name for name, _ in encoding.matrix_columns] == ["away", "active", "score", "city"]
    assert directions(encoding, FEATURES, params_of()) == [1, -1, 0, 0]
    own = params_of(monotone={"score": 1, "away": -1})
    assert directions(encoding, FEATURES, own) == [-1, -1, 1, 0]


@pytest.mark.parametrize("name", ["scor", "city"])
def test_a_direction_of_something_else_is_refused(params_of, name):
    with pytest.raises(ParamsError, match=f"training.candidate.monotone: '{name}'"):
        directions(data()[2], FEATURES, params_of(monotone={name: 1}))


@pytest.mark.parametrize(("column", "sign"), [(0, 1), (1, -1)])
def test_the_risk_never_moves_against_a_direction(params_of, column, sign):
    rows, matrix, encoding = data()
    # Labels that say the opposite.
    against = Rows(rows.columns, 1 - rows.labels, rows.days, rows.users)
    for given in (rows, against):
        fitted = fit(params_of(rounds=40), (given, matrix, encoding))
        for row in matrix[:25]:
            block = np.repeat(row[None], 30, axis=0)
            block[:, column] = np.arange(30)
            assert (np.diff(fitted.log_odds(block)) * sign >= -1e-12).all()


def test_fixed_rounds_are_kept_and_nothing_is_validated(params_of):
    fitted = fit(params_of(rounds=7))
    assert dict(fitted.facts) == {"rounds": 7}
    assert len(fitted.model.roots) == 7
    assert fitted.family == FAMILY
    assert fitted.linear is None
    assert isinstance(fitted.trees, Trees)
    assert set(fitted.versions) == {"lightgbm"}
    fitted.trees.require_width(4)


def test_rounds_are_found_on_the_last_days_and_all_rows_are_fitted_with_them(
    params_of, monkeypatch
):
    import lightgbm

    calls = []
    real = lightgbm.train

    def spy(options, dataset, rounds, **more):
        valid = more.get("valid_sets") or [None]
        calls.append((dataset.construct().num_data(), rounds, valid[0], options))
        return real(options, dataset, rounds, **more)

    monkeypatch.setattr(lightgbm, "train", spy)
    fitted = fit(params_of())
    (trial_rows, trial_rounds, validation, options), (rows, rounds, none, _) = calls
    # 40 days: the last 8 validate, 7 of embargo before them, 25 to fit on; 60 users each.
    assert (trial_rows, validation.num_data(), trial_rounds) == (25 * 60, 8 * 60, 60)
    assert (rows, none) == (40 * 60, None)
    assert fitted.facts["rounds"] == rounds == len(fitted.model.roots)
    assert fitted.facts["validation_rows"] == 8 * 60
    assert options["metric"] == METRIC
    assert 1 <= rounds <= 60
    assert 0.3 < fitted.facts["validation_pr_auc"] < 1


def test_the_validation_metric_is_that_of_sklearn_at_the_best_round(params_of):
    from sklearn.metrics import average_precision_score

    from churn_mlops.training.split import validation_days

    rows, matrix, encoding = data()
    params = params_of()
    fitted = fit(params, (rows, matrix, encoding))
    early, late = validation_days(rows.days, params)
    trial = fit(
        params_of(rounds=int(fitted.facts["rounds"])),
        (rows.where(early), matrix[early], encoding),
    )
    expected = average_precision_score(rows.labels[late], trial.log_odds(matrix[late]))
    assert fitted.facts["validation_pr_auc"] == pytest.approx(expected, abs=1e-6)


def test_the_described_trees_are_those_that_were_fitted(params_of):
    """Cover of the roots is all rows; leaves add up to the booster's own raw score."""
    rows, matrix, encoding = data()
    fitted = fit(params_of(rounds=5), (rows, matrix, encoding))
    for row in matrix[:50].astype(np.float64):
        total = 0.0
        for node in fitted.model.roots:
            while fitted.model.feature[node] >= 0:
                x, limit = row[fitted.model.feature[node]], fitted.model.threshold[node]
                if np.isnan(x):
                    left = fitted.model.missing_left[node]
                else:
                    left = x == limit if fitted.model.categorical[node] else x <= limit
                node = (fitted.model.left if left else fitted.model.right)[node]
            total += fitted.model.value[node]
        assert total == pytest.approx(fitted.log_odds(row[None].astype(np.float32))[0], abs=1e-9)


@pytest.mark.parametrize("rounds", [None, 12])
def test_the_same_data_grows_the_same_trees(params_of, rounds):
    first, second = fit(params_of(rounds=rounds)), fit(params_of(rounds=rounds))
    assert first.model == second.model
    assert dict(first.facts) == dict(second.facts)


def test_the_seed_decides_which_rows_and_features_a_tree_sees(make_params, params_of):
    other = params_of(rounds=5).model_dump()
    other["training"]["seed"] = 7
    assert fit(make_params(other)).model != fit(params_of(rounds=5)).model


def test_too_few_days_to_validate_on_are_an_error_that_fixed_rounds_avoid(params_of):
    short = data(days=9, users=200)
    with pytest.raises(NotEnoughDataError) as caught:
        fit(params_of(), short)
    assert "training.candidate.rounds" in str(caught.value.fix)
    assert fit(params_of(rounds=3), short).facts["rounds"] == 3


@pytest.mark.parametrize(("part", "words"), [("early", "fitted on"), ("late", "validated on")])
def test_days_of_one_kind_of_user_cannot_find_the_rounds(params_of, part, words):
    rows, matrix, encoding = data()
    day = (rows.days - rows.days.min()).astype(int)
    labels = np.where((day >= 32) if part == "late" else (day < 25), 0, rows.labels)
    given = Rows(rows.columns, labels, rows.days, rows.users)
    with pytest.raises(NotEnoughDataError, match=f"{words}.*all of users who stayed") as caught:
        fit(params_of(), (given, matrix, encoding))
    assert "training.candidate.rounds" in str(caught.value.fix)


def test_a_missing_openmp_names_the_package(params_of, monkeypatch):
    real = builtins.__import__

    def broken(name, *args, **kwargs):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(EngineError, match="libgomp") as caught:
        fit(params_of(rounds=2))
    assert "libgomp1" in str(caught.value.fix)
