"""`churn daily`: a day's work, from what has arrived to the list and what is known about it.

Every step is safe to run twice and leaves its files whole, so a day that was broken off is begun
again: what was done is done once more, to the same bytes. A day whose data does not pass the gate
is noted as a bad day and has no list; the days after it go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_mlops.data.watermark import Watermark, read_watermark
from churn_mlops.errors import ParamsError, QuarantineError
from churn_mlops.loop.day_log import DONE, FAILED, DayLog, day_log_path, read_day_log, write_day_log
from churn_mlops.loop.lock import workspace_lock
from churn_mlops.monitoring.findings import EXIT_CODES
from churn_mlops.monitoring.told import published
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary

if TYPE_CHECKING:
    from churn_mlops.data.delivery import Delivery

STEPS = (
    "ingest",
    "validate_data",
    "prepare_data",
    "build_features",
    "build_labels",
    "batch_score",
    "score_shadow",
    "score_proxy",
    "drift_check",
    "performance",
)
LISTED = "score_proxy"
"""The last step that the list needs."""


@dataclass(frozen=True)
class Step:
    """A step of the day: its name, as in its metrics, and what it does for a day."""

    name: str
    run: Callable[[Params, date], Summary]


def run(params: Params, as_of: date | None = None, until: str | None = None) -> Summary:
    """Bring in new days and work them in, one after the other.

    Parameters
    ----------
    params : Params
    as_of : date, optional
        The last day to bring in. By default a day that was broken off is finished, otherwise the
        next day of the synthetic portal or, of files and databases, all up to yesterday (UTC).
    until : str, optional
        Name of the last step (`STEPS`); all by default.

    Returns
    -------
    Summary
        Of the last day.

    Raises
    ------
    QuarantineError
        A day did not pass the gate. The days after it were worked in first.
    WorkspaceBusyError
        Another process is at work here.
    ParamsError
        The day lies before what has been brought in.
    """
    from churn_mlops.data.delivery import Delivery

    with workspace_lock(params, "churn daily"), closing(Delivery(params)) as delivery:
        parts = _steps(until, delivery)
        mark = read_watermark(params)
        open_day = _broken_off(params, mark)
        days = days_to_work_in(mark, as_of or _newest(params, mark, open_day), open_day)
        done: list[DayLog] = []
        refused: QuarantineError | None = None
        for day in days:
            try:
                done.append(work_in(params, day, parts))
            except QuarantineError as error:
                refused = error
    if refused is not None:
        raise refused
    return summed_up(params, done[-1], len(done))


def work_in(params: Params, day: date, parts: Sequence[Step]) -> DayLog:
    """Work one day in and write what was done to artifacts/daily/DATE.json.

    Raises
    ------
    QuarantineError
        The day did not pass the gate, which the log says as well.
    """
    done: list[dict[str, Any]] = []
    with steps(f"daily {day}", len(parts)) as step:
        for part in parts:
            started = time.perf_counter()
            try:
                with published(part.name, params) as outcome:
                    summary = part.run(params, day)
                    outcome.rows = summary.rows
                    outcome.exit_code = EXIT_CODES.get(summary.facts.get("status", ""), 0)
            except QuarantineError as error:
                told = {"step": part.name, "message": error.message}
                write_day_log(params, DayLog(day, FAILED, done, told))
                raise
            seconds = round(time.perf_counter() - started, 3)
            facts = {"seconds": seconds, "rows": summary.rows, "facts": summary.facts}
            done.append({"step": part.name, **facts})
            step(part.name)
    log = DayLog(day, DONE, done)
    write_day_log(params, log)
    return log


def days_to_work_in(mark: Watermark | None, last: date, open_day: date | None) -> list[date]:
    """The days from the one that was broken off, or after the watermark, to the last: at least one.

    Parameters
    ----------
    mark : Watermark or None
    last : date
    open_day : date or None
        Brought in, but not finished.

    Raises
    ------
    ParamsError
        The last day lies before what has been brought in.
    """
    reached = mark.as_of if mark else None
    if reached is None:
        return [last]
    if last < reached:
        raise ParamsError(
            f"{last} lies before {reached}, the last day that was brought in",
            fix="give a later day: late rows come in with it, and the list of a past day stays what"
            " was predicted then, in data/scored; `churn drift-check --as-of-date`"
            " checks a past day again",
        )
    first = reached if open_day is not None or last == reached else reached + timedelta(days=1)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _broken_off(params: Params, mark: Watermark | None) -> date | None:
    if mark is None or not mark.ingested or mark.as_of is None:
        return None
    return mark.as_of if read_day_log(params, mark.as_of) is None else None


def _newest(params: Params, mark: Watermark | None, open_day: date | None) -> date:
    """The last day to bring in when nobody says which."""
    from churn_mlops.data.ingest import next_day

    if params.data.source == "synthetic" and open_day is not None:
        return open_day
    return max(next_day(params), mark.as_of) if mark and mark.as_of else next_day(params)


def summed_up(params: Params, log: DayLog, days: int) -> Summary:
    """What a command says of the last day."""
    rows = {name: n for one in log.steps for name, n in one["rows"].items()}
    facts: dict[str, Any] = {"as_of_date": log.day.isoformat(), "days": days}
    outputs: list[Path] = [day_log_path(params, log.day)]
    for name in ("drift_check", "performance"):
        if told := log.facts_of(name):
            facts[name] = told["status"]
    lines = []
    if "drift_check" in facts:
        lines.append(f"drift {log.facts_of('drift_check')['headline']}")
    if "performance" in facts:
        told = log.facts_of("performance")
        lines.append(f"performance {told['status']}: PR-AUC estimated {told['pr_auc']}")
    return Summary("daily", rows, outputs, facts, lines)


def _steps(until: str | None, delivery: Delivery) -> list[Step]:
    # Here, as each brings libraries along that not every command needs.
    from churn_mlops.data import ingest, prepare_day, validate_day
    from churn_mlops.features import features_day
    from churn_mlops.inference import batch_score
    from churn_mlops.monitoring import drift, performance, score_proxy
    from churn_mlops.monitoring.shadow import score_shadow
    from churn_mlops.training import labels_day

    actions: dict[str, Callable[[Params, date], Summary]] = {
        "ingest": ingest.run,
        "validate_data": lambda params, _: validate_day.run(params, delivery),
        "prepare_data": lambda params, _: prepare_day.run(params, delivery),
        "build_features": lambda params, _: features_day.run(params),
        "build_labels": lambda params, _: labels_day.run(params),
        "batch_score": batch_score.run,
        "score_shadow": lambda params, _: score_shadow(params),
        "score_proxy": lambda params, _: score_proxy.run(params),
        "drift_check": drift.run,
        "performance": lambda params, _: performance.run(params),
    }
    last = len(STEPS) if until is None else STEPS.index(until) + 1
    return [Step(name, actions[name]) for name in STEPS[:last]]
