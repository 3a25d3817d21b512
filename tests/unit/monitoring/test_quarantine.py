"""Which findings put the labels in doubt."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from churn_mlops.data.bad_days import BadDay, mark, read_bad_days
from churn_mlops.monitoring.findings import Finding
from churn_mlops.monitoring.quarantine import activity_columns, is_activity, quarantine_day
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


DAY = date(2025, 5, 1)
UNIT = Finding("CHN405", "FAIL", "watch_minutes_sum", "times 60", True)
LOST = Finding("CHN403", "FAIL", "logins_count", "no login", True)


def report(*findings: Finding, early: object = None) -> Any:
    """What of a drift report decides about its day."""
    return SimpleNamespace(findings=list(findings), day=SimpleNamespace(day=DAY), early=early)


def test_a_fault_of_the_source_is_marked_and_drift_is_not(workspace: Path) -> None:
    moved = Finding("CHN411", "FAIL", "logins_7d", "moved")
    doubt = Finding("CHN404", "WARN", None, "fewer users", True)
    marked = quarantine_day(Params(), report(UNIT, LOST, moved, doubt))
    assert {(one.day, one.check, one.labels) for one in marked} == {
        (DAY, "CHN405", False),
        (DAY, "CHN403", True),
    }
    assert read_bad_days(Params()) == sorted(marked, key=lambda one: one.check)
    assert quarantine_day(Params(), report(UNIT, LOST)) == [], "nothing new"


def test_what_a_later_check_does_not_find_any_more_is_taken_back(workspace: Path) -> None:
    gate = BadDay(DAY, "CHN123", "bad rows", labels=True)
    follows = BadDay(DAY, "CHN406", "mixed up", labels=True)
    mark(Params(), gate, follows)
    quarantine_day(Params(), report(UNIT, LOST))
    quarantine_day(Params(), report(LOST))
    left = {one.check for one in read_bad_days(Params())}
    assert left == {"CHN123", "CHN403", "CHN406"}, (
        "CHN406 was not looked at, the gate's is not ours"
    )
    quarantine_day(Params(), report(early=object()))
    assert {one.check for one in read_bad_days(Params())} == {"CHN123"}
