"""`churn simulate`: months of a portal's life in minutes, with everything real.

The workspace is a folder of its own in which the project's pipeline, its daily work, its decisions
and its API run as they would anywhere. Only the clock is missing: a day begins when the one before
has ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from churn_mlops.files import write_json, write_text
from churn_mlops.loop import diary, hindsight
from churn_mlops.loop.diary import Day
from churn_mlops.loop.live import live
from churn_mlops.loop.lock import workspace_lock
from churn_mlops.loop.stage import Plan, first_models, inside, prepare
from churn_mlops.loop.watched_api import WatchedApi, serving
from churn_mlops.params import Params
from churn_mlops.progress import Step, steps
from churn_mlops.registry.champion import load_champion
from churn_mlops.registry.golden import PLAIN_ROWS
from churn_mlops.report import timelapse
from churn_mlops.summary import Summary

SUMMARY, PAGE = "summary.json", "index.html"
HEADLINE = 60


def run(params_file: Path, folder: Path, plan: Plan, days: int, *, serve: bool = True) -> Summary:
    """Live through days, or through those that are missing in a folder.

    Parameters
    ----------
    params_file : Path
        The project's parameters.
    folder : Path
        Where to live; made when it is not there.
    plan : Plan
    days : int
        From the first day that is lived through.
    serve : bool
        Run the API beside it and ask it.

    Returns
    -------
    Summary

    Raises
    ------
    ParamsError
        The folder holds something else.
    SourceError
        The pipeline or the API does not start.
    """
    started = time.perf_counter()
    folder = folder.resolve()
    with steps(f"simulate {plan.scenario}", days + 2) as step:
        if not prepare(params_file, folder, plan):
            first_models(folder, plan)
        step("the first models")
        with inside(folder) as params, workspace_lock(params, "churn simulate"):
            lived = _live_through(params, folder, plan, days, serve, step)
            lived = hindsight.filled_in(lived, params, plan)
        diary.write(folder, lived)
        body = hindsight.summed_up(lived, plan, params.churn.window_days)
        body["wall_seconds"] = round(time.perf_counter() - started, 1)
        write_json(folder / SUMMARY, body)
        write_text(folder / PAGE, timelapse.render(body, [vars(day) for day in lived]))
        step("the page")
    outputs = [folder / name for name in (PAGE, diary.NAME, SUMMARY)]
    return Summary("simulate", {"days": len(lived)}, outputs, facts(body))


def _live_through(
    params: Params, folder: Path, plan: Plan, days: int, serve: bool, step: Step
) -> list[Day]:
    lived = diary.read(folder)
    diary.write(folder, lived)
    for day in lived[:days]:
        step(words(day))
    with _api(params, folder, serve and len(lived) < days) as api:
        for number in range(len(lived), days):
            day = live(params, plan.day(number), api)
            diary.append(folder, day)
            lived.append(day)
            step(words(day))
    return lived


@contextmanager
def _api(params: Params, folder: Path, wanted: bool) -> Iterator[WatchedApi | None]:
    if not wanted:
        yield None
        return
    rows: list[Mapping[str, Any]] = [row for row, _ in load_champion(params).golden[:PLAIN_ROWS]]
    with serving(folder, rows) as api:
        yield api


def words(day: Day) -> str:
    """A day in a line of the progress: what was found, and what was done about it."""
    found = f"drift {day.drift}" if day.drift else "no list"
    if day.drift in ("WARN", "FAIL"):
        headline = day.headline.removeprefix(f"{day.drift}: ")
        found += f" ({headline[:HEADLINE]}{'…' if len(headline) > HEADLINE else ''})"
    done = {"nothing": "", "wait": ", waits", "retrain": ", trained"}[day.decision]
    if day.decision == "wait":
        waits = [
            one["check"] for one in day.checks if one.get("binding", True) and not one["passed"]
        ]
        done += f" for {', '.join(waits)}" if waits else ""
    if day.gate:
        done += f" and {day.gate}"
    if day.reverted:
        done += ", put the champion before back"
    return f"{day.day} {found}{done}; champion {day.champion[:7]}"


def facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the command tells."""
    counted = ("retrains", "promotions", "refusals", "reverts", "waits", "alarms")
    told = ("first_alarm", "days_to_retrain", "failed_requests", "requests", "pr_auc")
    found: dict[str, Any] = {"scenario": body["plan"]["scenario"], "expected": body["expected"]}
    found |= {name: len(body[name]) for name in counted}
    return found | {name: body[name] for name in told}
