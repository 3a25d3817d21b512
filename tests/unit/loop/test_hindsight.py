import numpy as np
import pytest

from churn_mlops.data.synthetic_truth import Truth
from churn_mlops.loop.hindsight import graded, pr_auc, summed_up
from churn_mlops.loop.stage import FIRST_DAY, Plan
from tests.unit.loop.lapse import day, trains, waits


def plan(name):
    return Plan(name, 700, 5, FIRST_DAY)


def test_a_day_is_graded_by_what_became_of_its_users():
    known = Truth(np.arange(4), np.array([True, False, False, True]), np.array([0.9, 0.1, 0.2, 1]))
    found = graded(day(0), np.array([0.9, 0.8, 0.1, 0.2]), known)
    assert found.churn_true == 0.5
    assert found.oracle_pr_auc == 1.0
    # Ranks 1 and 3 of the two who left: (1/1 + 2/3) / 2.
    assert found.pr_auc_realised == pytest.approx((1 + 2 / 3) / 2, abs=1e-6)


@pytest.mark.parametrize("labels", [[True, True], [False, False]])
def test_where_all_are_alike_there_is_no_ranking(labels):
    assert pr_auc(np.array([0.1, 0.2]), np.array(labels)) is None


def test_a_change_is_summed_up():
    days = [day(n, api={"requests": 5, "failed": 0, "version": "a"}) for n in range(60)]
    days += [day(60, drift="FAIL", pr_auc_realised=0.7), waits(61), waits(62)]
    days += [day(n, pr_auc_realised=0.7) for n in range(63, 95)]
    days += [trains(95, "promoted", "b" * 12), trains(103, "refused", "b" * 12)]
    days += [day(104, reverted=True)]
    body = summed_up(days, plan("price-change"), 30)
    assert body["change"] == "2025-06-30"
    assert body["learnable"] == "2025-07-30"
    assert body["first_alarm"] == "2025-06-30"
    assert body["alarms_before"] == 0
    assert body["waits"] == ["2025-07-01", "2025-07-02"]
    assert body["retrains"] == ["2025-08-04", "2025-08-12"]
    assert body["promotions"] == ["2025-08-04"]
    assert body["refusals"] == ["2025-08-12"]
    assert body["reverts"] == ["2025-08-13"]
    assert body["days_to_retrain"] == 5
    assert body["pr_auc"]["before"] == 0.92
    assert body["pr_auc"]["after"] == pytest.approx((28 * 0.7 + 2 * 0.92) / 30, abs=1e-4)
    assert (body["requests"], body["failed_requests"]) == (300, 0)


def test_what_happens_on_bad_days_is_told():
    days = [day(n) for n in range(60)]
    days += [day(60, validation="CHN105: too many rows", drift=None)]
    days += [trains(61, "promoted", "b" * 12)]
    body = summed_up(days, plan("seconds"), 30)
    assert len(body["bad_days"]) == 7
    assert body["first_alarm"] == body["refused_days"][0] == "2025-06-30"
    assert body["retrains_on_bad_days"] == body["promotions_on_bad_days"] == ["2025-07-01"]
    assert body["learnable"] is None
    assert body["days_to_retrain"] is None


def test_calm_has_no_change():
    body = summed_up([day(0)], plan("calm"), 30)
    assert body["change"] is None
    assert body["first_alarm"] is None
