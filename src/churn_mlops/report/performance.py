"""The section about the lists in use: what was promised, and how it turned out."""

from __future__ import annotations

from functools import partial
from typing import Any

from churn_mlops.report import words
from churn_mlops.report.forecast import forecast
from churn_mlops.report.inputs import Inputs
from churn_mlops.report.metrics import metric
from churn_mlops.report.section import Section
from churn_mlops.report.watched import Performance, Promised, ScoreProxy

RANKING = ("pr_auc", "roc_auc")
TITLE = "Performance in use"
STATUSES = {
    "OK": ("✓", "above its floors", "good"),
    "WARN": ("!", "the estimate lies below its floor, or promises stay broken", "bad"),
    "FAIL": ("✗", "the newest truth lies below its floor and what was promised", "bad"),
}


def performance(inputs: Inputs) -> Section:
    """Estimates before labels, graded by the labels."""
    found, proxy = inputs.performance, inputs.score_proxy
    if found is None:
        return Section(
            "performance",
            TITLE,
            "No list’s performance has been estimated yet (churn performance).",
        )
    figures = [
        (metric(key).name, figure)
        for key in RANKING
        if (figure := forecast(found.history, key, found.floors.get(key))) is not None
    ]
    parts: dict[str, Any] = {
        "figures": figures,
        "confidence": words.percent(found.confidence),
        "status": STATUSES.get(found.status, ("", found.status, "none")),
        "facts": facts(found),
        "scores": scores(proxy) if proxy else "",
    }
    return Section("performance", TITLE, lead(found), parts)


def lead(found: Performance) -> str:
    """The estimate graded by the truth, in one sentence."""
    counts = {k: c for k, c in found.promises.items() if k in RANKING and c.batches}
    if not counts:
        return (
            f"The list of {words.day(found.as_of_date)} is estimated; no list has come to the end"
            " of its horizon yet, so no estimate has been graded by the truth."
        )
    said = [
        f"{count.kept} of {words.some(count.batches, 'promise')} about the {metric(key).name}"
        for key, count in counts.items()
    ]
    should = f"at a confidence of {words.percent(found.confidence)}"
    return f"The estimate graded by the truth: {words.listed(said)} were kept, {should}."


def facts(found: Performance) -> list[tuple[str, str]]:
    """The newest estimate and the newest truth in numbers."""
    rows = [
        (f"Estimated for {words.day(found.as_of_date)}", _said(found.estimated)),
    ]
    truth = found.realised
    if truth is not None:
        of = f"Realised by the list of {words.day(truth.as_of_date)}"
        true = {
            key: Promised(value=one.value, low=one.low, high=one.high)
            for key, one in truth.metrics.items()
        }
        missing = (
            f"; {words.some(truth.unlabelled, 'user')} without a label" if truth.unlabelled else ""
        )
        rows.append((of, f"{_said(true, 'promised ')}{missing}"))
    floors = [f"{metric(k).name} {words.number(v)}" for k, v in found.floors.items()]
    if floors:
        rows.append(("Floors", ", ".join(floors)))
    return rows


def _said(metrics: dict[str, Promised], word: str = "") -> str:
    told = []
    for key, one in metrics.items():
        show = partial(words.number, decimals=2 if key == "profit" else 3)
        bounds = None if one.low is None or one.high is None else (one.low, one.high)
        interval = words.between(bounds, show)
        name = "profit" if key == "profit" else metric(key).name
        told.append(f"{name} {show(one.value)}" + (f" ({word}{interval})" if interval else ""))
    return "; ".join(told)


def scores(proxy: ScoreProxy) -> str:
    """The distribution of the latest risks, in a sentence."""
    share = words.percent(proxy.high_risk_share)
    text = (
        f"Of the {words.count(proxy.users)} users scored on {words.day(proxy.as_of_date)},"
        f" {share} have a risk of {words.percent(proxy.high_risk)} or more;"
        f" the mean is {words.percent(proxy.risk_mean)}."
    )
    if proxy.risk_psi is None:
        return text
    moved = {"WARN": "have moved", "FAIL": "have moved far"}.get(proxy.status, "are like")
    against = words.some(len(proxy.compared_with), "list")
    link = "" if moved == "are like" else " against"
    return (
        f"{text} The risks {moved}{link} those of the {against} before: population stability index"
        f" {words.number(proxy.risk_psi)}, by chance up to {words.number(proxy.risk_chance_psi)}."
    )
