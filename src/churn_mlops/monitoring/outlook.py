"""What is to be expected of level and tilt on a day, from what earlier days said.

Level and tilt of a day are a trend plus that day's own swing, and are seen through the chance of
who left. The trend begins near 0 (the risks are calibrated) and walks on from horizon to horizon.
How large swings are and how fast the trend walks is unknown: each pair of candidates is weighed by
how well it would have foretold the days that are known, and the forecast is a mixture of all. For
one pair this is the Kalman filter of the local level model (Harvey 1989, chapter 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from churn_mlops.monitoring.recalibration import Evidence

# Standard deviations of the level; the tilt moves by a fifth of it.
TILT = 0.2
START = np.diag([0.25, 0.1]) ** 2
SWINGS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0)
WALKS = ((0.0, 0.4), (0.1, 0.4), (0.3, 0.2))
"""Steps of the trend within a horizon, and how likely each is beforehand."""


@dataclass(frozen=True)
class Outlook:
    """A mixture of normal distributions of level and tilt.

    Parameters
    ----------
    weights : array, shape (k,)
    means : array, shape (k, 2)
    covariances : array, shape (k, 2, 2)
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Expected level and tilt, shape (2,)."""
        return np.asarray(self.weights @ self.means)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw levels and tilts, shape (count, 2)."""
        which = rng.choice(len(self.weights), count, p=self.weights)
        roots = np.linalg.cholesky(self.covariances)
        noise = rng.standard_normal((count, 2))
        return np.asarray(self.means[which] + np.einsum("kij,kj->ki", roots[which], noise))


def outlook(evidence: Sequence[Evidence], day: float, horizon: int) -> Outlook:
    """Forecast level and tilt.

    Parameters
    ----------
    evidence : sequence of Evidence
        In the order of their days, none later than `day`.
    day : float
    horizon : int
        ``churn.window_days``.
    """
    chances, means, covariances = [], [], []
    for swing in SWINGS:
        for walk, chance in WALKS:
            fit, mean, covariance = _filter(evidence, day, horizon, swing, walk)
            # Small swings are likelier beforehand.
            chances.append(np.log(chance / swing) + fit)
            means.append(mean)
            covariances.append(covariance)
    weights = np.exp(np.array(chances) - max(chances))
    return Outlook(weights / weights.sum(), np.array(means), np.array(covariances))


def _filter(
    evidence: Sequence[Evidence], day: float, horizon: int, swing: float, walk: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-likelihood of the evidence, and mean and covariance of the forecast."""
    mean, covariance, fit = np.zeros(2), START, 0.0
    before = evidence[0].day if evidence else day
    for seen in evidence:
        covariance = covariance + _spread(walk) * (seen.day - before) / horizon
        before = seen.day
        total = covariance + _spread(swing) + seen.covariance
        inverse = np.linalg.inv(total)
        surprise = seen.shift - mean
        fit -= 0.5 * float(surprise @ inverse @ surprise + np.linalg.slogdet(total)[1])
        gain = covariance @ inverse
        mean, covariance = mean + gain @ surprise, covariance - gain @ covariance
    ahead = _spread(walk) * (day - before) / horizon
    return fit, mean, covariance + ahead + _spread(swing)


def _spread(size: float) -> np.ndarray:
    return np.diag([size**2, (TILT * size) ** 2])
