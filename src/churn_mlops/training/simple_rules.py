"""What anybody could do without a model: the bar that a model must clear."""

from __future__ import annotations

import numpy as np

from churn_mlops.params import Params
from churn_mlops.registry.encoding import Columns
from churn_mlops.training.bootstrap import Draws, Paired, interval

RULES = ("recency", "activity")


def rule_scores(columns: Columns, params: Params) -> dict[str, np.ndarray]:
    """Scores of the simple rules, float of shape (n,): the higher, the more likely to leave.

    ``recency``: the longest away first. ``activity``: the fewest active days in the longest
    window (with the default windows, the last month) first.
    """
    longest = max(params.features.windows_days)
    away = np.asarray(columns["days_since_last_activity"], dtype=np.float64)
    active = np.asarray(columns[f"active_days_{longest}d"], dtype=np.float64)
    return {
        "recency": np.nan_to_num(away, nan=np.finfo(np.float64).max),
        "activity": -np.nan_to_num(active, nan=0.0),
    }


def against_rules(
    labels: np.ndarray, risks: np.ndarray, columns: Columns, users: np.ndarray, params: Params
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Compare a model with the simple rules on the same rows.

    Parameters
    ----------
    labels : array of 0/1, shape (n,)
    risks : array of float, shape (n,)
    columns : mapping of str to array, each of shape (n,)
        Raw feature values of the rows.
    users : array, shape (n,)
    params : Params
        ``evaluation``, ``training.seed`` and ``features.windows_days``.

    Returns
    -------
    tuple of metrics and intervals
        ``pr_auc_RULE`` and ``roc_auc_RULE`` for each rule, and ``pr_auc_gain``: the model's less
        the best rule's, with its interval.
    """
    evaluation = params.evaluation
    draws = Draws(users, evaluation.resamples, params.training.seed)
    metrics: dict[str, float] = {}
    pairs = {}
    for name, scores in rule_scores(columns, params).items():
        pairs[name] = Paired(labels, risks, scores, draws)
        for metric, (_, rule) in pairs[name].observed.items():
            metrics[f"{metric}_{name}"] = rule
    best = max(RULES, key=lambda name: metrics[f"pr_auc_{name}"])
    model, rule = pairs[best].observed["pr_auc"]
    metrics["pr_auc_gain"] = model - rule
    gain = interval(pairs[best].differences["pr_auc"], evaluation.confidence)
    return metrics, {"pr_auc_gain": gain}
