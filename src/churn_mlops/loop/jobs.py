"""Jobs for a scheduler: each is tried again while what fails may come back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import structlog

from churn_mlops.data.watermark import read_watermark
from churn_mlops.errors import (
    ChurnError,
    PublishError,
    SourceError,
    TrackingError,
    WorkspaceBusyError,
)
from churn_mlops.loop.day_log import days_done
from churn_mlops.loop.lock import workspace_lock
from churn_mlops.monitoring.attempts import backoff
from churn_mlops.monitoring.findings import EXIT_CODES
from churn_mlops.monitoring.reports import reports
from churn_mlops.monitoring.told import published
from churn_mlops.params import Params
from churn_mlops.registry.shared_list import is_shared, share
from churn_mlops.summary import Summary

# A server that is away, a source that cannot be reached, another process at work. Alerts are not
# here: each channel has tries of its own.
MAY_GO_AWAY = (TrackingError, SourceError, PublishError, WorkspaceBusyError)
WAITED = 4

log = structlog.get_logger()


@dataclass(frozen=True)
class Done:
    """What a job did, and its exit code."""

    summary: Summary
    exit_code: int = 0


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Parameters
    ----------
    job : str
    attempts : int
    seconds : float
        From the first try to the end of the last, waits included.
    done : Done or None
    error : ChurnError or None
        Of the last try; either this or `done` is there.
    """

    job: str
    attempts: int
    seconds: float
    done: Done | None
    error: ChurnError | None

    @property
    def exit_code(self) -> int:
        """What the process should leave with."""
        if self.error is not None:
            return self.error.exit_code
        return self.done.exit_code if self.done else 0

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        error = self.error
        return {
            "job": self.job,
            "attempts": self.attempts,
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 3),
            "error": None
            if error is None
            else {"type": type(error).__name__, "message": error.message, "fix": error.fix},
            "summary": self.done.summary.body() if self.done else None,
        }


def run(job: str, params: Params, work: Callable[[], Done]) -> Ended:
    """Do a job's work; try it again when it fails for a reason that may go away.

    Parameters
    ----------
    job : str
        Its name, for the log.
    params : Params
    work : callable
        Safe to be done again.

    Returns
    -------
    Ended
        An error of ours is in it; any other is raised at once.
    """
    settings, started = params.jobs, time.monotonic()
    attempt = 0
    while True:
        attempt += 1
        log.info("job begins", job=job, attempt=attempt, of=settings.tries)
        try:
            done = work()
        except ChurnError as error:
            last = not isinstance(error, MAY_GO_AWAY) or attempt == settings.tries
            wait = None if last else backoff(attempt, settings.backoff_seconds)
            log.warning(
                "job failed" if last else "job failed, it is tried again",
                job=job,
                attempt=attempt,
                of=settings.tries,
                error=type(error).__name__,
                why=error.message,
                exit_code=error.exit_code,
                wait_seconds=wait,
            )
            if wait is None:
                return Ended(job, attempt, time.monotonic() - started, None, error)
            time.sleep(wait)
        else:
            log.info("job done", job=job, attempt=attempt, exit_code=done.exit_code)
            return Ended(job, attempt, time.monotonic() - started, done, None)


def seed_model(params: Params) -> Done:
    """Train the first model, unless there is one."""
    from churn_mlops.loop import seed

    return with_list(Done(seed.run(params)), params)


def batch_score(params: Params, as_of: date | None = None) -> Done:
    """Work the new days in, up to their lists."""
    from churn_mlops.loop import daily

    return with_list(Done(daily.run(params, as_of, daily.LISTED)), params)


def with_list(done: Done, params: Params) -> Done:
    """What a job did, after the latest list has been given to a registry that others ask.

    The day's work counts without it: what goes wrong is a warning, the stage ``share_list`` in the
    metrics, and made good by the next job.
    """
    if not is_shared(params):
        return done
    try:
        with workspace_lock(params, "share_list"), published("share_list", params):
            shared = share(params)
    except ChurnError as error:
        log.warning("the list was not shared", why=error.message, exit_code=error.exit_code)
        shared = None
    found = {"list_shared": shared.as_of_date if shared else None}
    return replace(done, summary=replace(done.summary, facts=done.summary.facts | found))


def drift_check(params: Params) -> Done:
    """Check the last day for drift, then grade the lists; the code is the check's verdict.

    Days before it that were worked in since the last check are checked first, told in the fact
    ``caught_up`` and leave the verdict as it is. Lists that cannot be graded do not change it
    either: the metrics of ``performance`` tell.
    """
    from churn_mlops.monitoring import drift, performance

    with workspace_lock(params, "churn job drift-check"):
        with published("drift_check", params) as outcome:
            caught_up = [_checked(params, day) for day in _unchecked(params)]
            summary = _told(drift.run(params), caught_up)
            code = EXIT_CODES[summary.facts["status"]]
            outcome.rows, outcome.exit_code = summary.rows, code
        try:
            with published("performance", params) as outcome:
                graded = performance.run(params)
                outcome.rows = graded.rows
        except ChurnError as error:
            log.warning("the lists were not graded", why=error.message, exit_code=error.exit_code)
            found = {"performance": None}
            return Done(replace(summary, facts=summary.facts | found), code)
    found = {"performance": graded.facts["status"]}
    line = f"performance {graded.facts['status']}"
    told = replace(
        summary,
        facts=summary.facts | found,
        outputs=[*summary.outputs, *graded.outputs],
        lines=[*summary.lines, line],
    )
    return Done(told, code)


def _unchecked(params: Params) -> list[date]:
    """Days between the last drift report and the last day of the data, worked in, not checked."""
    known = [date.fromisoformat(path.stem) for path in reports(params)]
    mark = read_watermark(params)
    newest = mark.as_of if mark else None
    return [day for day in days_done(params, max(known, default=None)) if day != newest]


def _checked(params: Params, day: date) -> dict[str, Any]:
    """What the check of a caught-up day says, or why it cannot be made: the last day's still is."""
    from churn_mlops.monitoring import drift

    try:
        facts = drift.run(params, day).facts
    except MAY_GO_AWAY:
        raise
    except ChurnError as error:
        log.warning("a day was not checked", day=str(day), why=error.message)
        return {"as_of_date": str(day), "status": None, "headline": error.message}
    return {name: facts[name] for name in ("as_of_date", "status", "headline")}


def _told(summary: Summary, caught_up: list[dict[str, Any]]) -> Summary:
    """The last day's summary with what was caught up; a day that is checked twice counts once."""
    before = [one for one in caught_up if one["as_of_date"] != summary.facts.get("as_of_date")]
    lines = [f"caught up {one['as_of_date']}: {one['headline']}" for one in before]
    return replace(
        summary,
        facts=summary.facts | {"caught_up": before},
        lines=[*summary.lines, *lines],
    )


def retrain(params: Params, params_file: str, *, schedule: bool = False) -> Done:
    """Train anew when there is a reason and nothing that it should wait for."""
    from churn_mlops.monitoring import retrain as action

    with workspace_lock(params, f"churn job {'weekly' if schedule else 'drift-auto'}-retrain"):
        summary = action.run(params, params_file, reason=None, schedule=schedule)
    return with_list(Done(summary, WAITED if summary.facts["action"] == "wait" else 0), params)


def alert(params: Params, *, again: bool = False, test: bool = False) -> Done:
    """Tell people what moved."""
    from churn_mlops.monitoring import alert as action

    return Done(action.run(params, again=again, test=test))
