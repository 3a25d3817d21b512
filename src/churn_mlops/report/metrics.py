"""The metrics as the report shows them: name, digits, direction and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from churn_mlops.report import words


@dataclass(frozen=True)
class Metric:
    """How one metric is shown; `better` is the direction of a better model, if there is one."""

    key: str
    name: str
    show: words.Show
    better: str
    meaning: str


_THREE = partial(words.number, decimals=3)

METRICS = (
    Metric("precision_at_k", "Precision of the list", words.percent, "higher",
           "of the users on the days’ lists, the share who did leave"),
    Metric("recall_at_k", "Reach of the list", words.percent, "higher",
           "of all users who left, the share who stood on their day’s list"),
    Metric("lift_at_k", "Lift of the list", words.times, "higher",
           "how many times more leavers the list holds than users drawn by chance"),
    Metric("pr_auc", "PR\u00a0AUC", _THREE, "higher",
           "precision averaged over every possible length of the list; chance gives the base rate"),
    Metric("roc_auc", "ROC\u00a0AUC", _THREE, "higher",
           "how often a leaver gets a higher risk than a stayer; chance gives 0.5"),
    Metric("ece", "Calibration error", _THREE, "lower",
           "how far risks lie from the share who left, on average over bins"),
    Metric("brier", "Brier score", _THREE, "lower",
           "mean squared error of the risks"),
    Metric("log_loss", "Log loss", _THREE, "lower",
           "penalty for being sure and wrong"),
    Metric("accuracy", "Accuracy", words.percent, "higher",
           "right at a risk of 0.5; says little where few leave"),
)  # fmt: skip
BY_KEY = {metric.key: metric for metric in METRICS}


def metric(key: str) -> Metric:
    """The metric of this key; an unknown one is shown plainly."""
    return BY_KEY.get(key) or Metric(key, key, _THREE, "", "")
