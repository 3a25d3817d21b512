"""Is there a reason to train anew, and may it be done now? A pure function of the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from churn_mlops.monitoring.evidence import Evidence
from churn_mlops.monitoring.retrain_checks import Held, preconditions
from churn_mlops.monitoring.triggers import Trigger, triggers
from churn_mlops.params import Params

Action = Literal["nothing", "wait", "retrain"]


@dataclass(frozen=True)
class Decision:
    """What is to be done, and why.

    Parameters
    ----------
    day : date
        The last day of the data.
    action : {"nothing", "wait", "retrain"}
    triggers : tuple of Trigger
        The reasons to train, the most urgent first.
    checks : tuple of Held
        Every precondition.
    """

    day: date
    action: Action
    triggers: tuple[Trigger, ...]
    checks: tuple[Held, ...]

    @property
    def blocked(self) -> tuple[Held, ...]:
        """The preconditions that training waits for."""
        return tuple(one for one in self.checks if one.blocks)

    @property
    def reason(self) -> str:
        """The decision in one sentence."""
        if self.action == "nothing":
            return "no reason to train"
        why = "; ".join(f"{one.kind}: {one.text}" for one in self.triggers)
        if self.action == "retrain":
            return why
        return f"{'; '.join(f'{one.check} {one.text}' for one in self.blocked)} ({why})"

    def as_json(self) -> dict[str, Any]:
        """The decision as JSON holds it."""
        return {
            "as_of_date": self.day.isoformat(),
            "action": self.action,
            "reason": self.reason,
            "triggers": [one.as_json() for one in self.triggers],
            "checks": [one.as_json() for one in self.checks],
        }

    def lines(self) -> list[str]:
        """The decision for a terminal."""
        head = {
            "nothing": "NOTHING TO DO: no reason to train",
            "wait": f"WAIT for {', '.join(one.check for one in self.blocked)}",
            "retrain": "TRAIN",
        }[self.action]
        lines = [f"{head} ({self.day})"]
        lines += [f"  because of {one.kind}: {one.text}" for one in self.triggers]
        for one in self.checks:
            mark = "ok" if one.passed else "WAITS" if one.binding else "warns"
            lines.append(f"  {one.check} {mark:5}  {one.text}")
        return lines


def decide(
    evidence: Evidence, params: Params, *, reason: str | None = None, schedule: bool = False
) -> Decision:
    """Decide whether to train anew.

    Parameters
    ----------
    evidence : Evidence
    params : Params
    reason : str, optional
        Of somebody who asks for it. It overrules all preconditions but those that keep bad days
        from being learned (CHN501, CHN502).
    schedule : bool
        Whether this is the run that keeps the schedule.
    """
    found = triggers(evidence, params.monitoring.retrain, reason=reason, schedule=schedule)
    checks = preconditions(evidence, found, params)
    action: Action = "nothing"
    if found:
        action = "wait" if any(one.blocks for one in checks) else "retrain"
    return Decision(evidence.day, action, found, checks)
