"""Which findings put the labels in doubt."""

from __future__ import annotations

import pytest

from churn_mlops.monitoring.findings import Finding
from churn_mlops.monitoring.quarantine import activity_columns, is_activity
from churn_mlops.params import Params


@pytest.mark.parametrize(
    ("check", "column", "labels"),
    [
        ("CHN401", "logins_7d", True),
        ("CHN401", "country", False),
        ("CHN402", "is_active_day", True),
        ("CHN402", "quiz_avg_score", False),
        ("CHN403", "logins_count", True),
        ("CHN403", "payment_success_count", False),
        ("CHN404", "enroll_count", True),
        ("CHN404", "support_ticket_count", False),
        ("CHN404", None, True),
        ("CHN405", "watch_minutes_sum", False),
        ("CHN405", "logins_count", False),
        ("CHN406", None, True),
    ],
)
def test_activity_is_in_doubt_when_its_events_are(
    check: str, column: str | None, labels: bool
) -> None:
    assert is_activity(Finding(check, "FAIL", column, "x", True), Params()) is labels


def test_without_a_choice_of_events_all_of_them_are_activity() -> None:
    tree = Params().model_dump()
    tree["churn"]["active_events"] = None
    every = activity_columns(Params.model_validate(tree))
    assert {"payment_success_count", "support_ticket_7d"} <= every
    assert "payment_success_count" not in activity_columns(Params())
