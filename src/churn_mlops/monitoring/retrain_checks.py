"""What must hold before a model is trained anew: CHN501 to CHN508."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from churn_mlops.data.bad_days import BadDay, membership_days, spoiled
from churn_mlops.monitoring.evidence import Evidence
from churn_mlops.monitoring.reference import RISK
from churn_mlops.monitoring.triggers import Trigger
from churn_mlops.params import Params

# Who asks by hand may train early or often, but not on days that are not to be learned from.
ALWAYS = ("CHN501", "CHN502")
BUDGET_DAYS = 30
# How far ahead is looked for the day from which a change can be learned.
LOOK_AHEAD = 1000
_WINDOW = re.compile(r"_(\d+)d$")
# Columns of no fixed window that depend on how long ago something was.
_OPEN = ("days_since_last_activity", "active_streak_days", RISK)


@dataclass(frozen=True)
class Held:
    """A precondition and whether it holds.

    Parameters
    ----------
    check : str
        Its number.
    passed : bool
    binding : bool
        Whether training waits for it; a warning only when somebody asks by hand.
    text : str
        In words and numbers.
    """

    check: str
    passed: bool
    binding: bool
    text: str

    @property
    def blocks(self) -> bool:
        """Whether training has to wait."""
        return self.binding and not self.passed

    def as_json(self) -> dict[str, Any]:
        """The precondition as JSON holds it."""
        found = {"check": self.check, "passed": self.passed, "binding": self.binding}
        return found | {"text": self.text}


Outcome = tuple[bool, str]


def preconditions(
    evidence: Evidence, reasons: Sequence[Trigger], params: Params
) -> tuple[Held, ...]:
    """Judge every precondition, in the order of their numbers.

    Parameters
    ----------
    evidence : Evidence
    reasons : sequence of Trigger
        Why a model would be trained.
    params : Params
    """
    by_hand = any(one.kind == "by hand" for one in reasons)
    found = []
    for number, judge in _JUDGES.items():
        passed, text = judge(evidence, reasons, params)
        found.append(Held(number, passed, number in ALWAYS or not by_hand, text))
    return tuple(found)


def _validated(evidence: Evidence, _: Sequence[Trigger], __: Params) -> Outcome:
    if evidence.rejected is not None:
        return False, evidence.rejected
    return True, f"{evidence.day} passed validation"


def _no_fault(evidence: Evidence, reasons: Sequence[Trigger], params: Params) -> Outcome:
    """No fault of a delivery now, and none that what moved or fell still looks back on."""
    latest = evidence.drift[-1] if evidence.drift else None
    if latest is not None and latest.upstream:
        words = "; ".join(latest.upstream[:3])
        return False, f"{latest.day}: {words}: a fault of whoever delivers the data"
    today = [one for one in evidence.bad if one.day == evidence.day]
    if today:
        return False, f"{today[0].day} is not to be learned from: {today[0].why}"
    real = [one for one in reasons if one.kind not in ("follow-up", "schedule")]
    echoes = [text for one in real if (text := _echo(one, evidence, params)) is not None]
    if echoes and len(echoes) == len(real):
        return False, "; ".join(echoes)
    return True, "no fault of a delivery, and nothing that looks back on one"


def _echo(trigger: Trigger, evidence: Evidence, params: Params) -> str | None:
    """How a bad day explains a trigger; None when it does not."""
    if trigger.kind == "drift":
        return _drift_echo(evidence, params)
    if trigger.kind == "performance":
        days = spoiled(evidence.bad, params)
        if all(one.day in days for one in evidence.fallen):
            fallen = ", ".join(sorted({one.day.isoformat() for one in evidence.fallen}))
            return f"the list of {fallen} looks back or ahead on a day that is not learned from"
    return None


def _drift_echo(evidence: Evidence, params: Params) -> str | None:
    recent = evidence.recent_drift(params.monitoring.retrain.drift_checks)
    failed = [one for one in recent if one.failed and not one.upstream]
    if not failed and any(one.failed for one in recent):
        return "every failed check was of a day with a fault of whoever delivers the data"
    if not failed:
        return None
    latest = failed[-1]
    moved = latest.moved
    back = {name: reach(name, params) for name in moved}
    causes = [_cause(evidence.bad, latest.day, days, params) for days in back.values()]
    known = [day for day in causes if day is not None]
    if not known or len(known) < len(causes):
        return None
    shown = ", ".join(moved[:3]) + (", …" if len(moved) > 3 else "")
    return f"what moved ({shown}) looks back on {max(known)}, which is not learned from: an echo"


def reach(column: str, params: Params) -> int:
    """How many days a column looks at, its own included; 0 for what is known at sign-up."""
    longest = max(params.features.windows_days)
    window = _WINDOW.search(column)
    if window:
        return int(window[1])
    if column in _OPEN:
        return longest
    return 0 if column in params.features.static else 1


def _cause(bad: Iterable[BadDay], day: date, reach: int, params: Params) -> date | None:
    """The last bad day that a column of a day looks back on."""
    # Who was seen active decides who is there at all, and so moves every column.
    members = membership_days(params)
    known = [
        one.day
        for one in bad
        if 0 <= (day - one.day).days < (max(reach, members) if one.labels else reach)
    ]
    return max(known, default=None)


def _new_labels(evidence: Evidence, _: Sequence[Trigger], params: Params) -> Outcome:
    least = params.monitoring.retrain.min_label_days
    good, left = _mature(evidence.tested_until, evidence, params)
    text = f"{good} mature days after {evidence.tested_until}, the champion's last test day"
    return good >= least, f"{text}{left} (min_label_days {least})"


def _mature(after: date, evidence: Evidence, params: Params) -> tuple[int, str]:
    """How many unspoiled days after a day have their labels, and a word about the others."""
    last = evidence.day - timedelta(days=params.churn.window_days)
    good, spoilt = _sound(after, last, spoiled(evidence.bad, params))
    return good, f", {spoilt} spoiled ones left out" if spoilt else ""


def _sound(after: date, last: date, bad: Collection[date]) -> tuple[int, int]:
    """How many days after a day, up to the last, are sound, and how many are not."""
    days = [after + timedelta(days=n) for n in range(1, (last - after).days + 1)]
    spoilt = sum(day in bad for day in days)
    return len(days) - spoilt, spoilt


def _rested(evidence: Evidence, _: Sequence[Trigger], params: Params) -> Outcome:
    least = params.monitoring.retrain.cooldown_days
    known = [
        (day, words)
        for day, words in (
            (evidence.trained, "the last training"),
            (evidence.taken_back, "a champion was taken back"),
        )
        if day is not None
    ]
    if not known:
        return True, "the ledger tells of no training"
    last, words = max(known, key=lambda one: one[0])
    age = (evidence.day - last).days
    return age >= least, f"{age} days since {words} (cooldown_days {least})"


def _in_budget(evidence: Evidence, _: Sequence[Trigger], params: Params) -> Outcome:
    most = params.monitoring.retrain.max_per_month
    recent = sum(0 <= (evidence.day - day).days < BUDGET_DAYS for day in evidence.retrained)
    return recent < most, f"{recent} trainings in {BUDGET_DAYS} days (max_per_month {most})"


def _to_learn(evidence: Evidence, reasons: Sequence[Trigger], params: Params) -> Outcome:
    """Drift alone: while no test day lies after the change, the gate would judge by the old world.

    A challenger that is no better yet is refused, and tried again after the cooldown.
    """
    drift = next((one for one in reasons if one.kind == "drift"), None)
    if drift is None or drift.since is None:
        return True, "no drift that would have to be in the labels"
    if any(one.kind != "drift" for one in reasons):
        return True, "drift is not the only reason"
    day = learnable(drift.since, evidence, params)
    if day == evidence.day:
        return True, f"the labels tell of the change since {drift.since}"
    words = f"no mature day lies after the change since {drift.since}"
    if day is None:
        return False, f"{words}, and always will: training.test_end is fixed"
    return False, f"{words}; it can be learned from {day} on"


def learnable(since: date, evidence: Evidence, params: Params) -> date | None:
    """The first day, not before the present one, on which a label tells of a change.

    An unspoiled day since the change must be mature.

    Parameters
    ----------
    since : date
        The first day of the change.
    evidence : Evidence
    params : Params

    Returns
    -------
    date or None
        None when the test days are fixed by hand, before the change.
    """
    bad, end = spoiled(evidence.bad, params), params.training.test_end
    for ahead in range(LOOK_AHEAD):
        day = evidence.day + timedelta(days=ahead)
        last = day - timedelta(days=params.churn.window_days)
        last = last if end is None else min(last, end)
        if _sound(since - timedelta(days=1), last, bad)[0]:
            return day
    return None


def _no_trial(evidence: Evidence, _: Sequence[Trigger], __: Params) -> Outcome:
    trial = evidence.trial
    if trial is None or evidence.day >= trial.until:
        return True, "no probation is under way"
    return False, (f"{trial.champion} is on probation against {trial.before} until {trial.until}")


def _after_lost(evidence: Evidence, _: Sequence[Trigger], params: Params) -> Outcome:
    """Training on what the model that lost has learned from would bring the same model again."""
    least, lost = params.monitoring.retrain.min_label_days, evidence.lost
    if lost is None:
        return True, "no probation was lost since the last promotion"
    good, left = _mature(lost.since, evidence, params)
    text = f"{good} mature days after {lost.since}, when {lost.champion}, since taken back, came"
    return good >= least, f"{text}{left} (min_label_days {least})"


_JUDGES: dict[str, Callable[[Evidence, Sequence[Trigger], Params], Outcome]] = {
    "CHN501": _validated,
    "CHN502": _no_fault,
    "CHN503": _new_labels,
    "CHN504": _rested,
    "CHN505": _in_budget,
    "CHN506": _to_learn,
    "CHN507": _no_trial,
    "CHN508": _after_lost,
}
