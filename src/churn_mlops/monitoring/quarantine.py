"""Days with a fault of whoever delivers the data are marked as not to be learned from."""

from __future__ import annotations

from collections.abc import Sequence

from churn_mlops.data.bad_days import BadDay, mark, unmark
from churn_mlops.features.catalogue import counted, rolled_name, trend_name
from churn_mlops.monitoring.findings import (
    CONSTANT,
    FOLLOWS,
    GONE,
    UNIT,
    VANISHED,
    VOLUME,
    Finding,
)
from churn_mlops.monitoring.report import Report
from churn_mlops.params import Params

ALWAYS_SEEN = (GONE, CONSTANT, VANISHED, VOLUME, UNIT)
# Named in a mark at most; the report has them all.
MOST_TEXTS = 3


def quarantine_day(params: Params, report: Report) -> list[BadDay]:
    """Bring the marks of a checked day up to what the check found.

    What was found is marked. A mark of an earlier check of the same day that found what is not
    there any more goes: the day was delivered again.

    Parameters
    ----------
    params : Params
    report : Report

    Returns
    -------
    list of BadDay
        The marks that are new.
    """
    day = report.day.day
    found = marks(report, params)
    seen = {*ALWAYS_SEEN, *([FOLLOWS] if report.early is not None else [])}
    unmark(params, day, seen - {one.check for one in found})
    return mark(params, *found)


def marks(report: Report, params: Params) -> list[BadDay]:
    """What the failed upstream findings of a report say about its day, a mark per check."""
    by_check: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if finding.upstream and finding.level == "FAIL":
            by_check.setdefault(finding.check, []).append(finding)
    return [
        BadDay(report.day.day, check, _words(found), any(is_activity(f, params) for f in found))
        for check, found in sorted(by_check.items())
    ]


def _words(found: Sequence[Finding]) -> str:
    more = len(found) - MOST_TEXTS
    words = "; ".join(one.text for one in found[:MOST_TEXTS])
    return f"{words}; {more} more" if more > 0 else words


def is_activity(finding: Finding, params: Params) -> bool:
    """Whether a finding puts activity itself, and so the labels, in doubt.

    Users who are missing, ids that are mixed up, and events that count as activity; not a unit or
    payments.
    """
    if finding.check == UNIT:
        return False
    if finding.column is None:
        return True
    return finding.column in activity_columns(params)


def activity_columns(params: Params) -> frozenset[str]:
    """Columns that count active events or days, on the day and over windows."""
    active = params.churn.active_events
    daily = [
        name
        for name in counted(params)
        if name not in params.features.counts
        or active is None
        or any(kind in active for kind in params.features.counts[name])
    ]
    rolled = [rolled_name(name, days) for name in daily for days in params.features.windows_days]
    trends = [trend_name(name, params) for name in daily]
    return frozenset((*daily, *rolled, *trends, "days_since_last_activity", "active_streak_days"))
