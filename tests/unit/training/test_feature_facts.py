from __future__ import annotations

import numpy as np

from churn_mlops.features.catalogue import Feature
from churn_mlops.training.feature_facts import feature_facts
from churn_mlops.training.fit_encoding import fit_encoding
from churn_mlops.training.rows import Rows

FEATURES = [
    Feature("away", "numeric", "int32", "days", "days since the last active day", 0),
    Feature("noise", "numeric", "float64", "", "nothing"),
    Feature("same", "numeric", "float64", "", "constant"),
    Feature("plan", "categorical", "string", "", "known at sign-up"),
]


def test_facts_tell_typical_values_and_directions():
    labels = np.array([0, 1] * 50)
    columns = {
        "away": labels * 10 + 1,
        "noise": np.array([1.0, 1.0, np.nan, np.nan] * 25),
        "same": np.ones(100),
        "plan": np.array(["pro", "free", "pro", None] * 25, dtype=object),
    }
    rows = Rows(columns, labels, labels, labels)
    encoding = fit_encoding(columns, FEATURES, "linear")
    away, noise, same, plan = feature_facts(rows, encoding, encoding.encode(columns), FEATURES)
    assert (away.typical, away.mean, away.direction) == (6.0, 6.0, 1)
    assert (noise.mean, noise.direction, same.direction) == (1.0, 0, 0)
    assert (plan.typical, plan.mean, plan.direction) == ("pro", None, 0)
    assert (away.unit, away.about, away.minimum) == ("days", "days since the last active day", 0)
