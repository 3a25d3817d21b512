"""Everything that is said about a model on its test rows, in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from churn_mlops.inference.contributions import Contributions
from churn_mlops.inference.decision import profit_curve
from churn_mlops.params import Params
from churn_mlops.registry.encoding import Encoding
from churn_mlops.registry.meta import FeatureFacts, Linear, Trees
from churn_mlops.training.bootstrap import Interval
from churn_mlops.training.evaluate import Curve, curves, evaluate, listed_rows
from churn_mlops.training.intervals import intervals
from churn_mlops.training.rows import Rows
from churn_mlops.training.simple_rules import against_rules
from churn_mlops.training.slices import slice_metrics


@dataclass(frozen=True)
class Judged:
    """Metrics with intervals, curves, slices, importance, thresholds and profit."""

    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    curves: Mapping[str, Curve]
    slices: Sequence[Mapping[str, Any]]
    importance: Sequence[Mapping[str, Any]]
    thresholds: Mapping[str, float]
    profit: Mapping[str, Any] | None


def judge(
    test: Rows,
    risks: np.ndarray,
    features: Sequence[FeatureFacts],
    encoding: Encoding,
    model: Linear | Trees,
    params: Params,
) -> Judged:
    """Judge a model by the risks that it gave to its test rows.

    Parameters
    ----------
    test : Rows
    risks : array of float, shape (n,)
    features : sequence of FeatureFacts
    encoding : Encoding
    model : Linear or Trees
        For the importance of the features.
    params : Params
    """
    top_k, evaluation = params.scoring.top_k, params.evaluation
    labels, days, users = test.labels, test.days, test.users
    metrics = evaluate(labels, risks, days, users, top_k)
    spread = intervals(labels, risks, days, users, top_k, evaluation, params.training.seed)
    rules, gains = against_rules(labels, risks, test.columns, users, params)
    thresholds = {"top_k": _last_listed(risks, days, top_k)}
    profit = None
    if params.scoring.value:
        profit = profit_curve(labels, risks, params.scoring.value)
        thresholds["profit"] = profit["break_even"]
        rules["profit_per_user"] = profit["chosen_profit_per_user"]
        rules["expected_maximum_profit"] = profit["expected_maximum_profit"]
    return Judged(
        metrics | rules,
        spread | gains,
        curves(labels, risks),
        slice_metrics(test.columns, labels, risks, users, params),
        _importance(test, features, encoding, model),
        thresholds,
        profit,
    )


def _last_listed(risks: np.ndarray, days: np.ndarray, top_k: int) -> float:
    """Mean over the days of the lowest risk that is still on the day's list."""
    listed = listed_rows(risks, days, top_k)
    _, day = np.unique(days[listed], return_inverse=True)
    lowest = np.full(day.max() + 1, np.inf)
    np.minimum.at(lowest, day, risks[listed])
    return float(lowest.mean())


def _importance(
    test: Rows, features: Sequence[FeatureFacts], encoding: Encoding, model: Linear | Trees
) -> list[dict[str, Any]]:
    """Mean size of each feature's contributions over test rows, as shares of their sum."""
    shares = Contributions(model, encoding).importance(test.columns)
    about = {f.name: f.about for f in features}
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    return [{"feature": name, "about": about[name], "share": shares[name]} for name in ranked]
