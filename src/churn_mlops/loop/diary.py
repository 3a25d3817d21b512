"""The diary of a time lapse: one line of JSON per day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from churn_mlops.files import write_text

NAME = "diary.jsonl"


@dataclass(frozen=True)
class Day:
    """What became of a day.

    Parameters
    ----------
    day : str
        ISO.
    users : int
        On the list; 0 when there was none.
    risk_mean : float or None
        Mean risk of the list's users: the share of them that is expected to leave.
    risk_expected_churn : float or None
        Sum of the risks: how many are expected to leave.
    churn_true : float or None
        The share of them that did leave.
    oracle_pr_auc, pr_auc_realised : float or None
        Of the portal's own forecast, and of the list; known afterwards.
    pr_auc_estimated, pr_auc_low, pr_auc_high : float or None
        Promised on the day.
    drift : str or None
        OK, WARN or FAIL; None when there was no check.
    headline : str
        Of the drift check, or why there was none.
    validation : str
        ok, or why the day did not pass.
    decision : {"nothing", "wait", "retrain"}
    trigger : str
        Why it was thought about; empty when there was no reason.
    reason : str
        Why it was decided so.
    checks : list of dict
        Preconditions: ``check``, ``passed``, ``text``.
    gate : str or None
        promoted or refused, when a model stood before it.
    champion : str
        Version at the end of the day.
    promoted, reverted : bool
    api : dict or None
        ``requests``, ``failed`` and ``version``.
    seconds : float
    """

    day: str
    users: int
    risk_mean: float | None
    risk_expected_churn: float | None
    churn_true: float | None
    oracle_pr_auc: float | None
    pr_auc_estimated: float | None
    pr_auc_low: float | None
    pr_auc_high: float | None
    pr_auc_realised: float | None
    drift: str | None
    headline: str
    validation: str
    decision: str
    trigger: str
    reason: str
    champion: str
    promoted: bool
    reverted: bool
    seconds: float
    gate: str | None = None
    checks: list[dict[str, Any]] = field(default_factory=list)
    api: dict[str, Any] | None = None

    def line(self) -> str:
        """As one line."""
        return json.dumps(asdict(self), allow_nan=False) + "\n"


def read(folder: Path) -> list[Day]:
    """Read the diary; a line that was broken off is as if it were not there."""
    path = folder / NAME
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Day(**json.loads(line)) for line in lines[:-1]]


def append(folder: Path, day: Day) -> None:
    """Add a day."""
    path = folder / NAME
    with path.open("a", encoding="utf-8") as file:
        file.write(day.line())


def write(folder: Path, days: Sequence[Day]) -> None:
    """Write the whole diary anew, with what is known by now."""
    write_text(folder / NAME, "".join(day.line() for day in days))
