"""From a model's log-odds to a probability that is true: sigmoid, beta or isotonic."""

from __future__ import annotations

from typing import Literal

import numpy as np

from churn_mlops.registry.encoding import Part

Method = Literal["sigmoid", "beta", "isotonic"]


class Calibration(Part):
    """A monotone map from log-odds s to a probability.

    With p = 1 / (1 + exp(-s)):

    - ``sigmoid``, parameters (a, b): logit = a s + b (Platt 1999);
    - ``beta``, parameters (a, b, c): logit = a ln p - b ln(1 - p) + c (Kull, Silva Filho, Flach
      2017, section 4);
    - ``isotonic``, `log_odds` and `logits`: straight lines between these points, constant beyond
      them (Zadrozny & Elkan 2002 fit the levels).
    """

    method: Method
    parameters: tuple[float, ...] = ()
    log_odds: tuple[float, ...] = ()
    logits: tuple[float, ...] = ()

    def apply(self, log_odds: np.ndarray) -> np.ndarray:
        """Probabilities, float64 of shape (n,), for log-odds of shape (n,)."""
        s = np.asarray(log_odds, dtype=np.float64)
        if self.method == "isotonic":
            logit = np.interp(s, self.log_odds, self.logits)
        elif self.method == "sigmoid":
            a, b = self.parameters
            logit = a * s + b
        else:
            a, b, c = self.parameters
            # ln p = -ln(1 + exp(-s)) and ln(1 - p) = -ln(1 + exp(s)), without overflow.
            logit = -a * np.logaddexp(0, -s) + b * np.logaddexp(0, s) + c
        return np.asarray(0.5 * (1 + np.tanh(logit / 2)))
