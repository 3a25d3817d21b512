"""Why a risk is high: the features that raise it most, in words."""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np

from churn_mlops.errors import BundleError
from churn_mlops.inference.contributions import Contributions
from churn_mlops.inference.wording import Wording
from churn_mlops.registry.encoding import Columns
from churn_mlops.registry.meta import Meta

REASON_COUNT = 3
# In log-odds; what moves the odds by less than 5 % is no reason.
LEAST_CONTRIBUTION = 0.05
# Risks are float32, contributions float64.
SUM_TOLERANCE = 1e-5


class Explainer:
    """Explains the scores of one model.

    Parameters
    ----------
    meta : Meta
        The bundle's description.
    """

    def __init__(self, meta: Meta) -> None:
        self.meta = meta
        self._contributions = Contributions(meta.model, meta.encoding)
        self._wording = Wording(meta.features)
        place = {name: i for i, name in enumerate(meta.encoding.names)}
        self._order = np.array([place[name] for name in meta.feature_names])

    @property
    def base(self) -> float:
        """Log-odds of a user about whom nothing is known."""
        return self._contributions.base

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """What each feature adds to the log-odds before calibration; see `Contributions`.

        Parameters
        ----------
        matrix : array of float32, shape (n, width)

        Returns
        -------
        array of float64, shape (n, number of features), in the order of ``meta.features``
        """
        return self._contributions.of_features(matrix)[:, self._order]

    def require_sum(self, parts: np.ndarray, risks: np.ndarray) -> None:
        """Make sure that base and contributions add up to the scores that they explain.

        Parameters
        ----------
        parts : array of float64, shape (n, number of features)
        risks : array of float, shape (n,)
            What the model gave to the same rows.

        Raises
        ------
        BundleError
            They differ by more than `SUM_TOLERANCE`: the description is not that of the model.
        """
        told = self.meta.calibration.apply(self.base + parts.sum(axis=1))
        gap = float(np.max(np.abs(told - risks), initial=0.0))
        if not gap <= SUM_TOLERANCE:
            raise BundleError(
                f"the contributions explain a risk up to {gap:.2g} away from the model's",
                fix="the bundle's description belongs to another model; train it again",
            )

    def reasons(
        self, matrix: np.ndarray, columns: Columns, risks: np.ndarray
    ) -> list[list[str | None]]:
        """The features that push each risk up most, in words.

        Of features that tell the same over other windows (logins in 7, 14, 30 days) the strongest
        speaks. A number is a reason only when it lies, seen from the training mean, on the side
        that alone, too, went along with churn in training: where features overlap, a model may
        count them against each other, which adds up correctly but explains nothing. Nor is a
        number a reason because of its mere presence, when the number itself lowers the risk.

        Parameters
        ----------
        matrix : array of float32, shape (n, width)
        columns : mapping of str to array, each of shape (n,)
            Raw values of the same rows.
        risks : array of float, shape (n,)
            What the model gave to the rows; the contributions must add up to it.

        Returns
        -------
        list of `REASON_COUNT` lists of n texts or None
            The strongest reason of each row first.
        """
        parts = self.contributions(matrix)
        self.require_sum(parts, risks)
        if numeric := self._numeric:
            parts[:, numeric] = np.where(self._telling(columns), parts[:, numeric], -np.inf)
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

    def _telling(self, columns: Columns) -> np.ndarray:
        """Numbers that go along with churn, bool of shape (n, numeric features).

        A missing one may tell, too.
        """
        names = self.meta.feature_names
        given = [np.asarray(columns[names[place]], np.float64) for place in self._numeric]
        numbers = np.column_stack(given)
        mean, direction = self._mean_and_direction
        along = (numbers - mean) * direction > 0
        telling: np.ndarray = (np.isnan(numbers) | along) & (direction != 0)
        return telling

    @cached_property
    def _numeric(self) -> list[int]:
        return [i for i, f in enumerate(self.meta.features) if f.kind == "numeric"]

    @cached_property
    def _mean_and_direction(self) -> tuple[np.ndarray, np.ndarray]:
        facts = [self.meta.features[place] for place in self._numeric]
        mean = np.array([0.0 if f.mean is None else f.mean for f in facts])
        direction = np.array([0 if f.mean is None else f.direction for f in facts])
        return mean, direction

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
