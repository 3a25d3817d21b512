"""A verified model with all that a request needs, made once; knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from churn_mlops.api.intake import INTEGERS, batch_class, request_class
from churn_mlops.errors import BundleError
from churn_mlops.inference.decision import CONTACT, NONE
from churn_mlops.inference.explain import Explainer
from churn_mlops.inference.predictions import RISK_DECIMALS
from churn_mlops.registry.bundle import GOLDEN_TOLERANCE, Bundle

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model says about rows.

    Parameters
    ----------
    risks : list of float
        Probabilities, rounded as in the batch's predictions.
    imputed, out_of_range, unseen : dict of int to list of str
        Names of features, by the number of a row that has some.
    matrix : array of float32, shape (n, width)
    """

    risks: list[float]
    imputed: dict[int, list[str]]
    out_of_range: dict[int, list[str]]
    unseen: dict[int, list[str]]
    matrix: np.ndarray


class Served:
    """One model, ready for requests.

    Parameters
    ----------
    bundle : Bundle
    number : int or None
        Its version in the registry.
    max_batch_rows : int

    Raises
    ------
    BundleError
        The golden rows, asked as a request asks, do not give what they must.
    """

    def __init__(self, bundle: Bundle, number: int | None, max_batch_rows: int) -> None:
        self.bundle, self.number = bundle, number
        self.version = bundle.version
        self.names = bundle.meta.feature_names
        row, _ = bundle.golden[len(bundle.golden) // 4]
        self.request = request_class(bundle.meta, row)
        self.batch = batch_class(self.request, max_batch_rows)
        self.validator = self.request.__pydantic_validator__
        thresholds = bundle.meta.thresholds
        self.threshold = round(thresholds.get("profit", thresholds["top_k"]), RISK_DECIMALS)
        encoding = bundle.meta.encoding
        facts = {feature.name: feature for feature in bundle.meta.features}
        possible = [(facts[n.name].minimum, facts[n.name].maximum) for n in encoding.numeric]
        seen = [(n.seen_minimum, n.seen_maximum) for n in encoding.numeric]
        bounds = list(zip(possible, seen, strict=True))
        self.numeric = [n.name for n in encoding.numeric]
        self.low = np.array([s[0] if p[0] is None else max(p[0], s[0]) for p, s in bounds])
        self.high = np.array([s[1] if p[1] is None else min(p[1], s[1]) for p, s in bounds])
        self.whole = [
            place for place, name in enumerate(self.numeric) if facts[name].type in INTEGERS
        ]
        self.always = np.array([not n.missing for n in encoding.numeric])
        self.categories = [(c.name, {None, *c.categories}) for c in encoding.categorical]
        self._always_known = [n.name for n in encoding.numeric if not n.missing]
        for place in range(len(bundle.golden)):
            self.check_golden(place)

    def check_golden(self, place: int) -> None:
        """Ask about a golden row as a request does.

        Parameters
        ----------
        place : int
            Number of the row, counted around.

        Raises
        ------
        BundleError
            The answer is not the one that it must be.
        """
        row, expected = self.bundle.golden[place % len(self.bundle.golden)]
        given = self.request.model_validate({"user_id": 0, "features": row})
        risk = self.score([given.features]).risks[0]  # type: ignore[attr-defined]
        gap = abs(risk - expected)
        if not gap <= GOLDEN_TOLERANCE:
            raise BundleError(
                f"the model {self.version} gives golden row {place} a risk {gap:.2g} away from what"
                " it must",
                fix="roll back (`churn rollback`) or train again with this version",
            )

    def score(self, rows: Sequence[Row]) -> Scored:
        """Score rows of validated feature values; those left out count as missing."""
        encoding = self.bundle.meta.encoding
        numbers, cells = encoding.numbers(rows), encoding.cells(rows)
        imputed = self._imputed(rows, numbers)
        out_of_range: dict[int, list[str]] = {}
        beyond = numbers < self.low
        beyond |= numbers > self.high
        # Much faster than any() for few values.
        if np.count_nonzero(beyond):
            places, columns = beyond.nonzero()
            for place, column in zip(places.tolist(), columns.tolist(), strict=True):
                out_of_range.setdefault(place, []).append(self.numeric[column])
        unseen: dict[int, list[str]] = {}
        for (name, known), texts in zip(self.categories, cells, strict=True):
            for place, text in enumerate(texts):
                if text not in known:
                    unseen.setdefault(place, []).append(name)
        matrix = encoding.matrix_of(numbers, cells)
        return Scored(self.risks(matrix), imputed, out_of_range, unseen, matrix)

    def risks(self, matrix: np.ndarray) -> list[float]:
        """Risks of an encoded matrix, rounded as in the batch's predictions."""
        return [round(risk, RISK_DECIMALS) for risk in self.bundle.score(matrix).tolist()]

    def _imputed(self, rows: Sequence[Row], numbers: np.ndarray) -> dict[int, list[str]]:
        """Features that are left out, and empty ones that never were empty in training."""
        # Nearly all rows are whole: the others are looked at name by name.
        whole = len(self.names)
        found = {place: self.imputed_in(row) for place, row in enumerate(rows) if len(row) < whole}
        gaps = np.isnan(numbers)
        gaps &= self.always
        if np.count_nonzero(gaps):
            for place, column in zip(*(part.tolist() for part in gaps.nonzero()), strict=True):
                if len(rows[place]) == whole:
                    found.setdefault(place, []).append(self.numeric[column])
        return {place: names for place, names in found.items() if names} if found else found

    def imputed_in(self, row: Row) -> list[str]:
        """Features of a row for which the default stands in.

        Those that are left out, and empty ones that never were empty in training; an empty one
        that training knew is a value of its own: there is none.
        """
        absent = [name for name in self.names if name not in row]
        return absent + [n for n in self._always_known if n in row and row[n] is None]

    def decide(self, risk: float) -> str:
        """Whether a user with this risk belongs on the list."""
        return CONTACT if risk >= self.threshold else NONE

    def reasons(self, row: Row, scored: Scored) -> list[str]:
        """Why the risk of a row is high, strongest reason first; at most three.

        Parameters
        ----------
        row : mapping
        scored : Scored
            Of this row alone.
        """
        columns = {name: np.array([row.get(name)], dtype=object) for name in self.names}
        found = self.explainer.reasons(scored.matrix, columns, np.array(scored.risks))
        return [texts[0] for texts in found if texts[0]]

    @cached_property
    def explainer(self) -> Explainer:
        """Explains scores; the first use makes its tables."""
        return Explainer(self.bundle.meta)

    def warm(self) -> None:
        """Make the tables of the explainer before somebody waits for them."""
        row, _ = self.bundle.golden[0]
        self.reasons(row, self.score([row]))
