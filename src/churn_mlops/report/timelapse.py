"""The page of a time lapse: what happened, what was noticed, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from churn_mlops.report import words
from churn_mlops.report.board import NARROW, SIGNS, WIDE, board, span
from churn_mlops.report.lived import Course, Deed, Lived, deeds, reigns
from churn_mlops.report.templates import filled_in

STYLES = {"promoted": "good", "reverted": "bad", "refused": "none", "trained": "none"}


def render(summary: Mapping[str, Any], diary: Sequence[Mapping[str, Any]]) -> str:
    """Write the page; the same inputs give the same text.

    Parameters
    ----------
    summary : mapping
        As `summary.json` holds it.
    diary : sequence of mapping
        As the lines of `diary.jsonl`, in order.
    """
    course = Course.model_validate(summary)
    days = [Lived.model_validate(line) for line in diary]
    return filled_in("timelapse.html.j2", context(course, days))


def context(course: Course, days: Sequence[Lived]) -> dict[str, Any]:
    """What the template shows."""
    return {
        "title": str(course.plan.get("scenario", "")),
        "sentence": sentence(course, days),
        "under": words.capital(course.words) + ".",
        "facts": facts(course, days),
        "wide": board(days, course, WIDE) if days else "",
        "narrow": board(days, course, NARROW) if days else "",
        "deeds": [row(deed) for deed in deeds(days)],
        "decided": decided(days),
        "reigns": [
            {
                "version": reign.version,
                "colour": reign.colour % 6,
                "first": words.middle_day(reign.days[0].day),
                "last": words.middle_day(reign.days[-1].day),
                "days": words.days(len(reign.days)),
                "pr_auc": words.number(_mean(reign.realised)),
                "promised": promised(reign.days),
            }
            for reign in reigns(days)
        ],
        "alarms": alarms(days),
        "bad": _bad(course),
        "has_labels": course.learnable is not None,
        "plan": course.plan,
        "api": api(course, days),
    }


def sentence(course: Course, days: Sequence[Lived]) -> str:
    """What it came to, in one sentence."""
    lived = f"{words.days(len(days))} went by"
    trained = words.some(len(course.retrains), "training")
    if course.change is None:
        return f"{lived} in which nothing happened: {trained}, {_promotions(course)}."
    alarm = "no alarm"
    if course.first_alarm is not None:
        after = (course.first_alarm - course.change).days
        alarm = "the alarm on day one" if after == 0 else f"the alarm after {words.days(after)}"
    if course.expected == "retrain":
        if course.days_to_retrain is None:
            return f"The world changed: {alarm}, and no training since labels could tell."
        then = f"a new training {words.days(course.days_to_retrain)} after labels could tell"
        return f"The world changed: {alarm}, {then}."
    if not course.retrains_on_bad_days and not course.promotions_on_bad_days:
        return f"A bad week: {alarm}, and nothing was learned from it."
    learned = words.some(len(course.retrains_on_bad_days), "training")
    return f"A bad week: {alarm}, and {learned} on bad days."


def _promotions(course: Course) -> str:
    return (
        "no promotion" if not course.promotions else words.some(len(course.promotions), "promotion")
    )


def facts(course: Course, days: Sequence[Lived]) -> list[tuple[str, str]]:
    """The numbers below the sentence."""
    gate = [f"{words.count(len(course.promotions))} promoted"]
    gate += [f"{len(course.refusals)} refused"] if course.refusals else []
    gate += [f"{len(course.reverts)} put back"] if course.reverts else []
    before, last = (words.number(course.pr_auc.get(when)) for when in ("before", "last"))
    found = [
        ("Days with an alarm", f"{len(course.alarms)} of {len(days)}"),
        ("Trainings", f"{len(course.retrains)}: {', '.join(gate)}" if course.retrains else "none"),
        ("PR AUC before, last 30 days", f"{before}, {last}"),
    ]
    if course.requests:
        answered = f"{course.failed_requests:,} of {course.requests:,}"
        found.append(("Requests that failed", answered))
    return found


def row(deed: Deed) -> dict[str, Any]:
    """A line of the table of decisions."""
    day = deed.days[-1]
    if deed.kind == "wait":
        held = [one for one in day.checks if one.binding and not one.passed]
        texts = [f"{one.check} {one.text}" for one in held] or [day.reason]
        length = f"waits, {words.days(len(deed.days))}" if len(deed.days) > 1 else "waits"
        style = "none"
    else:
        texts, length, style = [day.reason], SIGNS[deed.kind], STYLES[deed.kind]
    return {
        "number": deed.number,
        "kind": deed.kind,
        "days": span(deed),
        "what": length,
        "style": style,
        "why": day.trigger,
        "texts": [text for text in texts if text],
        "champion": day.champion[:7],
    }


def decided(days: Sequence[Lived]) -> str:
    """The table in one sentence."""
    found = deeds(days)
    if not found:
        return "There was no reason to train on any day."
    waited = sum(len(one.days) for one in found if one.kind == "wait")
    acted = [one.kind for one in found if one.kind != "wait"]
    parts = [f"{acted.count(kind)} {name}" for kind, name in SIGNS.items() if acted.count(kind)]
    said = (
        f"Of {words.some(len(acted), 'decision')} to act: {words.listed(parts)}. " if acted else ""
    )
    return f"{said}A reason to train had to wait on {words.days(waited)}."


def promised(days: Sequence[Lived]) -> str:
    """How many lists turned out to be as good as had been promised."""
    known = [
        day.pr_auc_low <= day.pr_auc_realised <= day.pr_auc_high
        for day in days
        if day.pr_auc_realised is not None
        and day.pr_auc_low is not None
        and day.pr_auc_high is not None
    ]
    return f"{sum(known)} of {len(known)}" if known else words.NONE


def alarms(days: Sequence[Lived]) -> list[dict[str, str]]:
    """Runs of days with an alarm: their first headline."""
    found: list[list[Lived]] = []
    for day in days:
        if day.drift == "FAIL" or day.validation != "ok":
            if found and (day.day - found[-1][-1].day).days == 1:
                found[-1].append(day)
            else:
                found.append([day])
    return [
        {
            "days": span(Deed(tuple(run), "wait")),
            "length": words.days(len(run)),
            "text": run[0].headline if run[0].validation == "ok" else run[0].validation,
        }
        for run in found
    ]


def api(course: Course, days: Sequence[Lived]) -> str:
    """What the API did meanwhile."""
    asked = [day for day in days if day.api is not None]
    if not asked:
        return ""
    stale = [d for d in asked if d.api is not None and d.promoted and d.api.version != d.champion]
    late = (
        f" On {words.days(len(stale))} it still answered with the model before in the evening."
        if stale
        else ""
    )
    fine = "all of them were answered" if not course.failed_requests else (
        f"{course.failed_requests:,} of them failed"
    )  # fmt: skip
    return (
        f"A real server was asked {course.requests:,} times, without a pause while models were"
        f" trained and replaced; {fine}.{late}"
    )


def _bad(course: Course) -> str:
    if not course.bad_days:
        return ""
    return f"{words.short_day(course.bad_days[0])} to {words.middle_day(course.bad_days[-1])}"


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
