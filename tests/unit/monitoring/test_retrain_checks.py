"""Every precondition, passing and failing, and what by hand means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from churn_mlops.data.bad_days import BadDay
from churn_mlops.data.checks import RETRAIN_CHECKS
from churn_mlops.monitoring.evidence import Checked, Evidence, Fallen, Lost, Trial
from churn_mlops.monitoring.retrain_checks import Held, learnable, preconditions, reach
from churn_mlops.monitoring.triggers import Trigger
from churn_mlops.params import Params
from tests.unit.monitoring.test_triggers import CALM, DAY, checks

PARAMS = Params.model_validate({"churn": {"window_days": 7, "active_within_days": 14}})
DRIFT = Trigger("drift", "it drifted", DAY - timedelta(days=4))
HAND = Trigger("by hand", "because")
READY = replace(CALM, trained=DAY - timedelta(days=30), drift=checks("....."))


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def held(
    number: str, evidence: Evidence, reasons: Sequence[Trigger] = (DRIFT,), params: Params = PARAMS
) -> Held:
    (found,) = [one for one in preconditions(evidence, reasons, params) if one.check == number]
    return found


def test_the_numbers_are_the_registered_ones() -> None:
    found = [one.check for one in preconditions(READY, (), PARAMS)]
    assert found == [check.number for check in RETRAIN_CHECKS]


def test_chn501_the_latest_day_did_not_pass() -> None:
    assert held("CHN501", READY).passed
    found = held("CHN501", replace(READY, rejected="2025-05-20 did not pass"))
    assert found.blocks
    assert found.text == "2025-05-20 did not pass"


def fault(*days: int, upstream: bool = True, moved: Sequence[str] = ("logins_7d",)) -> Evidence:
    """Failed checks so many days ago."""
    found = [
        Checked(
            ago(n), "new", "FAIL" if n in days else "OK",
            ("CHN405 minutes in seconds",) if upstream and n in days else (),
            tuple(moved) if n in days else (), "FAIL: x",
        )
        for n in (4, 3, 2, 1, 0)
    ]  # fmt: skip
    return replace(READY, drift=tuple(found))


def test_chn502_the_latest_check_found_a_fault_upstream() -> None:
    assert held("CHN502", READY).passed
    found = held("CHN502", fault(2, 1, 0))
    assert found.blocks
    assert "CHN405 minutes in seconds" in found.text


def test_chn502_a_fault_of_another_champions_check_counts_as_well() -> None:
    other = replace(checks("F", version="old")[0], upstream=("CHN403 no login",))
    assert not held("CHN502", replace(READY, drift=(other,))).passed


def test_chn502_the_latest_day_is_marked() -> None:
    bad = BadDay(DAY, "CHN404", "half the events", labels=True)
    found = held("CHN502", replace(READY, bad=(bad,)))
    assert found.text == "2025-05-20 is not to be learned from: half the events"


def test_chn502_when_only_days_with_a_fault_failed_there_is_nothing_behind_it() -> None:
    assert not held("CHN502", fault(4, 3, 2)).passed


@pytest.mark.parametrize(
    ("moved", "echo"),
    [
        (["logins_7d"], True),
        (["logins_30d", "watch_minutes_14d"], True),
        (["logins_trend_7d_30d", "days_since_last_activity", "churn_risk"], True),
        (["logins_count"], False),
        (["logins_7d", "country"], False),
        ([], False),
    ],
)
def test_chn502_what_looks_back_on_a_bad_day_is_an_echo(moved: list[str], echo: bool) -> None:
    bad = BadDay(ago(6), "CHN405", "minutes in seconds", labels=False)
    evidence = replace(fault(2, 1, 0, upstream=False, moved=moved), bad=(bad,))
    assert held("CHN502", evidence).passed is not echo


def test_chn502_an_echo_dies_away_with_its_window() -> None:
    def seen(days: int) -> bool:
        bad = BadDay(ago(days), "CHN405", "minutes in seconds", labels=False)
        return held("CHN502", replace(fault(2, 1, 0, upstream=False), bad=(bad,))).passed

    assert [seen(days) for days in (5, 6, 7, 8)] == [False, False, True, True]


def test_chn502_who_was_not_seen_active_moves_every_column() -> None:
    bad = BadDay(ago(6), "CHN403", "no login", labels=True)
    evidence = fault(2, 1, 0, upstream=False, moved=["country"])
    assert not held("CHN502", replace(evidence, bad=(bad,))).passed
    late = replace(bad, day=ago(20))
    assert held("CHN502", replace(evidence, bad=(late,))).passed


def test_chn502_a_list_that_fell_because_of_a_bad_day_is_none_of_the_models() -> None:
    fell = Trigger("performance", "fell")
    evidence = replace(READY, fallen=(Fallen(ago(10), "pr_auc fell"),))
    assert held("CHN502", evidence, [fell]).passed
    # The day's labels look at it, the day itself does not.
    lost = BadDay(ago(5), "CHN406", "ids mixed up", labels=True)
    assert not held("CHN502", replace(evidence, bad=(lost,)), [fell]).passed
    unit = replace(lost, check="CHN405", labels=False)
    assert held("CHN502", replace(evidence, bad=(unit,)), [fell]).passed


def test_chn502_one_reason_that_is_real_is_enough() -> None:
    bad = BadDay(ago(6), "CHN405", "minutes in seconds", labels=False)
    evidence = replace(fault(2, 1, 0, upstream=False), bad=(bad,), fallen=(Fallen(ago(20), "x"),))
    assert not held("CHN502", evidence, [DRIFT]).passed
    assert held("CHN502", evidence, [DRIFT, Trigger("performance", "x")]).passed
    assert not held("CHN502", evidence, [DRIFT, Trigger("schedule", "x")]).passed
    assert not held("CHN502", evidence, [DRIFT, Trigger("follow-up", "x")]).passed


def test_chn503_counts_mature_days_that_are_new_and_not_spoiled() -> None:
    until = READY.tested_until
    at = {n: until + timedelta(days=7 + n) for n in (6, 7)}
    assert held("CHN503", replace(READY, day=at[7])).passed
    found = held("CHN503", replace(READY, day=at[6]))
    assert found.blocks
    assert found.text.startswith("6 mature days after 2025-04-20")
    bad = BadDay(until + timedelta(days=7), "CHN405", "x", labels=False)
    found = held("CHN503", replace(READY, day=at[7], bad=(bad,)))
    assert not found.passed
    assert "1 spoiled ones left out" in found.text


def test_chn503_before_any_new_day_there_is_none() -> None:
    assert held("CHN503", replace(READY, day=READY.tested_until)).text.startswith("0 mature days")


@pytest.mark.parametrize(("age", "passed"), [(0, False), (6, False), (7, True), (None, True)])
def test_chn504_rests_after_a_training(age: int | None, passed: bool) -> None:
    trained = None if age is None else ago(age)
    assert held("CHN504", replace(READY, trained=trained)).passed is passed


def test_chn504_rests_after_a_champion_was_taken_back() -> None:
    for age, passed in ((0, False), (6, False), (7, True)):
        found = held("CHN504", replace(READY, taken_back=ago(age)))
        assert found.passed is passed
        assert f"{age} days since a champion was taken back" in found.text
    assert not held("CHN504", replace(READY, trained=ago(3), taken_back=ago(20))).passed
    assert not held("CHN504", replace(READY, trained=None, taken_back=ago(3))).passed


def test_chn505_counts_the_trainings_of_thirty_days() -> None:
    four = tuple(ago(n) for n in (29, 21, 14, 7))
    assert not held("CHN505", replace(READY, retrained=four)).passed
    assert held("CHN505", replace(READY, retrained=(ago(30), *four[1:]))).passed


def test_chn506_waits_until_the_labels_tell_of_the_change() -> None:
    found = held("CHN506", READY)
    assert found.blocks
    day = learnable(DRIFT.since or DAY, READY, PARAMS)
    assert day is not None
    assert found.text.endswith(f"it can be learned from {day} on")
    assert held("CHN506", replace(READY, day=day)).passed
    assert not held("CHN506", replace(READY, day=day - timedelta(days=1))).passed
    # The first day is mature then, the horizon is 7 days.
    assert day == (DRIFT.since or DAY) + timedelta(days=7)


def test_chn506_bad_days_put_it_off() -> None:
    day = learnable(ago(10), READY, PARAMS)
    assert day is not None
    bad = (BadDay(ago(10), "CHN405", "x", labels=False),)
    later = learnable(ago(10), replace(READY, bad=bad), PARAMS)
    assert later is not None
    assert later > day


def test_chn506_is_about_drift_alone() -> None:
    assert held("CHN506", READY, []).passed
    assert held("CHN506", READY, [DRIFT, Trigger("performance", "x")]).passed
    assert held("CHN506", READY, [DRIFT, HAND]).passed


def test_chn506_fixed_test_days_never_come_after_the_change() -> None:
    tree = PARAMS.model_dump() | {"training": {"test_start": ago(30), "test_end": ago(20)}}
    found = held("CHN506", READY, params=Params.model_validate(tree))
    assert found.text.endswith("always will: training.test_end is fixed")


def test_chn507_waits_for_the_end_of_a_probation() -> None:
    assert held("CHN507", READY).passed
    for since, passed in ((13, False), (14, True)):
        trial = Trial("new", "old", ago(since), 14)
        assert held("CHN507", replace(READY, trial=trial)).passed is passed


@pytest.mark.parametrize(("since", "passed"), [(13, False), (14, True)])
def test_chn508_waits_for_labels_of_the_days_of_a_lost_probation(since: int, passed: bool) -> None:
    assert held("CHN508", READY).passed
    found = held("CHN508", replace(READY, lost=Lost("newer", ago(since))))
    assert found.passed is passed
    assert found.text.startswith(f"{since - 7} mature days after {ago(since)}, when newer")
    bad = (BadDay(ago(8), "CHN405", "x", labels=False),)
    spoilt = held("CHN508", replace(READY, lost=Lost("newer", ago(since)), bad=bad))
    assert not spoilt.passed
    assert "spoiled ones left out" in spoilt.text


def test_by_hand_only_bad_days_bind() -> None:
    spent = replace(
        READY,
        trained=DAY,
        retrained=(DAY,) * 9,
        tested_until=DAY,
        trial=Trial("new", "old", DAY, 14),
        rejected="no",
    )
    found = preconditions(spent, [HAND], PARAMS)
    assert [one.check for one in found if not one.passed] == [
        "CHN501", "CHN503", "CHN504", "CHN505", "CHN507",
    ]  # fmt: skip
    assert [one.check for one in found if one.blocks] == ["CHN501"]


def test_how_far_columns_look_back() -> None:
    wanted = {"country": 0, "logins_count": 1, "active_days_7d": 7, "logins_trend_7d_30d": 30}
    wanted |= {"days_since_last_activity": 30, "is_active_day": 1}
    assert {name: reach(name, PARAMS) for name in wanted} == wanted
