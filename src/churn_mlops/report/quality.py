"""Sections about how good the model is: metrics, curves, calibration."""

from __future__ import annotations

import math
from typing import Any

from churn_mlops.report import figures, strips, words
from churn_mlops.report.metrics import METRICS, Metric
from churn_mlops.report.section import Section
from churn_mlops.report.shapes import Evaluation
from churn_mlops.report.subject import Subject
from churn_mlops.report.words import SPACE, family

RULES = {"recency": "longest away first", "activity": "least active last month first"}


def list_sentence(model: Evaluation, top_k: int) -> str:
    """How many on the list did leave, in one sentence."""
    share = model.metrics.get("precision_at_k")
    if share is None or not words.known(share):
        return "The evaluation does not tell how many on the list did leave"
    whole = top_k >= 100
    size, digits = (top_k, 0) if whole else (100, 0 if share >= 0.1 else 1)
    who = f"the {words.count(size)} users on a day’s list" if whole else "100 users on the lists"
    return f"Of {who}, {words.number(size * share, digits)} did leave"


def list_interval(model: Evaluation, top_k: int) -> str:
    """The interval of that number, or nothing."""
    share, bounds = model.metrics.get("precision_at_k"), model.intervals.get("precision_at_k")
    if share is None or bounds is None or not all(map(words.known, (share, *bounds))):
        return ""
    size, digits = (top_k, 0) if top_k >= 100 else (100, 0 if share >= 0.1 else 1)
    low, high = (words.number(size * bound, digits) for bound in bounds)
    return f"({words.percent(model.confidence)} interval {low} to {high})"


def chance_sentence(model: Evaluation, top_k: int) -> str:
    """What a list drawn by chance would have held."""
    base = model.metrics.get("base_rate")
    if base is None or not words.known(base):
        return ""
    size = top_k if top_k >= 100 else 100
    return f"Drawn by chance, {words.number(size * base, 0 if base >= 0.1 else 1)} would have."


def metrics(about: Subject) -> Section:
    """The key metrics of all models beside the simple rules."""
    model = about.model
    shown = [m for m in METRICS if any(e.metrics.get(m.key) is not None for e in about.models)]
    parts = {
        "columns": [(e.name, family(e.family), e.model_version) for e in about.models],
        "rows": [_row(m, about.models) for m in shown],
        "strips": comparison(about),
        "axis": strips.axis(*_range(about), lambda v: words.number(v, 1)),
        "tested": _tested(model),
        "confidence": words.percent(model.confidence),
        "resamples": words.count(model.resamples) if model.intervals else "",
        "beats": _beats(model),
    }
    return Section("metrics", "How good the list is", _order(model), parts)


def _order(model: Evaluation) -> str:
    """How well the model ranks, beside the best simple rule."""
    value = model.metrics.get("pr_auc")
    rules = {name: rule.pr_auc for name, rule in model.rules.items() if rule.pr_auc is not None}
    if value is None or not rules:
        return "The metrics of all trained models on the test days."
    best = max(rules, key=lambda name: rules[name])
    verdict = {True: "ranks better than", False: "does not rank better than", None: "ranks beside"}
    bounds = words.between(model.intervals.get("pr_auc"))
    interval = f" ({words.percent(model.confidence)} interval {bounds})" if bounds else ""
    return (
        f"The {model.name} {verdict[model.beats_rules]} the simple rules: PR{SPACE}AUC"
        f" {words.number(value)}{interval} against {words.number(rules[best])} for"
        f" “{RULES.get(best, best)}”."
    )


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
    base, ends = about.model.metrics.get("base_rate"), _range(about)
    rows = []
    for model in about.models:
        first = model is about.model
        title = f"{words.capital(model.name)}, {family(model.family)}"
        interval = model.intervals.get("pr_auc")
        rows.append(_dot(title, model.metrics.get("pr_auc"), interval, base, first, ends))
    for name, rule in about.model.rules.items():
        rows.append(_dot(f"Rule: {RULES.get(name, name)}", rule.pr_auc, None, base, False, ends))
    return rows


def _range(about: Subject) -> tuple[float, float]:
    """Ends of the common scale, in tenths."""
    model = about.model
    values = [e.metrics.get("pr_auc") for e in about.models]
    values += [rule.pr_auc for rule in model.rules.values()] + [model.metrics.get("base_rate")]
    values += [bound for e in about.models for bound in e.intervals.get("pr_auc") or ()]
    known = [value for value in values if value is not None and words.known(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    return math.floor(10 * low) / 10, math.floor(10 * high + 1) / 10


def _dot(
    title: str,
    value: float | None,
    interval: tuple[float, float] | None,
    base: float | None,
    strong: bool,
    ends: tuple[float, float],
) -> dict[str, Any]:
    bounds = words.between(interval)
    said = f"{title}: PR AUC {words.number(value)}" + (f", {bounds}" if bounds else "")
    style = "strong" if strong else "weak"
    svg = strips.dots(*ends, said, value, interval, base, style)
    return {"title": title, "value": words.number(value), "interval": bounds, "svg": svg}


def _tested(model: Evaluation) -> str:
    m = model.metrics
    users = f" of {words.count(m['users'])} users" if m.get("users") is not None else ""
    rows = f"Measured on {words.count(m['rows'])} test rows{users}" if m.get("rows") else ""
    base = f"; {words.percent(m['base_rate'])} of the rows left" if m.get("base_rate") else ""
    return f"{rows}{base}." if rows else ""


def _beats(model: Evaluation) -> str:
    if model.beats_rules is not False:
        return ""
    return "Without this model, the simple rules would do as well."


def curves(about: Subject) -> Section:
    """Precision-recall and ROC."""
    title = "Curves"
    pr, roc = figures.precision_recall(about.models), figures.roc(about.models)
    if pr is None and roc is None:
        return Section("curves", title, "The evaluation holds no curves.")
    named = zip(about.models, figures.STYLES, strict=False)
    legend = [(style, f"{e.name}, {family(e.family)}") for e, style in named]
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
