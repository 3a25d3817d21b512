"""What every family of models gives once it is fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from churn_mlops.registry.meta import Linear, Trees


@dataclass(frozen=True)
class Fitted:
    """A fitted model before calibration.

    Parameters
    ----------
    family : str
    model : Linear or Trees
        The model as the bundle describes it.
    log_odds : callable
        The trainer's own raw scores, float64 of shape (n,), of a matrix (n, width): what the
        exported model is checked against.
    facts : mapping of str to number
        What is worth knowing about the fit.
    versions : mapping of str to str
        Versions of the libraries that fitted it.
    """

    family: str
    model: Linear | Trees
    log_odds: Callable[[np.ndarray], np.ndarray]
    facts: Mapping[str, float | int | bool]
    versions: Mapping[str, str]

    @property
    def linear(self) -> Linear | None:
        """The model if it is linear."""
        return self.model if isinstance(self.model, Linear) else None

    @property
    def trees(self) -> Trees | None:
        """The model if it is made of trees."""
        return self.model if isinstance(self.model, Trees) else None
