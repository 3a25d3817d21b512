"""The same metrics as those of training, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from churn_mlops.monitoring.ranking import Groups
from tests.conftest import examples

rows = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60)


@settings(max_examples=examples(200))
@given(rows)
def test_pr_auc_and_roc_auc_are_those_of_scikit_learn(made: list[tuple[int, bool]]) -> None:
    risks = np.array([risk / 6 for risk, _ in made])
    labels = np.array([int(label) for _, label in made])
    groups = Groups(risks)
    found = groups.metrics(groups.count(labels))
    if 0 < labels.sum() < len(labels):
        assert found["pr_auc"][0] == pytest.approx(average_precision_score(labels, risks))
        assert found["roc_auc"][0] == pytest.approx(roc_auc_score(labels, risks))
    else:
        assert np.isnan(found["pr_auc"][0])
        assert np.isnan(found["roc_auc"][0])


def test_many_outcomes_are_judged_at_once() -> None:
    rng = np.random.default_rng(0)
    risks = rng.random(50).round(1)
    groups = Groups(risks)
    outcomes = rng.integers(0, 2, (5, 50))
    together = groups.metrics(np.concatenate([groups.count(labels) for labels in outcomes]))
    for n, labels in enumerate(outcomes):
        assert together["pr_auc"][n] == pytest.approx(average_precision_score(labels, risks))


def test_joined_groups_hardly_change_a_metric() -> None:
    rng = np.random.default_rng(1)
    risks = rng.beta(0.3, 2, 40_000)
    labels = (rng.random(40_000) < risks).astype(int)
    exact, joined = Groups(risks), Groups(risks, 2_000)
    assert len(joined.sizes) == 2_000
    assert joined.sizes.sum() == 40_000
    assert np.all(np.diff(joined.risks) < 0)
    for name, value in exact.metrics(exact.count(labels)).items():
        assert joined.metrics(joined.count(labels))[name] == pytest.approx(value, abs=1e-3)


def test_large_batches_do_not_overflow() -> None:
    groups = Groups(np.array([0.1, 0.2]))
    groups.sizes = np.array([3_000_000_000, 3_000_000_000])
    found = groups.metrics(np.array([[2_000_000_000, 1_000_000_000]]))
    assert 0.5 < found["roc_auc"][0] < 1
