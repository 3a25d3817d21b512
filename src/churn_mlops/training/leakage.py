"""Checks that a training could not have peeked: CHN301, CHN303, CHN304 and CHN305.

CHN302, a feature that knows the future, is tried out where features are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from churn_mlops.errors import LeakageError
from churn_mlops.features.catalogue import Feature
from churn_mlops.params import Params
from churn_mlops.training.rows import Rows

SEPARATES = 0.995
DISTINCT_SHARE = 0.5
IDENTIFIERS = frozenset({"user_id", "event_id", "as_of_date"})
# An area under the curve of so many rows is exact enough to tell 0.99 from 1.
SAMPLE = 100_000


@dataclass(frozen=True)
class Finding:
    """What one check found; `failed` stops the training unless the check is muted."""

    id: str
    status: Literal["passed", "warning", "failed", "not_applicable"]
    text: str

    def facts(self) -> dict[str, str]:
        """The finding as JSON holds it."""
        return asdict(self)


def check_leakage(
    train: Rows, test: Rows, features: Sequence[Feature], params: Params
) -> list[Finding]:
    """Run the checks.

    Parameters
    ----------
    train, test : Rows
    features : sequence of Feature
    params : Params
        ``churn.window_days``; ``validation.muted`` turns a failure into a warning.

    Raises
    ------
    LeakageError
        A check failed that is not muted; the message names all that failed.
    """
    found = [
        _embargo(train, test, params.churn.window_days),
        _separation(train, features),
        _identifiers(train, features),
        _overlap(train, test),
    ]
    muted = params.validation.muted
    found = [
        Finding(f.id, "warning", f"{f.text} (muted)")
        if f.status == "failed" and f.id in muted
        else f
        for f in found
    ]
    failed = [f for f in found if f.status == "failed"]
    if failed:
        raise LeakageError(
            "; ".join(f"{f.id}: {f.text}" for f in failed),
            fix="take the feature out (features.static, data.measures); where it is right, list"
            " the check in validation.muted",
        )
    return found


def _embargo(train: Rows, test: Rows, window: int) -> Finding:
    last, first = train.days.max(), test.days.min()
    until = last + np.timedelta64(window, "D")
    text = f"the last training label is decided on {until}, the first test day is {first}"
    return Finding("CHN301", "passed" if until < first else "failed", text)


def _separation(train: Rows, features: Sequence[Feature]) -> Finding:
    numeric = [f.name for f in features if f.kind == "numeric"]
    step = max(1, len(train) // SAMPLE)
    labels = train.labels[::step]
    areas = {name: _area(labels, train.columns[name][::step]) for name in numeric}
    if not areas:
        return Finding("CHN303", "not_applicable", "no numeric feature")
    best = max(areas, key=lambda name: areas[name])
    text = f"the strongest feature alone is {best}, ROC-AUC {areas[best]:.3f}"
    return Finding("CHN303", "failed" if areas[best] >= SEPARATES else "passed", text)


def _area(labels: np.ndarray, column: np.ndarray) -> float:
    """ROC-AUC of a column in whichever direction is better; missing values are a class apart."""
    from sklearn.metrics import roc_auc_score

    values = np.asarray(column, dtype=np.float64)
    if len(np.unique(labels)) < 2:
        return 0.5
    area = float(roc_auc_score(labels, np.nan_to_num(values, nan=-1e300)))
    return max(area, 1 - area)


def _identifiers(train: Rows, features: Sequence[Feature]) -> Finding:
    named = [f.name for f in features if f.name in IDENTIFIERS]
    ids, first = np.unique(train.users, return_index=True)
    for feature in features:
        if feature.about != "known at sign-up" or feature.type == "float64":
            continue
        values = train.columns[feature.name][first].tolist()
        distinct = {value for value in values if value is not None and value == value}
        if len(distinct) > max(DISTINCT_SHARE * len(ids), 20):
            named.append(feature.name)
    if named:
        text = f"{', '.join(named)} tell single users apart"
        return Finding("CHN304", "failed", text)
    return Finding("CHN304", "passed", "no feature tells single users apart")


def _overlap(train: Rows, test: Rows) -> Finding:
    # Sets: NumPy compares text ids pair by pair.
    known = set(train.users.tolist())
    before = np.array([user in known for user in set(test.users.tolist())])
    text = (
        f"{before.sum()} of {len(before)} test users ({before.mean():.0%}) were trained on at"
        " earlier days; their labels were not"
    )
    return Finding("CHN305", "passed", text)
