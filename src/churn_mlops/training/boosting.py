"""Gradient-boosted trees by LightGBM: how they are grown, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from churn_mlops.errors import EngineError, NotEnoughDataError, ParamsError
from churn_mlops.features.catalogue import Feature
from churn_mlops.params import Params
from churn_mlops.params.rules import nearest
from churn_mlops.registry.encoding import Encoding
from churn_mlops.training.boosted_trees import trees_of
from churn_mlops.training.fitted import Fitted
from churn_mlops.training.rows import Rows
from churn_mlops.training.split import validation_days

FAMILY, METRIC = "lightgbm", "average_precision"
Facts: TypeAlias = dict[str, float | int | bool]
# More categories than an encoding can have: each split then asks for one of them, which ONNX and
# the reasons can say. Sets of categories gain nothing measurable on up to 100 of them.
ONE_CATEGORY_A_SPLIT = 1_000


def fit_boosted(
    rows: Rows,
    matrix: np.ndarray,
    encoding: Encoding,
    features: Sequence[Feature],
    params: Params,
) -> Fitted:
    """Grow trees on all rows, as many as served best on the last training days.

    The number of rounds is found on `validation_days` by a model that was fitted before them,
    with the embargo between; then all rows are fitted anew with it, because the last days before
    the test days are the most telling ones.

    Parameters
    ----------
    rows : Rows
    matrix : array of float32, shape (n, width)
        The encoded rows.
    encoding : Encoding
        Of style ``tree``.
    features : sequence of Feature
        For their monotone directions.
    params : Params
        ``training`` and ``churn.window_days``.

    Raises
    ------
    NotEnoughDataError
        The training days leave nothing to validate on, or users of one kind only.
    ParamsError
        ``training.candidate.monotone`` names no numeric feature of the model.
    EngineError
        LightGBM cannot be loaded.
    """
    lightgbm = _lightgbm()
    rounds = params.training.candidate.rounds
    facts: Facts = {}
    if rounds is None:
        rounds, facts = best_rounds(rows, matrix, encoding, features, params)
    booster = lightgbm.train(
        _options(encoding, features, params), _dataset(matrix, rows.labels, encoding), rounds
    )
    return Fitted(
        FAMILY,
        trees_of(booster.dump_model()),
        lambda block: np.asarray(booster.predict(block, raw_score=True), dtype=np.float64),
        {"rounds": rounds, **facts},
        {"lightgbm": lightgbm.__version__},
    )


def best_rounds(
    rows: Rows,
    matrix: np.ndarray,
    encoding: Encoding,
    features: Sequence[Feature],
    params: Params,
) -> tuple[int, Facts]:
    """Number of rounds that ranks the validation days best, and what it reached there.

    Takes what `fit_boosted` takes and raises what it raises.
    """
    lightgbm = _lightgbm()
    fit, validate = validation_days(rows.days, params)
    _require_both(rows.labels[fit], "fitted")
    _require_both(rows.labels[validate], "validated")
    candidate = params.training.candidate
    trial = lightgbm.train(
        _options(encoding, features, params),
        _dataset(matrix[fit], rows.labels[fit], encoding),
        candidate.max_rounds,
        valid_sets=[_dataset(matrix[validate], rows.labels[validate], encoding)],
        callbacks=[lightgbm.early_stopping(candidate.early_stopping_rounds, verbose=False)],
    )
    reached = float(trial.best_score["valid_0"][METRIC])
    facts: Facts = {"validation_pr_auc": reached, "validation_rows": int(validate.sum())}
    return max(trial.best_iteration, 1), facts


def _require_both(labels: np.ndarray, part: str) -> None:
    if len(np.unique(labels)) < 2:
        raise NotEnoughDataError(
            f"the training days that are {part} on to find the number of rounds have"
            f" {len(labels)} rows, all of users who {'left' if labels.all() else 'stayed'}",
            fix="bring more users or days, choose another training.validation_share, or set the"
            " number of rounds yourself: training.candidate.rounds",
        )


def _lightgbm() -> Any:
    try:
        import lightgbm
    except OSError as error:
        raise EngineError(
            f"LightGBM cannot be loaded: {error}",
            fix="install the OpenMP runtime (on Debian or Ubuntu: apt-get install libgomp1)",
        ) from error
    return lightgbm


def _options(encoding: Encoding, features: Sequence[Feature], params: Params) -> dict[str, Any]:
    candidate = params.training.candidate
    return {
        "objective": "binary",
        # How many rounds are best is a question of ranking; calibration sees to the levels.
        "metric": METRIC,
        "num_leaves": candidate.num_leaves,
        "max_depth": candidate.max_depth,
        "learning_rate": candidate.learning_rate,
        "min_data_in_leaf": candidate.min_rows_per_leaf,
        "feature_fraction": candidate.feature_share,
        "bagging_fraction": candidate.row_share,
        "bagging_freq": 1,
        "lambda_l2": candidate.l2,
        "max_cat_to_onehot": ONE_CATEGORY_A_SPLIT,
        "min_data_per_group": candidate.min_rows_per_leaf,
        "monotone_constraints": directions(encoding, features, params),
        # The same data and parameters give the same trees on any machine.
        "seed": params.training.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": params.duckdb.threads,
        "verbosity": -1,
    }


def directions(encoding: Encoding, features: Sequence[Feature], params: Params) -> list[int]:
    """Monotone direction of each matrix column; categories have none."""
    wanted = params.training.candidate.monotone
    numeric = {f.name: int(f.monotone) for f in features if f.kind == "numeric"}
    for name in wanted:
        if name not in numeric:
            raise ParamsError(
                f"training.candidate.monotone: '{name}' is no numeric feature of the model"
                f"{nearest(name, numeric)}",
                fix="docs/features.md lists the names of the features",
            )
    known = numeric | wanted
    return [known.get(name, 0) for name, _ in encoding.matrix_columns]


def _dataset(matrix: np.ndarray, labels: np.ndarray, encoding: Encoding) -> Any:
    import lightgbm

    first = len(encoding.numeric)
    return lightgbm.Dataset(
        matrix,
        labels,
        categorical_feature=list(range(first, encoding.width)),
        params={"verbosity": -1},
    )
