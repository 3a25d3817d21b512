from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.monitoring.joint import joint_shift


def people(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    a = rng.normal(size=count)
    return {
        **{f"noise_{i}": rng.poisson(2, count).astype(float) for i in range(10)},
        "sessions": np.exp(a),
        "pages": np.exp(0.8 * a + 0.6 * rng.normal(size=count)),
        "score": np.where(rng.random(count) < 0.3, np.nan, rng.normal(size=count)),
        "plan": rng.choice(("a", "b"), count).astype(object),
    }


def test_alike_users_cannot_be_told_apart():
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found.append(joint_shift(people(rng, 600), people(rng, 400), seed).p_value)
    assert min(found) > 0.001
    assert np.mean(np.array(found) < 0.05) <= 0.2


def test_a_broken_relation_is_found_though_no_column_moved():
    rng = np.random.default_rng(1)
    now = people(rng, 1_000)
    now["pages"] = rng.permutation(now["pages"])
    joint = joint_shift(people(rng, 1_000), now, 1)
    assert set(joint.columns) == {"sessions", "pages"}
    assert joint.roc_auc > 0.65
    assert joint.p_value < 1e-6
    assert joint.correlation[0] > 0.7
    assert abs(joint.correlation[1]) < 0.1
    assert "rank correlation 0.8" in joint.words()


def test_a_moved_column_is_named():
    rng = np.random.default_rng(1)
    now = people(rng, 800)
    now["plan"][:] = "c"
    joint = joint_shift(people(rng, 800), now, 1)
    assert joint.columns == ("plan",)
    assert joint.roc_auc > 0.95
    assert "plan" in joint.words()


def test_the_same_seed_gives_the_same_answer():
    rng = np.random.default_rng(1)
    before, now = people(rng, 300), people(rng, 300)
    assert joint_shift(before, now, 5) == joint_shift(before, now, 5)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_columns_without_variation_do_no_harm(value):
    still = {"x": np.full(100, value), "y": np.full(100, 1.0)}
    assert joint_shift(still, still, 1).roc_auc == 0.5
