"""Why a model may have to be trained anew: drift, performance, a date, somebody says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from churn_mlops.monitoring.evidence import Checked, Evidence
from churn_mlops.params import Retrain

Kind = Literal["by hand", "drift", "performance", "follow-up", "schedule"]
CHANGES: tuple[Kind, ...] = ("drift", "performance")
"""The reasons that tell of a change of the world."""


@dataclass(frozen=True)
class Trigger:
    """A reason to train.

    Parameters
    ----------
    kind : {"by hand", "drift", "performance", "follow-up", "schedule"}
    text : str
        In words and numbers.
    since : date or None
        Of drift: the day on which it began.
    """

    kind: Kind
    text: str
    since: date | None = None

    def as_json(self) -> dict[str, Any]:
        """The trigger as JSON holds it."""
        since = None if self.since is None else self.since.isoformat()
        return {"kind": self.kind, "text": self.text, "since": since}


def triggers(
    evidence: Evidence, settings: Retrain, *, reason: str | None, schedule: bool
) -> tuple[Trigger, ...]:
    """Every reason that there is, the most urgent first.

    Parameters
    ----------
    evidence : Evidence
    settings : Retrain
    reason : str or None
        Of somebody who asks for it.
    schedule : bool
        Whether this is the run that keeps the schedule.
    """
    found = [
        Trigger("by hand", reason) if reason is not None else None,
        of_drift(evidence, settings),
        of_performance(evidence),
        of_follow_up(evidence, settings),
        of_schedule(evidence, settings) if schedule else None,
    ]
    return tuple(one for one in found if one is not None)


def of_drift(evidence: Evidence, settings: Retrain) -> Trigger | None:
    """FAIL of the champion on ``drift_fails`` of the last ``drift_checks`` days."""
    latest = evidence.recent_drift(settings.drift_checks)
    fails = [one for one in latest if one.failed]
    if len(fails) < settings.drift_fails:
        return None
    since = began(evidence.own_drift, settings.drift_checks)
    # A check that was made anew, of the worst day, tells more than one that has just passed.
    text = (
        f"the drift check failed on {len(fails)} of the last {len(latest)} days, first on {since};"
        f" {fails[-1].day}: {fails[-1].headline.removeprefix('FAIL: ')}"
    )
    return Trigger("drift", text, since)


def began(checks: Sequence[Checked], quiet: int) -> date:
    """The first failed day of the latest run; `quiet` checks in a row without FAIL end a run.

    Parameters
    ----------
    checks : sequence of Checked
        At least one of which failed.
    quiet : int
    """
    first, calm = None, 0
    for one in reversed(checks):
        if one.failed:
            first, calm = one.day, 0
        else:
            calm += 1
            if first is not None and calm == quiet:
                break
    if first is None:
        raise ValueError("no check has failed")
    return first


def of_performance(evidence: Evidence) -> Trigger | None:
    """The list is worse than promised, or will be, beyond chance."""
    if not evidence.fallen:
        return None
    return Trigger("performance", "; ".join(one.text for one in evidence.fallen))


def of_follow_up(evidence: Evidence, settings: Retrain) -> Trigger | None:
    """The last training was for a change that labels had only begun to tell of."""
    if settings.follow_up_days is None or evidence.for_change is None:
        return None
    age = (evidence.day - evidence.for_change).days
    if age < settings.follow_up_days:
        return None
    text = f"{age} days of labels have come since {evidence.for_change}, when a change was learned"
    return Trigger("follow-up", f"{text} (follow_up_days {settings.follow_up_days})")


def of_schedule(evidence: Evidence, settings: Retrain) -> Trigger | None:
    """The last training is ``every_days`` old; one that nobody knows of is older."""
    if settings.every_days is None:
        return None
    if evidence.trained is None:
        return Trigger("schedule", "the ledger does not tell when a model was trained last")
    age = (evidence.day - evidence.trained).days
    if age < settings.every_days:
        return None
    text = f"the last training, on {evidence.trained}, is {age} days old (every_days"
    return Trigger("schedule", f"{text} {settings.every_days})")
