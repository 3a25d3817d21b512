"""The rule by which the gate refuses a day: the same for a day's step and for a whole run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from churn_mlops.data.bad_days import BadDay, mark, read_bad_days, unmark
from churn_mlops.data.checks import GATE
from churn_mlops.data.verdict import Verdict, named
from churn_mlops.errors import QuarantineError
from churn_mlops.params import Params

MINIMUM_BAD_ROWS = 10
"""So many bad rows of a table are set aside and refuse nothing, whatever their share: on a day with
two sign-ups one bad row is half of them, and no reason to go without the day."""


def too_bad(verdicts: Mapping[str, Verdict], params: Params) -> list[str]:
    """The tables with too many bad rows: more than the allowed share, and more than a few."""
    share = params.validation.max_quarantine_share
    return [
        name
        for name, one in verdicts.items()
        if one.share > share and one.quarantined > MINIMUM_BAD_ROWS
    ]


def refused_days(params: Params) -> list[date]:
    """The days that the gate has refused before, the earliest first."""
    return sorted({one.day for one in read_bad_days(params) if one.check in GATE})


def told_arrivals(arrivals: Mapping[str, Verdict], day: date, too_late: int) -> dict[str, Any]:
    """The report's part about a day: what belongs to it, by table, and what came too late."""
    return {
        "day": str(day),
        **{name: one.as_json() for name, one in arrivals.items() if one.rows_in},
        "too_late": too_late,
    }


def judge(
    arrivals: Mapping[str, Verdict], failed: Sequence[str], day: date, params: Params
) -> QuarantineError | None:
    """Mark a day that is refused, take the gate's mark off one that passes.

    Parameters
    ----------
    arrivals : mapping of str to Verdict
        What belongs to the day, by table.
    failed : sequence of str
        The tables that are `too_bad`.
    day : date
    params : Params

    Returns
    -------
    QuarantineError or None
        What is wrong with the day, to be raised.
    """
    if not failed:
        # It may have been delivered anew.
        unmark(params, day, GATE)
        return None
    worst = arrivals[max(failed, key=lambda name: arrivals[name].share)]
    check = min(worst.counts, key=lambda number: (-worst.counts[number], number))
    lines = [
        f"{name}: {arrivals[name].share:.2%} of {arrivals[name].rows_in:,} rows"
        f" ({named(arrivals[name])})"
        for name in failed
    ]
    # Another check may have been the most frequent when the day was judged before.
    unmark(params, day, GATE - {check})
    # Events of users who are set aside are set aside too (CHN120). So activity is missing when
    # events fail, and only then: labels of the days before can be trusted otherwise.
    mark(params, BadDay(day, check, "; ".join(lines), labels="events" in failed))
    return QuarantineError(
        f"of what arrived on {day}, more rows failed their checks than"
        f" validation.max_quarantine_share = {params.validation.max_quarantine_share:.2%} allows:\n"
        + "\n".join(f"  {line}" for line in lines),
        fix="mend the source and deliver anew; the day is in data/raw/bad_days.json: it is not"
        " learned from",
    )
