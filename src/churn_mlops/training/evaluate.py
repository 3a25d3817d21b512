"""How good predicted risks are: metrics and curves as functions of labels and risks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from churn_mlops.errors import NotEnoughDataError

CURVE_POINTS = 200
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Curve:
    """Points of a plot: column names and as many arrays of the same length."""

    columns: Mapping[str, np.ndarray]

    def as_csv(self) -> str:
        """Comma-separated lines with a header, six decimals."""
        cells = zip(*(values.tolist() for values in self.columns.values()), strict=True)
        lines = [",".join(self.columns), *(",".join(f"{v:.6g}" for v in row) for row in cells)]
        return "\n".join(lines) + "\n"


def evaluate(
    labels: np.ndarray, risks: np.ndarray, days: np.ndarray, users: np.ndarray, top_k: int
) -> dict[str, float]:
    """Judge risks against what happened.

    Parameters
    ----------
    labels : array of 0/1, shape (n,)
        churn_label.
    risks : array of float in [0, 1], shape (n,)
        Predicted probability of churn.
    days, users : array, shape (n,)
        as_of_date and user_id of each row.
    top_k : int
        Length of a day's contact list.

    Returns
    -------
    dict of str to float
        - ``pr_auc``: average precision; ``roc_auc``.
        - ``accuracy``: at a risk of 0.5.
        - ``log_loss``, ``brier``: mean proper losses.
        - ``ece``: expected calibration error over `CALIBRATION_BINS` bins of equal size
          (Naeini, Cooper, Hauskrecht 2015).
        - ``recall_at_k``, ``precision_at_k``, ``lift_at_k``: of each day's list of `top_k`, all
          days together.
        - ``base_rate``, ``rows``, ``users``, ``churned``.

    Raises
    ------
    NotEnoughDataError
        One class only, for which ranking metrics do not exist.
    """
    from sklearn import metrics

    _require_both(labels)
    risks = np.asarray(risks, dtype=np.float64)
    base_rate = float(np.mean(labels))
    listed = listed_rows(risks, days, top_k)
    precision = float(np.mean(labels[listed]))
    return {
        "pr_auc": float(metrics.average_precision_score(labels, risks)),
        "roc_auc": float(metrics.roc_auc_score(labels, risks)),
        "accuracy": float(np.mean((risks >= 0.5) == (labels == 1))),
        "log_loss": float(metrics.log_loss(labels, risks)),
        "brier": float(np.mean((risks - labels) ** 2)),
        "ece": calibration_error(labels, risks),
        "recall_at_k": float(np.sum(labels[listed]) / np.sum(labels)),
        "precision_at_k": precision,
        "lift_at_k": precision / base_rate,
        "base_rate": base_rate,
        "rows": len(labels),
        "users": len(np.unique(users)),
        "churned": int(np.sum(labels)),
    }


def curves(labels: np.ndarray, risks: np.ndarray) -> dict[str, Curve]:
    """Curves ``pr``, ``roc`` and ``calibration`` with at most `CURVE_POINTS` points each."""
    from sklearn import metrics

    _require_both(labels)
    precision, recall, _ = metrics.precision_recall_curve(labels, risks)
    false_positives, true_positives, _ = metrics.roc_curve(labels, risks)
    bins = _bins(labels, risks)
    return {
        "pr": Curve(_thinned({"recall": recall[::-1], "precision": precision[::-1]})),
        "roc": Curve(
            _thinned({"false_positive_rate": false_positives, "true_positive_rate": true_positives})
        ),
        "calibration": Curve(
            {
                "predicted": np.array([b[0] for b in bins]),
                "observed": np.array([b[1] for b in bins]),
                "rows": np.array([b[2] for b in bins]),
            }
        ),
    }


def calibration_error(labels: np.ndarray, risks: np.ndarray) -> float:
    """Mean absolute gap between predicted and observed churn over bins of equal size."""
    bins = _bins(labels, risks)
    return float(sum(abs(p - o) * n for p, o, n in bins) / len(labels))


def bin_numbers(risks: np.ndarray) -> np.ndarray:
    """Number of each row's calibration bin, int of shape (n,); equal risks share a bin."""
    edges = np.unique(np.quantile(risks, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]))
    return np.searchsorted(edges, risks, side="right")


def _bins(labels: np.ndarray, risks: np.ndarray) -> list[tuple[float, float, int]]:
    """Mean risk, observed share and rows per bin."""
    which = bin_numbers(risks)
    parts = [which == b for b in np.unique(which)]
    return [
        (float(np.mean(risks[part])), float(np.mean(labels[part])), int(part.sum()))
        for part in parts
    ]


def listed_rows(risks: np.ndarray, days: np.ndarray, top_k: int) -> np.ndarray:
    """Row numbers of each day's `top_k` highest risks; equal ones in the order of the rows."""
    order = np.lexsort((np.arange(len(risks)), -risks, days))
    starts = np.flatnonzero(np.r_[True, days[order][1:] != days[order][:-1]])
    sizes = np.diff(np.r_[starts, len(order)])
    rank = np.arange(len(order)) - np.repeat(starts, sizes)
    return np.sort(order[rank < top_k])


def _thinned(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    size = len(next(iter(columns.values())))
    chosen: Sequence[int] = np.unique(
        np.linspace(0, size - 1, min(size, CURVE_POINTS)).round().astype(int)
    ).tolist()
    return {name: values[chosen] for name, values in columns.items()}


def _require_both(labels: np.ndarray) -> None:
    churned = int(np.sum(labels))
    if churned in (0, len(labels)):
        raise NotEnoughDataError(
            f"{churned} of {len(labels)} rows churned; metrics need users who stayed and users who"
            " left",
            fix="choose other test days or another churn.window_days",
        )
