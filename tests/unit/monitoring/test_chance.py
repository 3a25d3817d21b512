from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.monitoring.chance import Chance, chance, discoveries, excess_between_days
from churn_mlops.monitoring.psi import psi

SHARES = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05])


def test_p_values_are_uniform_when_nothing_moved():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        before, now = rng.multinomial(1_500, SHARES), rng.multinomial(300, SHARES)
        found.append(chance(before, 1_500, 300, 0.0, 7).p_value(psi(before, now)))
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(np.array(found) < 0.005) < 0.02


def test_fewer_users_move_further_by_chance():
    before = (SHARES * 2_000).astype(int)
    assert chance(before, 2_000, 100, 0.0, 1).mean > 5 * chance(before, 2_000, 2_000, 0.0, 1).mean
    assert chance(before, 100, 2_000, 0.0, 1).mean > 5 * chance(before, 2_000, 2_000, 0.0, 1).mean


def test_days_that_differ_anyway_move_further_by_chance():
    before = (SHARES * 2_000).astype(int)
    calm, varied = chance(before, 2_000, 2_000, 0.0, 1), chance(before, 2_000, 2_000, 0.05, 1)
    assert varied.mean == pytest.approx(calm.mean + 0.05, rel=0.2)


def test_what_was_never_seen_is_rare_and_not_impossible():
    before = np.array([0, 100, 0])
    by_chance = chance(before, 100, 50, 0.0, 1)
    assert by_chance.p_value(psi(before, np.array([1, 49, 0]))) > 0.05
    assert by_chance.p_value(psi(before, np.array([20, 30, 0]))) < 1e-6
    assert Chance(0.0, 0.0).p_value(0.0) == 1
    assert Chance(0.0, 0.0).p_value(0.1) == 0


def test_excess_is_what_days_differ_beyond_chance():
    rng = np.random.default_rng(1)
    alike = ~np.eye(20, dtype=bool)
    users = np.full(20, 19_000)
    calm = rng.multinomial(1_000, SHARES, 20)
    assert excess_between_days(calm, users, alike) < 0.002
    tilted = np.array([0.1, 0.1, 0.2, 0.2, 0.2, 0.1, 0.1])
    swaying = np.array([rng.multinomial(1_000, tilted if d % 2 else SHARES) for d in range(20)])
    assert excess_between_days(swaying, users, alike) > 0.05
    assert excess_between_days(calm, users, np.zeros((20, 20), dtype=bool)) == 0


def test_discoveries_follow_benjamini_and_hochberg():
    # The first of the example in their paper, section 3.2: four rejections at 0.05.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
         0.5719, 0.6528, 0.7590, 1.000]  # fmt: skip
    assert discoveries(np.array(p), 0.05).sum() == 4
    assert discoveries(np.array([0.5, 0.9]), 0.05).tolist() == [False, False]
    assert discoveries(np.array([]), 0.05).tolist() == []


def test_the_rate_bounds_any_alarm_without_drift():
    rng = np.random.default_rng(1)
    alarms = [discoveries(rng.uniform(size=40), 0.05).any() for _ in range(2_000)]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.015)
