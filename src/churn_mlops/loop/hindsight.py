"""What is known of a time lapse afterwards: who left, how good the lists were, what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from churn_mlops.data.synthetic_truth import Truth, truth
from churn_mlops.inference.kept import kept
from churn_mlops.loop.diary import Day
from churn_mlops.loop.stage import Plan
from churn_mlops.monitoring.estimate import rounded
from churn_mlops.monitoring.ranking import Groups
from churn_mlops.params import Params

LAST_DAYS = 30


def filled_in(days: Sequence[Day], params: Params, plan: Plan) -> list[Day]:
    """The days with what really became of the users on their lists.

    It comes from the portal itself and not from its log: the log has faults, and it ends.

    Parameters
    ----------
    days : sequence of Day
    params : Params
        Of the workspace, which is the working directory.
    plan : Plan
    """
    numbers = {day.day: (date.fromisoformat(day.day) - plan.first).days for day in days}
    synthetic = params.data.synthetic
    known = truth(synthetic, plan.first, list(numbers.values()), params.churn.window_days)
    lists: dict[str, list[Any]] = {}
    for one in kept(params):
        lists.setdefault(one.day.isoformat(), []).append(one)
    found = []
    for day in days:
        if day.users and day.day in lists:
            first = min(lists[day.day], key=lambda one: one.path.stat().st_mtime_ns).read()
            users = np.asarray(first.users.to_numpy(zero_copy_only=False))
            day = graded(day, first.risks, known[numbers[day.day]].of(users))
        found.append(day)
    return found


def graded(day: Day, risks: np.ndarray, known: Truth) -> Day:
    """A day with how many left, and how well the list and the portal itself have ranked them."""
    return replace(
        day,
        churn_true=round(float(known.silent.mean()), 6),
        pr_auc_realised=pr_auc(risks, known.silent),
        oracle_pr_auc=pr_auc(known.probability, known.silent),
    )


def pr_auc(risks: np.ndarray, labels: np.ndarray) -> float | None:
    """Average precision; None when all stayed or all left.

    Parameters
    ----------
    risks : array of float, shape (n,)
    labels : array of bool, shape (n,)
    """
    if labels.all() or not labels.any():
        return None
    groups = Groups(risks)
    value: float | None = rounded(groups.metrics(groups.count(labels.astype(np.int8)))["pr_auc"][0])
    return value


def summed_up(days: Sequence[Day], plan: Plan, window_days: int) -> dict[str, Any]:
    """The content of summary.json.

    Parameters
    ----------
    days : sequence of Day
    plan : Plan
    window_days : int
        Of churn.
    """
    what, change = plan.what, plan.change.isoformat()
    bad = {day.isoformat() for day in what.bad_days(plan.change)}
    alarms = [d.day for d in days if d.drift == "FAIL" or d.validation != "ok"]
    retrains = [d.day for d in days if d.decision == "retrain"]
    promotions = [d.day for d in days if d.promoted]
    known = what.learnable(plan.change, window_days)
    after = [d for d in retrains if known is not None and d >= known.isoformat()]
    return {
        "plan": plan.as_json(),
        "words": what.words,
        "expected": what.expected,
        "days": len(days),
        "first_day": days[0].day if days else None,
        "last_day": days[-1].day if days else None,
        "change": change if what.name != "calm" else None,
        "learnable": known.isoformat() if known else None,
        "bad_days": sorted(bad),
        "retrains": retrains,
        "promotions": promotions,
        "refusals": [d.day for d in days if d.gate == "refused"],
        "reverts": [d.day for d in days if d.reverted],
        "waits": [d.day for d in days if d.decision == "wait"],
        "alarms": alarms,
        "alarms_before": sum(day < change for day in alarms),
        "first_alarm": next((day for day in alarms if day >= change), None),
        "days_to_retrain": _between(known, after[0]) if known and after else None,
        "retrains_on_bad_days": [day for day in retrains if day in bad],
        "promotions_on_bad_days": [day for day in promotions if day in bad],
        "refused_days": [d.day for d in days if d.validation != "ok"],
        "requests": sum(d.api["requests"] for d in days if d.api),
        "failed_requests": sum(d.api["failed"] for d in days if d.api),
        "pr_auc": {
            "before": _mean([d for d in days if d.day < change][-LAST_DAYS:]),
            "after": _mean([d for d in days if d.day >= change][:LAST_DAYS]),
            "last": _mean(days[-LAST_DAYS:]),
        },
        "seconds": round(sum(d.seconds for d in days), 1),
    }


def _between(first: date, later: str) -> int:
    return (date.fromisoformat(later) - first).days


def _mean(days: Sequence[Day]) -> float | None:
    values = [d.pr_auc_realised for d in days if d.pr_auc_realised is not None]
    return round(float(np.mean(values)), 4) if values else None
