"""Intervals of all metrics of one model, from one set of user draws."""

from __future__ import annotations

import numpy as np

from churn_mlops.params import Evaluation
from churn_mlops.training.bootstrap import Draws, Interval, Means, Ranked, interval
from churn_mlops.training.evaluate import bin_numbers, listed_rows

PROPORTIONS = ("accuracy", "log_loss", "brier", "recall_at_k", "precision_at_k", "base_rate")


def intervals(
    labels: np.ndarray,
    risks: np.ndarray,
    days: np.ndarray,
    users: np.ndarray,
    top_k: int,
    evaluation: Evaluation,
    seed: int,
) -> dict[str, Interval]:
    """Interval of each metric of `churn_mlops.training.evaluate.evaluate`, under the same names.

    The days' lists and the bins of the calibration error are those of the rows as they are.

    Parameters
    ----------
    labels : array of 0/1, shape (n,)
    risks : array of float, shape (n,)
    days, users : array, shape (n,)
    top_k : int
    evaluation : Evaluation
        ``resamples`` and ``confidence``.
    seed : int
    """
    draws = Draws(users, evaluation.resamples, seed)
    ranked = Ranked(labels, risks, draws.place)
    means = Means(_numbers(labels, risks, days, top_k), draws.place)
    bins = bin_numbers(risks)
    errors = Means(_errors(labels, risks, bins), draws.place)
    found: dict[str, list[np.ndarray]] = {}
    for weights in draws:
        drawn = ranked.metrics(weights) | means.metrics(weights)
        gaps = errors.metrics(weights)
        drawn["ece"] = np.sum([np.abs(gap) for gap in gaps.values()], axis=0)
        drawn["lift_at_k"] = drawn["precision_at_k"] / drawn["base_rate"]
        for name, values in drawn.items():
            found.setdefault(name, []).append(values)
    return {
        name: interval(np.concatenate(parts), evaluation.confidence)
        for name, parts in found.items()
    }


def _numbers(
    labels: np.ndarray, risks: np.ndarray, days: np.ndarray, top_k: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    one = np.ones(len(labels))
    listed = np.zeros(len(labels))
    listed[listed_rows(risks, days, top_k)] = 1.0
    safe = np.clip(risks, 1e-15, 1 - 1e-15)
    return {
        "accuracy": ((risks >= 0.5) == (labels == 1), one),
        "log_loss": (-np.where(labels == 1, np.log(safe), np.log1p(-safe)), one),
        "brier": ((risks - labels) ** 2, one),
        "recall_at_k": (listed * labels, labels),
        "precision_at_k": (listed * labels, listed),
        "base_rate": (labels, one),
    }


def _errors(
    labels: np.ndarray, risks: np.ndarray, bins: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per bin the part of the mean gap between predicted and observed that arises in it."""
    one = np.ones(len(labels))
    return {str(b): ((risks - labels) * (bins == b), one) for b in np.unique(bins)}
