"""Level and tilt: 0 where risks are right, found where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.monitoring.recalibration import centre_of, logit, recalibrate, shares


def world(n: int, level: float, tilt: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risks = rng.beta(0.5, 3, n)
    true = shares(risks, np.array([[level, tilt]]), centre_of(risks))[0]
    return risks, (rng.random(n) < true).astype(int)


@pytest.mark.parametrize(("level", "tilt"), [(0, 0), (0.5, 0), (-0.6, 0.2), (0.2, -0.3)])
def test_level_and_tilt_are_found(level: float, tilt: float) -> None:
    risks, labels = world(40_000, level, tilt)
    found = recalibrate(0, risks, labels, np.arange(len(risks)), centre_of(risks))
    errors = np.sqrt(np.diag(found.covariance))
    assert np.all(np.abs(found.shift - [level, tilt]) < 3 * errors)
    assert np.all(errors < 0.05)


def test_no_level_and_no_tilt_change_nothing() -> None:
    risks = np.array([0.001, 0.2, 0.999])
    assert shares(risks, np.zeros((2, 2)), -1.0) == pytest.approx(np.stack([risks] * 2))


def test_risks_of_0_and_1_stay_in_bounds() -> None:
    assert np.all(np.isfinite(logit(np.array([0.0, 1.0]))))
    found = shares(np.array([0.0, 1.0]), np.array([[30.0, 5.0], [-30.0, -5.0]]), 0.0)
    assert np.all((found >= 0) & (found <= 1))


def test_rows_of_one_user_do_not_count_as_many() -> None:
    risks, labels = world(2_000, 0, 0)
    once = recalibrate(0, risks, labels, np.arange(2_000), 0.0)
    many = (np.tile(risks, 10), np.tile(labels, 10))
    clustered = recalibrate(0, *many, np.tile(np.arange(2_000), 10), 0.0)
    naive = recalibrate(0, *many, np.arange(20_000), 0.0)
    assert np.allclose(clustered.covariance, once.covariance, rtol=0.15)
    assert naive.covariance[0, 0] < once.covariance[0, 0] / 5


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_leaves_doubt_instead_of_a_crash(label: int) -> None:
    risks = np.full(5, 0.3)
    found = recalibrate(0, risks, np.full(5, label), np.arange(5), centre_of(risks))
    assert np.all(np.isfinite(found.shift))
    assert found.covariance[0, 0] > 0.1
    assert np.sign(found.shift[0]) == (1 if label else -1)


def test_risks_that_are_all_certain_have_a_centre() -> None:
    assert centre_of(np.array([0.0, 1.0])) == 0.0
