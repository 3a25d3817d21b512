"""Laws with few coefficients, fitted to what was measured at a handful of sizes.

Sizes lie orders of magnitude apart, so what counts is the relative error at each: small ones tell
the fixed part, large ones the slope, and a law must be right about both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

Form = Literal["n", "n log n"]
FORMS: tuple[Form, ...] = ("n", "n log n")
# Where n log n is scaled to equal n, so that slopes of both forms mean the same.
ALIKE_AT = 1_000_000
# Values that differ by no more than this factor may be one and the same ceiling.
PLATEAU = 1.25


@dataclass(frozen=True)
class Law:
    """``fixed + slope * n``, or with ``n * log(n) / log(a million)`` in the place of n.

    Parameters
    ----------
    fixed : float
        What there is without any rows; not negative.
    slope : float
        Per row, at a million rows; not negative.
    form : str
        ``n`` or ``n log n``.
    ceiling : float
        It grows no further than this.
    """

    fixed: float
    slope: float
    form: Form = "n"
    ceiling: float = math.inf

    def at(self, n: float) -> float:
        """Its value for n rows."""
        return min(self.fixed + self.growing(n), self.ceiling)

    def growing(self, n: float) -> float:
        """The part that grows with n, without a ceiling."""
        return self.slope * _shape(n, self.form)


@dataclass(frozen=True)
class Beyond:
    """Nothing up to a threshold of n, then ``slope`` for each further row."""

    threshold: float
    slope: float

    def at(self, n: float) -> float:
        """Its value for n rows."""
        return self.slope * max(n - self.threshold, 0.0)


@dataclass(frozen=True)
class Judged:
    """A law with what it would have said of the largest size, had that not been measured.

    Parameters
    ----------
    law : Law
        Fitted to all sizes.
    errors : dict of str to float
        By form, the relative error at the largest size of the law fitted without it: 0.1 is ten
        per cent too much. Empty if fewer than three sizes were measured.
    """

    law: Law
    errors: dict[Form, float]

    @property
    def error(self) -> float | None:
        """The relative error of the law's own form at the left-out size."""
        return self.errors.get(self.law.form)


def _shape(n: float, form: Form) -> float:
    return n if form == "n" else n * math.log(max(n, math.e)) / math.log(ALIKE_AT)


def fit_law(sizes: Sequence[float], values: Sequence[float], form: Form = "n") -> Law:
    """The law of a form with the least relative squared error and no negative coefficient.

    Parameters
    ----------
    sizes : sequence of float
        At least two different ones.
    values : sequence of float
        Positive.
    form : str

    Raises
    ------
    ValueError
        There are fewer than two sizes, or a value is not positive.
    """
    if len(set(sizes)) < 2 or min(values) <= 0:
        raise ValueError(f"no law follows from {list(values)} at {list(sizes)}")
    found = np.asarray(values, float)
    shape = np.asarray([_shape(n, form) for n in sizes])
    # Divided by the values, what is to be hit is 1 everywhere.
    one, grown = 1 / found, shape / found
    both = np.linalg.lstsq(np.column_stack([one, grown]), np.ones(len(found)), rcond=None)[0]
    candidates = [(one.sum() / (one @ one), 0.0), (0.0, grown.sum() / (grown @ grown))]
    if both.min() >= 0:
        candidates = [(both[0], both[1])]
    fixed, slope = min(
        candidates, key=lambda c: float(((c[0] * one + c[1] * grown - 1) ** 2).sum())
    )
    return Law(float(fixed), float(slope), form)


def fit_judged(sizes: Sequence[float], values: Sequence[float]) -> Judged:
    """The form that foretells the left-out largest size best, fitted to all sizes.

    Parameters
    ----------
    sizes, values : sequence of float
        See `fit_law`.

    Raises
    ------
    ValueError
        See `fit_law`.
    """
    errors = {}
    for form in FORMS:
        error = left_out(sizes, values, partial(fit_law, form=form))
        if error is None:
            return Judged(fit_law(sizes, values), {})
        errors[form] = error
    best = min(FORMS, key=lambda form: abs(errors[form]))
    return Judged(fit_law(sizes, values, best), errors)


def fit_capped(sizes: Sequence[float], values: Sequence[float]) -> Law:
    """A linear law up to a ceiling, where the largest sizes, two at least, show one.

    Parameters
    ----------
    sizes, values : sequence of float
        See `fit_law`.

    Raises
    ------
    ValueError
        See `fit_law`.
    """
    pairs = sorted(zip(sizes, values, strict=True))
    n, y = [n for n, _ in pairs], [y for _, y in pairs]
    laws = [fit_law(n, y)]
    for first in range(2, len(n) - 1):
        rest = y[first:]
        if len(set(n[:first])) > 1 and max(rest) <= PLATEAU * min(rest):
            laws.append(replace(fit_law(n[:first], y[:first]), ceiling=max(rest)))
    return min(laws, key=lambda law: _error(law, pairs))


def fit_beyond(sizes: Sequence[float], values: Sequence[float]) -> Beyond:
    """What begins at a threshold, such as bytes that are spilled.

    Parameters
    ----------
    sizes : sequence of float
    values : sequence of float
        Not negative. Where all are zero the law is zero, and nothing is known beyond the largest.

    Raises
    ------
    ValueError
        There are no sizes.
    """
    if not len(sizes):
        raise ValueError("no threshold follows from nothing")
    pairs = sorted(zip(sizes, values, strict=True))
    some = [(n, y) for n, y in pairs if y > 0]
    if not some:
        return Beyond(float(pairs[-1][0]), 0.0)
    least = max((n for n, y in pairs if y <= 0 and n < some[0][0]), default=0.0)
    laws = [_from(least, some)]
    if len({n for n, _ in some}) > 1:
        n, y = np.asarray(some, float).T
        slope, offset = np.linalg.lstsq(np.column_stack([n / y, 1 / y]), np.ones(len(y)))[0]
        if slope > 0 and least < -offset / slope < some[0][0]:
            laws.append(Beyond(float(-offset / slope), float(slope)))
    return min(laws, key=lambda law: _error(law, some))


def _from(threshold: float, some: Sequence[tuple[float, float]]) -> Beyond:
    """The best slope from a given threshold."""
    above = np.asarray([(n - threshold) / y for n, y in some])
    return Beyond(float(threshold), float(above.sum() / (above @ above)))


def _error(law: Law | Beyond, pairs: Sequence[tuple[float, float]]) -> float:
    return sum((law.at(n) / y - 1) ** 2 for n, y in pairs)


def left_out(
    sizes: Sequence[float],
    values: Sequence[float],
    fit: Callable[[Sequence[float], Sequence[float]], Law | Beyond],
) -> float | None:
    """The relative error at the largest size of what is fitted without it.

    Parameters
    ----------
    sizes, values : sequence of float
    fit : callable
        From sizes and values to a law.

    Returns
    -------
    float or None
        0.1 is ten per cent too much; nothing if fewer than three sizes, or nothing at the largest.
    """
    largest = max(sizes)
    pairs = list(zip(sizes, values, strict=True))
    rest = [(n, y) for n, y in pairs if n < largest]
    real = [y for n, y in pairs if n == largest]
    if len({n for n, _ in rest}) < 2 or not sum(real):
        return None
    law = fit([n for n, _ in rest], [y for _, y in rest])
    return law.at(largest) * len(real) / sum(real) - 1
