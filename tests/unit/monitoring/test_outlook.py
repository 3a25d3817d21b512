"""What is expected: calibrated risks at first, then what was seen, with honest doubt."""

from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.monitoring.outlook import Outlook, outlook
from churn_mlops.monitoring.recalibration import Evidence

SURE = np.eye(2) * 1e-4


def seen(*levels: float, every: float = 30.0) -> list[Evidence]:
    return [Evidence(n * every, np.array([level, 0.0]), SURE) for n, level in enumerate(levels)]


def spread(expected: Outlook) -> float:
    return float(expected.draw(20_000, np.random.default_rng(0))[:, 0].std())


def test_without_evidence_risks_are_taken_as_calibrated_with_doubt() -> None:
    expected = outlook([], 100.0, 30)
    assert expected.mean == pytest.approx([0, 0])
    assert expected.weights.sum() == pytest.approx(1)
    assert 0.25 < spread(expected) < 0.6


def test_days_that_agree_narrow_the_outlook_and_shift_it() -> None:
    few, many = outlook(seen(0.3), 60.0, 30), outlook(seen(*[0.3] * 8), 270.0, 30)
    assert 0.1 < few.mean[0] < 0.3
    assert many.mean[0] == pytest.approx(0.3, abs=0.05)
    assert spread(many) < spread(few) < spread(outlook([], 60.0, 30))


def test_days_that_swing_widen_it() -> None:
    calm = outlook(seen(*[0.0] * 6), 210.0, 30)
    swinging = outlook(seen(0.6, -0.5, 0.5, -0.7, 0.6, -0.5), 210.0, 30)
    assert spread(swinging) > 3 * spread(calm)
    assert abs(swinging.mean[0]) < 0.3


def test_vague_evidence_says_little() -> None:
    vague = [Evidence(0.0, np.array([2.0, 1.0]), np.eye(2) * 25)]
    assert outlook(vague, 30.0, 30).mean == pytest.approx([0, 0], abs=0.06)


def test_a_lasting_change_is_followed() -> None:
    expected = outlook(seen(0, 0, 0, 0, 0.8, 0.8, 0.8), 240.0, 30)
    assert expected.mean[0] > 0.35


def test_doubt_grows_with_the_time_since_the_last_evidence() -> None:
    known = seen(0.0, 0.1, 0.0)
    assert spread(outlook(known, 600.0, 30)) > spread(outlook(known, 70.0, 30))


def test_draws_follow_the_mixture() -> None:
    expected = outlook(seen(0.2, 0.4), 90.0, 30)
    drawn = expected.draw(50_000, np.random.default_rng(1))
    assert drawn.mean(axis=0) == pytest.approx(expected.mean, abs=0.01)
