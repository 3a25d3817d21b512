from __future__ import annotations

from churn_mlops.params import Churn
from churn_mlops.report.meaning import left, rules


def test_rules_follow_the_parameters() -> None:
    churn = Churn(
        window_days=1, active_within_days=None, active_events=None, within_subscription=True
    )
    said = dict(rules(churn))
    assert said["Active day"] == "one with an event of any type"
    assert said["Who is predicted"] == "everybody, whose subscription covers the whole horizon"
    assert "1\u00a0day " in left(churn)
    assert (
        "a login, course_enroll, video_watch or quiz_attempt" in dict(rules(Churn()))["Active day"]
    )
