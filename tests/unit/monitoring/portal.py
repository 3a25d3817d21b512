"""A small portal for drift tests: some columns of each kind, users drawn anew every day."""

from __future__ import annotations

from datetime import date

import numpy as np

from churn_mlops.monitoring.reference import RISK, Reference, reference_of
from churn_mlops.registry.profile import Profile

FIRST = date(2025, 3, 3)
REFERENCE_DAYS = 35
DAY = date(2025, 4, 30)
IMPORTANCE = {"minutes": 0.4, "logins": 0.3, "country": 0.1, "flag": 0.1, "score": 0.1, "age": 0.0}

Values = dict[str, np.ndarray]


def values(rng: np.random.Generator, users: int) -> Values:
    minutes = np.where(rng.random(users) < 0.3, 0.0, rng.lognormal(3, 0.8, users))
    score = rng.normal(70, 10, users)
    score[rng.random(users) < 0.1] = np.nan
    return {
        "minutes": minutes,
        "logins": rng.poisson(3, users).astype(float),
        "flag": (rng.random(users) < 0.05).astype(float),
        "score": score,
        "age": rng.exponential(100, users),
        "country": rng.choice(("DE", "IN", "US"), users).astype(object),
        RISK: rng.beta(2, 6, users),
    }


def reference(users: int = 300, seed: int = 0) -> Reference:
    rng = np.random.default_rng(seed)
    drawn = [values(rng, users) for _ in range(REFERENCE_DAYS)]
    columns = {name: np.concatenate([part[name] for part in drawn]) for name in drawn[0]}
    risks = columns.pop(RISK)
    days = np.repeat(np.datetime64(FIRST) + np.arange(REFERENCE_DAYS), users)
    ids = rng.integers(4 * users, size=len(risks))
    return reference_of(Profile(columns, days, ids, risks, np.zeros(len(risks), int)), IMPORTANCE)
