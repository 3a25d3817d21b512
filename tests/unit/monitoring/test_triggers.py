"""When there is a reason to train, and since when drift has lasted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from churn_mlops.monitoring.evidence import Checked, Evidence, Fallen
from churn_mlops.monitoring.triggers import began, of_drift, triggers
from churn_mlops.params import Retrain

DAY = date(2025, 5, 20)
CALM = Evidence(DAY, date(2025, 1, 1), "new", date(2025, 4, 20))


def checks(pattern: str, version: str = "new") -> tuple[Checked, ...]:
    """Checks up to `DAY`, one per letter: F failed, W warned, anything else is OK."""
    status = {"F": "FAIL", "W": "WARN"}
    first = DAY - timedelta(days=len(pattern) - 1)
    return tuple(
        Checked(first + timedelta(days=n), version, status.get(letter, "OK"), (), ("x",), "FAIL: x")
        for n, letter in enumerate(pattern)
    )


def kinds(evidence: Evidence, reason: str | None = None, schedule: bool = False) -> list[str]:
    return [one.kind for one in triggers(evidence, Retrain(), reason=reason, schedule=schedule)]


def test_on_a_calm_day_there_is_none() -> None:
    assert kinds(replace(CALM, drift=checks("..F..."))) == []


@pytest.mark.parametrize(
    ("pattern", "fires"),
    [
        ("FF", False),
        ("FFF", True),
        ("F.F.F", True),
        ("FFF..", True),
        ("FFF...", False),
        ("WWWWW", False),
        ("FF.WW", False),
    ],
)
def test_drift_counts_the_last_five_checks(pattern: str, fires: bool) -> None:
    assert (kinds(replace(CALM, drift=checks(pattern))) == ["drift"]) is fires


def test_only_the_last_days_count_not_the_last_checks() -> None:
    """A champion that was put back has checks from before it was replaced."""
    old = tuple(replace(one, day=one.day - timedelta(days=12)) for one in checks("FFFFF"))
    assert kinds(replace(CALM, drift=old)) == []
    assert kinds(replace(CALM, drift=(*old, *checks("FF")))) == []
    assert kinds(replace(CALM, drift=(*old, *checks("FFF")))) == ["drift"]
    assert kinds(replace(CALM, day=DAY + timedelta(days=2), drift=checks("FFF"))) == ["drift"]
    assert kinds(replace(CALM, day=DAY + timedelta(days=3), drift=checks("FFF"))) == []


def test_checks_against_another_champion_do_not_count() -> None:
    assert kinds(replace(CALM, drift=checks("FFFFF", version="old"))) == []
    both = (*checks("FFF", version="old"), *checks("FF"))
    assert kinds(replace(CALM, drift=both)) == []


@pytest.mark.parametrize(("age", "due"), [(59, False), (60, True), (80, True)])
def test_what_was_learned_early_is_learned_again(age: int, due: bool) -> None:
    before = replace(CALM, for_change=DAY - timedelta(days=age))
    assert (kinds(before) == ["follow-up"]) is due
    never = Retrain(follow_up_days=None)
    assert triggers(before, never, reason=None, schedule=False) == ()


@pytest.mark.parametrize(
    ("pattern", "ago"),
    [("FFF", 2), ("FF.FF", 4), ("F....FFF", 7), ("F.....FFF", 2), ("FFF..", 4)],
)
def test_drift_began_on_the_first_failed_day_of_the_run(pattern: str, ago: int) -> None:
    assert began(checks(pattern), 5) == DAY - timedelta(days=ago)
    found = of_drift(replace(CALM, drift=checks(pattern)), Retrain())
    assert found is not None
    assert found.since == DAY - timedelta(days=ago)
    assert str(found.since) in found.text


def test_no_failed_check_has_no_beginning() -> None:
    with pytest.raises(ValueError, match="no check has failed"):
        began(checks("..."), 5)


def test_performance_below_its_floor_is_one() -> None:
    assert kinds(replace(CALM, fallen=(Fallen(DAY, "pr_auc fell"),))) == ["performance"]


@pytest.mark.parametrize(("age", "due"), [(6, False), (7, True), (30, True), (None, True)])
def test_the_schedule_holds_for_its_own_run_only(age: int | None, due: bool) -> None:
    trained = None if age is None else DAY - timedelta(days=age)
    evidence = replace(CALM, trained=trained)
    assert kinds(evidence) == []
    assert (kinds(evidence, schedule=True) == ["schedule"]) is due


def test_without_a_schedule_none_is_kept() -> None:
    assert triggers(CALM, Retrain(every_days=None), reason=None, schedule=True) == ()


def test_who_asks_by_hand_comes_first() -> None:
    evidence = replace(CALM, drift=checks("FFF"), fallen=(Fallen(DAY, "pr_auc fell"),))
    assert kinds(evidence, reason="new tariff", schedule=True) == [
        "by hand",
        "drift",
        "performance",
        "schedule",
    ]
