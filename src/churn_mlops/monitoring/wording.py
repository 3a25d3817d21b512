"""Says in words how a column moved."""

from __future__ import annotations

import numpy as np

from churn_mlops.monitoring.bins import MISSING, CategoricalBins, NumericBins
from churn_mlops.monitoring.psi import parts

NAMED_CATEGORIES = 2


def moved(
    name: str,
    bins: NumericBins | CategoricalBins,
    counts: tuple[np.ndarray, np.ndarray],
    values: tuple[np.ndarray, np.ndarray],
) -> str:
    """Describe the difference between reference and day by the bin that moved most.

    Parameters
    ----------
    name : str
    bins : NumericBins or CategoricalBins
    counts : pair of array of int, each of shape (bins,)
        Rows per bin of the reference and of the day.
    values : pair of array
        Raw values of both, or samples of them.

    Returns
    -------
    str
        Such as ``logins_7d: 0 12 % -> 61 % of users``.
    """
    before, now = counts[0] / max(counts[0].sum(), 1), counts[1] / max(counts[1].sum(), 1)
    order = np.argsort(-parts(*counts), kind="stable")
    top = int(order[0])
    if top == MISSING:
        return f"{name}: missing {_change(before[MISSING], now[MISSING])} of users"
    if isinstance(bins, CategoricalBins):
        unseen = bins.count - 1
        if unseen in order[:NAMED_CATEGORIES] and now[unseen] > 0:
            new = _unseen(bins, values[1])
            return f"{name}: unseen categories {_change(before[unseen], now[unseen])} ({new})"
        named = [_category(bins, int(code)) for code in order[:NAMED_CATEGORIES]]
        shares = [_change(before[code], now[code]) for code in order[:NAMED_CATEGORIES]]
        return f"{name}: " + ", ".join(f"{n} {s}" for n, s in zip(named, shares, strict=True))
    atom = bins.atom_of(top)
    if atom is not None:
        return f"{name}: value {atom:g} in {_change(before[top], now[top])} of users"
    middle = [_median(side) for side in values]
    if min(middle) > 0 and middle[0] != middle[1]:
        times = middle[1] / middle[0]
        return f"{name}: median {middle[0]:.4g} → {middle[1]:.4g} (× {times:.3g})"
    if middle[0] != middle[1]:
        return f"{name}: median {middle[0]:.4g} → {middle[1]:.4g}"
    where = _interval(bins, top)
    return f"{name}: {where} {_change(before[top], now[top])} of users"


def _change(before: float, now: float) -> str:
    return f"{_percent(before)} → {_percent(now)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 or share == 0 else f"{100 * share:.1f} %"


def _category(bins: CategoricalBins, code: int) -> str:
    if code == MISSING:
        return "missing"
    if code <= len(bins.categories):
        return bins.categories[code - 1]
    return "rare ones" if code == bins.count - 2 else "unseen ones"


def _unseen(bins: CategoricalBins, values: np.ndarray) -> str:
    known = {*bins.categories, *bins.rare}
    found = sorted({c for c in values.tolist() if isinstance(c, str) and c not in known})
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(repr(c) for c in found[:3]) + more


def _median(values: np.ndarray) -> float:
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    return float(np.median(known)) if len(known) else 0.0


def _interval(bins: NumericBins, code: int) -> str:
    place = code - 1 - len(bins.atoms)
    low = bins.edges[place - 1] if place > 0 else None
    high = bins.edges[place] if place < len(bins.edges) else None
    if low is None and high is None:
        return f"other values than {', '.join(f'{atom:g}' for atom in bins.atoms)}"
    if low is None:
        return f"below {high:.4g}"
    return f"from {low:.4g}" if high is None else f"{low:.4g} to {high:.4g}"
