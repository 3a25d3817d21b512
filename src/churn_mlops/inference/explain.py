"""Why a risk is high: exact contributions of a linear model, and the largest ones in words."""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np

from churn_mlops.errors import BundleError
from churn_mlops.inference.wording import Wording
from churn_mlops.registry.encoding import MISSING, Columns
from churn_mlops.registry.meta import Linear, Meta

REASON_COUNT = 3
# In log-odds; what moves the odds by less than 5 % is no reason.
LEAST_CONTRIBUTION = 0.05


class Explainer:
    """Explains the scores of one linear model.

    Parameters
    ----------
    meta : Meta
        From a bundle whose ``linear`` is given.

    Raises
    ------
    BundleError
        The model is not linear.
    """

    def __init__(self, meta: Meta) -> None:
        if meta.linear is None:
            raise BundleError(f"a model of the family '{meta.family}' has no linear contributions")
        self.meta = meta
        self._linear: Linear = meta.linear
        self._wording = Wording(meta.features)

    @cached_property
    def base(self) -> float:
        """Log-odds at the training means of all matrix columns."""
        means = np.array(self._linear.means)
        return self._linear.intercept + float(means @ np.array(self._linear.coefficients))

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """What each feature adds to the log-odds, against a user with training means.

        With coefficients b and training means m, feature f adds the sum of
        ``b_j (x_j - m_j)`` over its matrix columns j (its number and its being missing, or all
        its categories). Over all features this and `base` add up to the model's log-odds, which
        for independent inputs are the Shapley values (Lundberg & Lee 2017, corollary 1).

        Parameters
        ----------
        matrix : array of float32, shape (n, width)

        Returns
        -------
        array of float64, shape (n, number of features), in the order of ``meta.features``
        """
        means = np.array(self._linear.means)
        parts = (matrix - means) * np.array(self._linear.coefficients)
        order, starts = self._columns_by_feature
        return np.asarray(np.add.reduceat(parts[:, order], starts, axis=1))

    @cached_property
    def _columns_by_feature(self) -> tuple[np.ndarray, np.ndarray]:
        """Matrix columns sorted by feature, and where each feature's columns begin."""
        place = {name: i for i, name in enumerate(self.meta.feature_names)}
        owner = np.array([place[name] for _, name in self.meta.encoding.matrix_columns])
        order = np.argsort(owner, kind="stable")
        return order, np.searchsorted(owner[order], np.arange(len(place)))

    def reasons(self, matrix: np.ndarray, columns: Columns) -> list[list[str | None]]:
        """The features that push each risk up most, in words.

        Of features that tell the same over other windows (logins in 7, 14, 30 days) the strongest
        speaks. A number is a reason only when it alone, too, went along with churn in training in
        that direction: where features overlap, a coefficient may have the opposite sign, which
        adds up correctly but explains nothing. Nor is a number a reason because of its mere
        presence, when the number itself lowers the risk.

        Parameters
        ----------
        matrix : array of float32, shape (n, width)
        columns : mapping of str to array, each of shape (n,)
            Raw values of the same rows.

        Returns
        -------
        list of `REASON_COUNT` lists of n texts or None
            The strongest reason of each row first.
        """
        parts = self.contributions(matrix)
        parts[:, ~self._sayable] = -np.inf
        for feature, number, indicator in self._indicated:
            own = (matrix[:, number] - self._linear.means[number]) * self._linear.coefficients[
                number
            ]
            parts[(matrix[:, indicator] == 0) & (own <= 0), feature] = -np.inf
        rows = np.arange(len(parts))
        speakers = np.empty((len(parts), len(self._families)), dtype=np.int64)
        for i, family in enumerate(self._families):
            speakers[:, i] = family[np.argmax(parts[:, family], axis=1)]
        strength = parts[rows[:, None], speakers]
        ranked = np.argsort(-strength, axis=1, kind="stable")
        found: list[list[str | None]] = []
        for place in range(REASON_COUNT):
            texts: list[str | None] = [None] * len(parts)
            if place < ranked.shape[1]:
                chosen = ranked[:, place]
                strong = strength[rows, chosen] >= LEAST_CONTRIBUTION
                self._say(texts, rows[strong], speakers[rows, chosen][strong], columns)
            found.append(texts)
        return found

    def _say(
        self, texts: list[str | None], rows: np.ndarray, speakers: np.ndarray, columns: Columns
    ) -> None:
        for feature in np.unique(speakers):
            mine = rows[speakers == feature]
            values = columns[self.meta.features[feature].name][mine].tolist()
            for row, value in zip(mine.tolist(), values, strict=True):
                texts[row] = self._wording.say(int(feature), value)

    @cached_property
    def _sayable(self) -> np.ndarray:
        coefficient = dict(
            zip(
                (name for name, _ in self.meta.encoding.matrix_columns),
                self._linear.coefficients,
                strict=True,
            )
        )
        return np.array(
            [
                f.kind == "categorical" or coefficient[f.name] * f.direction > 0
                for f in self.meta.features
            ]
        )

    @cached_property
    def _indicated(self) -> list[tuple[int, int, int]]:
        """Features with a column for being missing: place, and columns of number and indicator."""
        encoding = self.meta.encoding
        column = {name: i for i, (name, _) in enumerate(encoding.matrix_columns)}
        return [
            (self.meta.feature_names.index(n.name), column[n.name], column[f"{n.name}={MISSING}"])
            for n in encoding.numeric
            if n.missing
        ]

    @cached_property
    def _families(self) -> list[np.ndarray]:
        members: dict[str, list[int]] = {}
        for i, name in enumerate(self.meta.feature_names):
            members.setdefault(family(name), []).append(i)
        return [np.array(places) for places in members.values()]


def family(name: str) -> str:
    """What a feature is about: ``logins_7d``, ``logins_30d`` and ``logins_count`` are logins."""
    stem = re.sub(r"(_trend)?(_\d+d)+$|_(count|sum)$", "", name)
    return {"is_active_day": "active_days", "total_events": "events"}.get(stem, stem)
