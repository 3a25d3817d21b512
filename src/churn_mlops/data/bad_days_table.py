"""`churn bad-days`: shows the days that are not learned from, takes them off or adds one."""

from __future__ import annotations

from datetime import date

from churn_mlops.data.bad_days import BadDay, bad_days_path, mark, read_bad_days, unmark
from churn_mlops.errors import ParamsError
from churn_mlops.params import Params
from churn_mlops.summary import Summary

BY_HAND = "by hand"


def run(
    params: Params,
    mended: date | None = None,
    bad: date | None = None,
    why: str | None = None,
    labels: bool = True,
) -> Summary:
    """Change the bad days, if asked to, and show them.

    Parameters
    ----------
    params : Params
    mended : date, optional
        A day that is sound now.
    bad : date, optional
        A day that is not to be learned from.
    why : str, optional
        What is wrong with it.
    labels : bool
        Whether activity itself may be wrong on it.

    Raises
    ------
    ParamsError
        The day to take off is none of them, or nobody says what is wrong with the one to add.
    """
    if mended is not None and not unmark(params, mended):
        raise ParamsError(f"{mended} is no bad day", fix="`churn bad-days` shows them")
    if bad is not None:
        if not why:
            raise ParamsError(f"what is wrong with {bad}?", fix='say it: --why "…"')
        mark(params, BadDay(bad, BY_HAND, why, labels))
    days = read_bad_days(params)
    lines = [f"{one.day}  {one.check:8} {_spoils(one)}  {one.why}" for one in days]
    shown = [{"day": one.day.isoformat(), "check": one.check, "why": one.why, "labels": one.labels}
             for one in days]  # fmt: skip
    changed = [] if mended is None and bad is None else [bad_days_path(params)]
    return Summary("bad_days", {"days": len(days)}, changed, {"days": shown}, lines or ["none"])


def _spoils(one: BadDay) -> str:
    return "features and labels" if one.labels else "features           "
