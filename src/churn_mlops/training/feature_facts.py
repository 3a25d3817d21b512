"""What training has seen of each feature, for explanations and the model's description."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from churn_mlops.features.catalogue import Feature
from churn_mlops.registry.encoding import Encoding
from churn_mlops.registry.meta import FeatureFacts
from churn_mlops.training.rows import Rows

# A correlation with the label below this says nothing about a direction.
WEAK = 0.005


def feature_facts(
    train: Rows, encoding: Encoding, matrix: np.ndarray, features: Sequence[Feature]
) -> tuple[FeatureFacts, ...]:
    """Describe the features by their training rows.

    Parameters
    ----------
    train : Rows
    encoding : Encoding
    matrix : array of float32, shape (n, width)
        The encoded training rows.
    features : sequence of Feature
    """
    place = {n.name: i for i, n in enumerate(encoding.numeric)}
    default = {n.name: n.default for n in encoding.numeric}
    facts = []
    for feature in features:
        values = train.columns[feature.name]
        if feature.kind == "categorical":
            facts.append(FeatureFacts.of(feature, _commonest(values), None, 0))
            continue
        numbers = np.asarray(values, dtype=np.float64)
        known = numbers[np.isfinite(numbers)]
        mean = float(np.mean(known)) if len(known) else None
        sign = _direction(matrix[:, place[feature.name]], train.labels)
        facts.append(FeatureFacts.of(feature, default[feature.name], mean, sign))
    return tuple(facts)


def _commonest(values: np.ndarray) -> str | None:
    counts = Counter(value for value in values.tolist() if isinstance(value, str))
    return min(counts, key=lambda value: (-counts[value], value)) if counts else None


def _direction(column: np.ndarray, labels: np.ndarray) -> Literal[-1, 0, 1]:
    spread = float(column.std(dtype=np.float64)) * float(labels.std())
    if spread == 0:
        return 0
    mean = column.mean(dtype=np.float64)
    weight = float(np.mean((column - mean) * (labels - labels.mean()), dtype=np.float64)) / spread
    if abs(weight) < WEAK:
        return 0
    return 1 if weight > 0 else -1
