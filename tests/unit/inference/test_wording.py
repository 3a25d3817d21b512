from __future__ import annotations

import pytest

from churn_mlops.inference.wording import Wording
from churn_mlops.registry.meta import FeatureFacts


def facts(name, unit, about, typical, mean=None, direction=1, kind="numeric"):
    return FeatureFacts(
        name=name,
        kind=kind,
        type="float64",
        unit=unit,
        about=about,
        minimum=None,
        maximum=None,
        typical=typical,
        mean=mean,
        direction=direction,
    )


AWAY = facts("days_since_last_activity", "days", "days since the last active day; or sign-up", 2.0)
LOGINS = facts("logins_7d", "events", "events of type login in the last 7 days", 5.0, 6.0, -1)
MINUTES = facts(
    "watch_minutes_7d", "minutes", "sum of watch_minutes in the last 7 days", 0.0, 45.5, -1
)
TODAY = facts("logins_count", "events", "on the day: events of type login", 0.0, 0.4, -1)
PLAN = facts("plan", "", "known at sign-up", "free", kind="categorical", direction=0)
PAID = facts("is_paid", "", "known at sign-up", 1.0, 0.6, -1)
FAILED = facts(
    "payment_fail_rate_30d", "share", "failed over all payments; 0 without any", 0.0, 0.1
)
TREND = facts(
    "events_trend_7d_30d", "per day", "daily rate of 7 days less that of 30", 0.1, 0.1, -1
)
QUIZ = facts("quiz_avg_score_7d", "points", "mean of quiz_score in the last 7 days", 70.0, 68.0, -1)
ALL = [AWAY, LOGINS, MINUTES, TODAY, PLAN, PAID, FAILED, TREND, QUIZ]


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        (AWAY, 12, "12 days since the last active day (typical: 2)"),
        (AWAY, 1, "1 day since the last active day"),
        (LOGINS, 0, "0 events of type login in the last 7 days (typical: 5)"),
        (LOGINS, 5, "5 events of type login in the last 7 days (average: 6)"),
        (LOGINS, 1.0, "1 event of type login in the last 7 days (typical: 5)"),
        (MINUTES, 0, "sum of watch_minutes in the last 7 days: 0 minutes (average: 45.5)"),
        (TODAY, 0, "0 events of type login on the day (average: 0.4)"),
        (PLAN, "pro", "plan: pro (typical: free)"),
        (PLAN, "free", "plan: free"),
        (PLAN, None, "plan: none (typical: free)"),
        (PAID, 0, "is_paid: 0 (typical: 1)"),
        (FAILED, 0.5, "failed over all payments: 50% (typical: 0%)"),
        (TREND, -0.25, "events_trend_7d_30d: -0.25 (typical: 0.1)"),
        (QUIZ, float("nan"), "mean of quiz_score in the last 7 days: none (typical: 70)"),
        (QUIZ, 1, "mean of quiz_score in the last 7 days: 1 point (typical: 70)"),
        (QUIZ, 1234.5, "mean of quiz_score in the last 7 days: 1234 points"),
    ],
)
def test_values_in_words(feature, value, words):
    assert Wording(ALL).say(ALL.index(feature), value) == words


def test_what_was_said_once_is_the_same_again():
    wording = Wording(ALL)
    assert wording.say(0, 12) is wording.say(0, 12)
