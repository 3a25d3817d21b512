"""How good a list is before anybody can know: confidence-based performance estimation.

If risks are right, each user leaves with just that probability, and any metric's distribution
follows from the risks alone (Kivimäki et al., "Performance Estimation in Binary Classification
Using Calibrated Confidence", arXiv 2505.05295, 2025); here it is drawn. The risks are not taken at
their word: each draw first draws how far they may be off, from what earlier days said (`outlook`).
So the interval holds both the chance of who leaves and the doubt about the risks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_mlops.inference.decision import CONTACT, expected_profit
from churn_mlops.inference.kept import Batch
from churn_mlops.monitoring.outlook import Outlook
from churn_mlops.monitoring.ranking import Groups
from churn_mlops.monitoring.recalibration import shares
from churn_mlops.params import Value

DRAWS = 1_000
# Groups of users that are told apart, and numbers that are worked on at once.
MOST_GROUPS, CHUNK = 10_000, 4_000_000
DECIMALS = 6


@dataclass(frozen=True)
class Estimate:
    """What a metric is expected to be, and the interval that should hold it; None: not defined."""

    value: float | None
    low: float | None
    high: float | None

    def holds(self, value: float | None) -> bool | None:
        """Whether the interval holds a value; None where there is either of them not."""
        if value is None or self.low is None or self.high is None:
            return None
        return bool(self.low <= value <= self.high)

    def as_dict(self) -> dict[str, float | None]:
        """Value and bounds by name."""
        return {"value": self.value, "low": self.low, "high": self.high}


def rounded(value: float) -> float | None:
    """A number as it is written down; None if it is none."""
    return round(float(value), DECIMALS) if np.isfinite(value) else None


def estimate(
    batch: Batch, expected: Outlook, centre: float, confidence: float, value: Value | None
) -> dict[str, Estimate]:
    """Estimate the metrics of a batch.

    Parameters
    ----------
    batch : Batch
    expected : Outlook
        Of level and tilt on the batch's day.
    centre : float
        The log-odds about which tilt turns.
    confidence : float
        Of the intervals.
    value : Value or None
        What a contact is worth; without it there is no profit.

    Returns
    -------
    dict of str to Estimate
        ``pr_auc``, ``roc_auc`` and, with `value`, ``profit`` of the contacted users. The same batch
        and outlook give the same numbers.
    """
    rng = np.random.default_rng(batch.day.toordinal())
    shifts = expected.draw(DRAWS, rng)
    found = simulated(batch.risks, shifts, centre, rng)
    if value is not None:
        contacted = batch.risks[batch.decisions == CONTACT]
        left = _leavers(Groups(contacted, MOST_GROUPS), shifts, centre, rng).sum(axis=1)
        won, lost = expected_profit(np.array([1.0, 0.0]), value)
        found["profit"] = left * won + (len(contacted) - left) * lost
    return {name: summed_up(values, confidence) for name, values in found.items()}


def summed_up(values: np.ndarray, confidence: float) -> Estimate:
    """Mean and equal-tailed interval of drawn values, those left out that do not exist."""
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return Estimate(None, None, None)
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Estimate(rounded(known.mean()), rounded(low), rounded(high))


def simulated(
    risks: np.ndarray, shifts: np.ndarray, centre: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Ranking metrics of outcomes that are drawn once for each level and tilt, shape (m,)."""
    groups = Groups(risks, MOST_GROUPS)
    size = max(1, CHUNK // len(groups.sizes))
    parts = [
        groups.metrics(_leavers(groups, shifts[first : first + size], centre, rng))
        for first in range(0, len(shifts), size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _leavers(
    groups: Groups, shifts: np.ndarray, centre: float, rng: np.random.Generator
) -> np.ndarray:
    """Leavers of each group, drawn once for each level and tilt; shape (m, k)."""
    return rng.binomial(groups.sizes, shares(groups.risks, shifts, centre))
