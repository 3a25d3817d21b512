"""A new champion's first days: the one before is scored along and put back if it is better."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_mlops import engine
from churn_mlops.data.bad_days import BadDay, read_bad_days
from churn_mlops.errors import ContractError, PromotionError
from churn_mlops.inference.kept import Kept, kept
from churn_mlops.monitoring.duel import Result, Round, confidence_of_look, duel
from churn_mlops.monitoring.evidence import Trial
from churn_mlops.monitoring.retrain_files import last_day, trial
from churn_mlops.params import Params
from churn_mlops.registry import rollback
from churn_mlops.registry.history import (
    PROBATION_PASSED,
    PROMOTED,
    REVERTED,
    ROLLED_BACK,
    champions,
    ledger,
)
from churn_mlops.registry.ledger import Entry
from churn_mlops.summary import Summary
from churn_mlops.tables import contracts, scan

STAGE = "probation"


def run(params: Params) -> Summary:
    """Judge the champion on probation; the caller holds the workspace's lock.

    Parameters
    ----------
    params : Params

    Returns
    -------
    Summary
        Its fact ``status`` is none, running, passed or reverted.

    Raises
    ------
    ContractError
        A kept list is damaged, or user_daily is not there.
    PromotionError, TrackingError, LedgerError
        Going back failed; the next run tries again.
    """
    book = ledger(params)
    entries = book.entries()
    unfinished = _unfinished(entries)
    if unfinished is not None:
        # Killed after the line and before the champion was replaced.
        return _revert(unfinished.facts, params)
    under_way = trial(entries, params)
    if under_way is None:
        return _told({"status": "none"}, "no probation is under way")
    day = last_day(params)
    found = compare(under_way, day, params)
    facts = _facts(under_way, day, found)
    words = found.words() if found else "no day yet that both have scored and that can be judged"
    if found is not None and found.lost:
        book.append(REVERTED, **facts, reason=f"{under_way.before} is better: {words}")
        return _revert(book.entries()[-1].facts, params)
    if day >= under_way.until:
        reason = f"{under_way.champion} passed its probation of {under_way.days} days: {words}"
        book.append(PROBATION_PASSED, **facts, reason=reason)
        return _told({"status": "passed", **facts}, reason)
    left = (under_way.until - day).days
    reason = f"{under_way.champion} is on probation against {under_way.before}, {left} days to go"
    return _told({"status": "running", **facts}, f"{reason}: {words}")


def compare(under_way: Trial, day: date, params: Params) -> Result | None:
    """Both models on every day of the probation that both have scored; None without any.

    The interval's confidence is ``promotion.confidence`` over all looks together, one a day: taking
    a champion out takes as much as bringing it in.

    Parameters
    ----------
    under_way : Trial
    day : date
        The last day of the data.
    params : Params
    """
    pairs = _pairs(under_way, params)
    bad = read_bad_days(params)
    spans = {one: span(one, day, bad, params) for one in pairs}
    usable = {one: days for one, days in spans.items() if days > 0}
    if not usable:
        return None
    active = _active_days(min(usable) + timedelta(days=1), params)
    rounds = [_round(*pairs[one], active, days) for one, days in usable.items()]
    confidence = confidence_of_look(params.promotion.confidence, under_way.days)
    return duel([one for one in rounds if one is not None], confidence, params.training.seed)


def span(day: date, last: date, bad: Iterable[BadDay], params: Params) -> int:
    """How many days after a day tell who left; 0 when the day cannot be judged.

    Not more than a label's horizon, and none from a day on whose activity may be wrong. A day whose
    features look back on a bad day is not judged.

    Parameters
    ----------
    day, last : date
        Of the list, and of the data.
    bad : iterable of BadDay
    params : Params
    """
    days = min((last - day).days, params.churn.window_days)
    longest = max(params.features.windows_days)
    for one in bad:
        ahead = (one.day - day).days
        if -longest < ahead <= 0:
            return 0
        if one.labels and 0 < ahead <= days:
            days = ahead - 1
    return max(days, 0)


def _pairs(under_way: Trial, params: Params) -> dict[date, tuple[Kept, Kept]]:
    """Lists of both models, by their day."""
    by_model: dict[str, dict[date, Kept]] = {under_way.champion: {}, under_way.before: {}}
    for one in kept(params):
        # Days up to the promotion have been trained or tested on by one of them, or both.
        if one.version in by_model and under_way.since < one.day <= under_way.until:
            by_model[one.version][one.day] = one
    mine, other = by_model[under_way.champion], by_model[under_way.before]
    return {day: (mine[day], other[day]) for day in sorted(mine.keys() & other.keys())}


def _active_days(first: date, params: Params) -> pa.Table:
    """Users and days from `first` on, active ones only."""
    with engine.connect(params) as con:
        table = scan(con, contracts.user_daily(params), params, since=first)
        active = table.filter(table.is_active_day == 1)
        found = active.select("user_id", "as_of_date").to_pyarrow()
    return found


def _round(mine: Kept, other: Kept, active: pa.Table, days: int) -> Round | None:
    """What both said of the users that both have scored, and who left; None without any."""
    one, two = mine.read(), other.read()
    if one.meaning != two.meaning:
        return None
    users = active["user_id"].combine_chunks()
    if not one.users.type == two.users.type == users.type:
        raise ContractError(
            f"the lists of {mine.day} and user_daily have user ids of different types",
            fix="set data.user_id back, or remove the old files from data/scored",
        )
    place = pc.index_in(one.users, value_set=two.users)
    both = place.is_valid().to_numpy(zero_copy_only=False)
    ids = one.users.filter(place.is_valid())
    when = active["as_of_date"].to_numpy()
    inside = (when > np.datetime64(mine.day)) & (
        when <= np.datetime64(mine.day + timedelta(days=days))
    )
    seen = users.filter(pa.array(inside))
    away = ~pc.is_in(ids, value_set=seen).to_numpy(zero_copy_only=False)
    others = two.risks[place.drop_null().to_numpy()]
    return Round(ids.to_numpy(zero_copy_only=False), one.risks[both], others, away)


def _facts(under_way: Trial, day: date, found: Result | None) -> dict[str, Any]:
    return {
        "as_of_date": day.isoformat(),
        "champion": under_way.champion,
        "before": under_way.before,
        "since": under_way.since.isoformat(),
        "evidence": found.as_json() if found else None,
    }


def _unfinished(entries: list[Entry]) -> Entry | None:
    """A decision to go back that was not carried out."""
    for entry in reversed(entries):
        if entry.action in (ROLLED_BACK, PROMOTED):
            return None
        if entry.action == REVERTED:
            return entry
    return None


def _revert(facts: Any, params: Params) -> Summary:
    reason = f"probation: {facts['reason']}"
    try:
        rollback.run(params, reason, to=facts["before"])
    except PromotionError:
        # Killed when the registry had it already: the ledger has been brought up to it since.
        if champions(ledger(params).entries())[-1]["version"] != facts["before"]:
            raise
    shown = {key: value for key, value in facts.items() if key != "reason"}
    return _told({"status": "reverted", **shown}, f"REVERTED: {facts['reason']}")


def _told(facts: dict[str, Any], line: str) -> Summary:
    return Summary(STAGE, {}, [], facts | {"reason": line}, [line])
