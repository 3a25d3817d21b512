"""The values that a decision to train anew is made from."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from churn_mlops.monitoring.evidence import Checked, Evidence, Trial

DAY = date(2025, 5, 20)


@pytest.mark.parametrize(("status", "failed"), [("OK", False), ("WARN", False), ("FAIL", True)])
def test_only_fail_is_failed(status: str, failed: bool) -> None:
    assert Checked(DAY, "new", status).failed is failed


def test_a_trial_counts_the_days_after_the_promotion() -> None:
    assert Trial("new", "old", DAY, 14).until == DAY + timedelta(days=14)
    assert Trial("new", "old", date(2024, 2, 28), 1).until == date(2024, 2, 29)


def test_drift_of_the_present_champion_is_its_own_in_the_order_of_days() -> None:
    versions = ["old", "new", "old", "new", "older"]
    drift = tuple(
        Checked(DAY + timedelta(days=n), version, "FAIL") for n, version in enumerate(versions)
    )
    evidence = Evidence(DAY, date(2025, 1, 1), "new", date(2025, 4, 20), drift)
    assert evidence.own_drift == (drift[1], drift[3])
    assert Evidence(DAY, date(2025, 1, 1), "new", date(2025, 4, 20)).own_drift == ()


def test_recent_drift_is_of_so_many_days_up_to_the_last_one() -> None:
    drift = tuple(Checked(DAY - timedelta(days=n), "new", "FAIL") for n in (12, 5, 4, 0, -1))
    evidence = Evidence(DAY, date(2025, 1, 1), "new", date(2025, 4, 20), drift)
    assert [one.day for one in evidence.recent_drift(5)] == [DAY - timedelta(days=4), DAY]
