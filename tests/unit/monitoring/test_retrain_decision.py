"""The decision follows from the evidence alone, and says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from churn_mlops.data.checks import RETRAIN_CHECKS
from churn_mlops.monitoring.evidence import Lost
from churn_mlops.monitoring.retrain_decision import decide
from tests.unit.monitoring.test_retrain_checks import PARAMS, READY, ago
from tests.unit.monitoring.test_triggers import DAY, checks


def test_the_run_that_takes_a_champion_back_does_not_train_it_again() -> None:
    """Drift began before the lost model came; the old champion's checks of then are no reason."""
    old = tuple(replace(one, day=one.day - timedelta(days=14)) for one in checks("FFFFF"))
    back = replace(READY, drift=old, taken_back=DAY, lost=Lost("newer", ago(13)))
    assert decide(back, PARAMS).action == "nothing"
    weekly = decide(back, PARAMS, schedule=True)
    assert [one.check for one in weekly.blocked] == ["CHN504", "CHN508"]
    assert decide(back, PARAMS, reason="because").action == "retrain"


def test_the_decision_is_pure_and_says_why() -> None:
    assert decide(READY, PARAMS).action == "nothing"
    waits = decide(replace(READY, drift=checks("FFF")), PARAMS)
    assert waits.action == "wait"
    assert [one.check for one in waits.blocked] == ["CHN506"]
    assert waits.reason.startswith("CHN506 no mature day lies after the change since 2025-05-18")
    assert decide(READY, PARAMS, reason="because").action == "retrain"
    assert decide(READY, PARAMS, schedule=True).action == "retrain"
    lines = waits.lines()
    assert lines[0] == "WAIT for CHN506 (2025-05-20)"
    assert sum("CHN50" in line for line in lines[1:]) == len(RETRAIN_CHECKS)
