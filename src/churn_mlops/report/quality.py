"""Sections about how good the model is: metrics, curves, calibration, time, slices."""

from __future__ import annotations

from typing import Any

from churn_mlops.report import figures, strips, words
from churn_mlops.report.charts import extent
from churn_mlops.report.inputs import Inputs
from churn_mlops.report.metrics import METRICS, Metric, metric
from churn_mlops.report.section import Section
from churn_mlops.report.shapes import Evaluation, Slice
from churn_mlops.report.subject import Subject, family

RULES = {
    "recency": ("Rule: longest away first", "recency"),
    "activity": ("Rule: least active last month first", "activity"),
}


def list_sentence(model: Evaluation, top_k: int) -> str:
    """How many on the list did leave, in one sentence."""
    share = model.metrics.get("precision_at_k")
    if share is None or not words.known(share):
        return "The evaluation does not tell how many on the list did leave."
    whole = top_k >= 100
    size, digits = (top_k, 0) if whole else (100, 0 if share >= 0.1 else 1)
    who = f"the {words.count(size)} users on a day’s list" if whole else "100 users on the lists"
    bounds = model.intervals.get("precision_at_k")
    interval = ""
    if bounds is not None:
        low, high = (words.number(size * bound, digits) for bound in bounds)
        interval = f" ({words.percent(model.confidence)} interval {low} to {high})"
    return f"Of {who}, {words.number(size * share, digits)} did leave{interval}."


def chance_sentence(model: Evaluation, top_k: int) -> str:
    """What a list drawn by chance would have held."""
    base = model.metrics.get("base_rate")
    if base is None or not words.known(base):
        return ""
    size = top_k if top_k >= 100 else 100
    return f"Drawn by chance, {words.number(size * base, 0 if base >= 0.1 else 1)} would have."


def metrics(inputs: Inputs, about: Subject) -> Section:
    """The key metrics of all models beside the simple rules."""
    model, top_k = about.model, inputs.params.scoring.top_k
    lead = f"{list_sentence(model, top_k)} {chance_sentence(model, top_k)}".rstrip()
    shown = [m for m in METRICS if any(e.metrics.get(m.key) is not None for e in about.models)]
    parts = {
        "columns": [(e.name, family(e.family), e.model_version) for e in about.models],
        "rows": [_row(m, about.models) for m in shown],
        "strips": comparison(about),
        "axis": strips.axis(0.0, 1.0, lambda v: words.number(v, 1)),
        "tested": _tested(model),
        "confidence": words.percent(model.confidence),
        "resamples": words.count(model.resamples),
        "beats": _beats(model),
    }
    return Section("metrics", "How good the list is", lead, parts)


def _row(m: Metric, models: tuple[Evaluation, ...]) -> dict[str, Any]:
    known = {e.name: e.metrics.get(m.key) for e in models}
    values = [v for v in known.values() if v is not None and words.known(v)]
    best = (max(values) if m.better == "higher" else min(values)) if len(values) > 1 else None
    cells = [
        {
            "value": m.show(e.metrics.get(m.key)),
            "interval": words.between(e.intervals.get(m.key), m.show),
            "best": best is not None and e.metrics.get(m.key) == best,
        }
        for e in models
    ]
    return {"metric": m, "cells": cells}


def comparison(about: Subject) -> list[dict[str, Any]]:
    """PR-AUC of every model and rule, as dots on one scale with the base rate as a mark."""
    base = about.model.metrics.get("base_rate")
    rows = []
    for model in about.models:
        first = model is about.model
        title = f"{words.capital(model.name)}, {family(model.family)}"
        interval = model.intervals.get("pr_auc")
        rows.append(_dot(title, model.metrics.get("pr_auc"), interval, base, first))
    for name, rule in about.model.rules.items():
        title = RULES.get(name, (f"Rule: {name}", name))[0]
        rows.append(_dot(title, rule.pr_auc, None, base, False))
    return rows


def _dot(
    title: str,
    value: float | None,
    interval: tuple[float, float] | None,
    base: float | None,
    strong: bool,
) -> dict[str, Any]:
    bounds = words.between(interval)
    said = f"{title}: PR-AUC {words.number(value)}" + (f", {bounds}" if bounds else "")
    style = "strong" if strong else "weak"
    svg = strips.dots(0.0, 1.0, said, value, interval, base, style)
    return {"title": title, "value": words.number(value), "interval": bounds, "svg": svg}


def _tested(model: Evaluation) -> str:
    m = model.metrics
    users = f" of {words.count(m['users'])} users" if m.get("users") is not None else ""
    rows = f"Measured on {words.count(m['rows'])} test rows{users}" if m.get("rows") else ""
    base = f"; {words.percent(m['base_rate'])} of the rows left" if m.get("base_rate") else ""
    return f"{rows}{base}." if rows else ""


def _beats(model: Evaluation) -> str:
    if model.beats_rules is None:
        return ""
    return (
        "The model ranks better than the simple rules."
        if model.beats_rules
        else "The model does not rank better than the simple rules: the rules would do."
    )


def curves(about: Subject) -> Section:
    """Precision-recall and ROC."""
    title = "Curves"
    pr, roc = figures.precision_recall(about.models), figures.roc(about.models)
    if pr is None and roc is None:
        return Section("curves", title, "The evaluation holds no curves.")
    named = zip(about.models, figures.STYLES, strict=False)
    legend = [(style, f"{e.name} ({family(e.family)})") for e, style in named]
    return Section("curves", title, _half(about.model), {"pr": pr, "roc": roc, "legend": legend})


def _half(model: Evaluation) -> str:
    points = figures.pairs(model.curves.pr.recall, model.curves.pr.precision)
    reached = [point for point in points if point[0] >= 0.5]
    if not reached:
        return "The further up and to the left a curve runs, the better the order of risk."
    precision = min(reached)[1]
    return (
        "A list long enough to find half of those who leave is right about"
        f" {words.number(100 * precision, 0)} of every 100 users on it."
    )


def calibration(about: Subject) -> Section:
    """Whether the risks can be taken at their word."""
    title, model = "Can the risks be taken at their word?", about.model
    bins = model.curves.calibration
    points = figures.pairs(bins.predicted, bins.observed)
    if not points:
        return Section("calibration", title, "The evaluation holds no calibration curve.")
    x, y = max(points, key=lambda point: abs(point[0] - point[1]))
    ece = model.metrics.get("ece")
    off = (
        f"A risk is off by {words.number(100 * ece, 1)} percentage points on average; at worst,"
        if ece is not None and words.known(ece)
        else "At worst,"
    )
    lead = f"{off} users with a risk of {words.percent(x)} left in {words.percent(y)} of cases."
    chosen = model.calibration
    losses = sorted((chosen.log_loss if chosen else {}).items(), key=lambda kv: kv[1] or 9e9)
    methods = [(name, words.number(loss, 4), chosen and name == chosen.method)
               for name, loss in losses]  # fmt: skip
    parts = {
        "figure": figures.calibration(bins),
        "method": chosen.method if chosen else "",
        "methods": methods,
        "users": words.count(chosen.users) if chosen else "",
        "rows": words.count(chosen.rows) if chosen else "",
        "bins": len(points),
    }
    return Section("calibration", title, lead, parts)


def backtest(inputs: Inputs, about: Subject) -> Section:
    """The metric through time."""
    title, found = "Through time", inputs.backtest
    names = sorted(
        {p.model for p in found.points} if found else (), key=lambda name: (name != about.model.name, name)
    )
    figure = figures.through_time(found, names) if found else None
    if found is None or figure is None:
        return Section("backtest", title, "No backtest has been run.")
    shown = metric(found.metric)
    own = [p for p in found.points if p.model == about.model.name] or list(found.points)
    values = [p.value for p in own if p.value is not None]
    cutoffs = len({p.cutoff for p in own})
    lead = (
        f"Trained anew at {words.some(cutoffs, 'cutoff')} and tested on what came after, the"
        f" {shown.name} lay between {shown.show(min(values))} and {shown.show(max(values))}."
        if values
        else "The backtest holds nothing about this model."
    )
    parts = {
        "figure": figure,
        "metric": shown.name,
        "legend": list(zip(figures.STYLES, names, strict=False)),
        "recency": any(p.recency is not None for p in found.points),
        "points": [
            {
                "cutoff": words.day(p.cutoff),
                "model": p.model,
                "value": shown.show(p.value),
                "interval": words.between(_bounds(p.low, p.high), shown.show),
                "recency": shown.show(p.recency),
            }
            for p in sorted(found.points, key=lambda p: (p.cutoff, names.index(p.model)))
        ],
    }
    return Section("backtest", title, lead, parts)


def _bounds(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def slices(about: Subject) -> Section:
    """The metric by category, with each category's base rate."""
    title, found = "For whom it works", about.model.slices
    if not found:
        return Section("slices", title, "No category is large enough to be told apart.")
    values = [v for s in found for v in (s.pr_auc, s.base_rate) if v is not None]
    low, high = extent([*values, 1.0]) if values else (0.0, 1.0)
    low, high = max(low, 0.0), 1.0
    parts = {
        "groups": [
            {"by": by, "rows": [_slice(s, low, high) for s in found if s.by == by]}
            for by in dict.fromkeys(s.by for s in found)
        ],
        "axis": strips.axis(low, high, lambda v: words.number(v, 1)),
    }
    return Section("slices", title, _weakest(about.model), parts)


def _slice(s: Slice, low: float, high: float) -> dict[str, Any]:
    name = "missing" if s.value is None else str(s.value)
    label = (
        f"{s.by} {name}: PR-AUC {words.number(s.pr_auc)}, base rate {words.percent(s.base_rate)}"
    )
    return {
        "name": name,
        "users": words.count(s.users),
        "base": words.percent(s.base_rate),
        "risk": words.percent(s.mean_risk),
        "pr_auc": words.number(s.pr_auc),
        "roc_auc": words.number(s.roc_auc),
        "ece": words.number(s.ece),
        "svg": strips.dots(low, high, label, s.pr_auc, None, s.base_rate),
    }


def _weakest(model: Evaluation) -> str:
    known = [(s.roc_auc, s) for s in model.slices if s.roc_auc is not None]
    if not known:
        return "No category holds both users who left and users who stayed."
    value, s = min(known, key=lambda pair: pair[0])
    overall = model.metrics.get("roc_auc")
    beside = f", against {words.number(overall)} overall" if overall is not None else ""
    return (
        f"The order of risk is least sure where {s.by} is {s.value}: ROC-AUC"
        f" {words.number(value)}{beside}."
    )
