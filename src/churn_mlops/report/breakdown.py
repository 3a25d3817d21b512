"""Sections that tell the metric apart: through time, and by category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from churn_mlops.report import figures, strips, words
from churn_mlops.report.inputs import Inputs
from churn_mlops.report.metrics import metric
from churn_mlops.report.section import Section
from churn_mlops.report.shapes import Backtest, Evaluation, Slice
from churn_mlops.report.subject import Subject
from churn_mlops.report.words import SPACE


def backtest(inputs: Inputs, about: Subject) -> Section:
    """The metric through time."""
    title, found = "Through time", inputs.backtest
    own_name = about.model.name
    models = {p.model for p in found.points} if found else set()
    names = sorted(models, key=lambda name: (name != own_name, name))
    figure = figures.through_time(found, names) if found else None
    if found is None or figure is None:
        return Section("backtest", title, "No backtest has been run.")
    shown = metric(found.metric)
    own = [p for p in found.points if p.model == about.model.name] or list(found.points)
    values = [p.value for p in own if p.value is not None]
    cutoffs = len({p.cutoff for p in own})
    if not values:
        lead = "The backtest holds nothing about this model."
    elif cutoffs == 1:
        lead = (
            f"Only one date left enough to train this model: {shown.name} {shown.show(values[0])}."
        )
    else:
        lead = (
            f"Trained anew for {words.some(cutoffs, 'date')} and tested on the days from then on,"
            f" the {shown.name} lay between {shown.show(min(values))} and"
            f" {shown.show(max(values))}."
        )
    parts = {
        "figure": figure,
        "metric": shown.name,
        "legend": list(zip(figures.STYLES, names, strict=False)),
        "recency": any(p.recency is not None for p in found.points),
        "models": names,
        "rows": [
            _cutoff(cutoff, names, found) for cutoff in sorted({p.cutoff for p in found.points})
        ],
    }
    return Section("backtest", title, lead, parts)


def _cutoff(cutoff: str, names: Sequence[str], found: Backtest) -> dict[str, Any]:
    """The row of a cutoff: every model's value and interval, the rule's value."""
    show = metric(found.metric).show
    points = {p.model: p for p in found.points if p.cutoff == cutoff}
    rule = next((p.recency for p in points.values() if p.recency is not None), None)
    cells = [
        (
            show(points[name].value),
            words.between(_bounds(points[name].low, points[name].high), show),
        )
        if name in points
        else (words.NONE, "")
        for name in names
    ]
    return {"cutoff": words.middle_day(cutoff), "cells": cells, "recency": show(rule)}


def _bounds(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def slices(about: Subject) -> Section:
    """The metric by category, with each category's base rate."""
    title, found = "For whom it works", about.model.slices
    if not found:
        return Section("slices", title, "No category is large enough to be told apart.")
    parts = {
        "groups": [
            {"by": by, "rows": [_slice(s) for s in found if s.by == by]}
            for by in dict.fromkeys(s.by for s in found)
        ],
        "axis": strips.axis(0.0, 1.0, lambda v: words.number(v, 1)),
    }
    return Section("slices", title, _weakest(about.model), parts)


def _slice(s: Slice) -> dict[str, Any]:
    name = _category(s)
    label = (
        f"{s.by} {name}: PR AUC {words.number(s.pr_auc)}, base rate {words.percent(s.base_rate)}"
    )
    return {
        "name": name,
        "users": words.count(s.users),
        "base": words.percent(s.base_rate),
        "risk": words.percent(s.mean_risk),
        "pr_auc": words.number(s.pr_auc),
        "roc_auc": words.number(s.roc_auc),
        "ece": words.number(s.ece),
        "svg": strips.dots(0.0, 1.0, label, s.pr_auc, None, s.base_rate),
    }


def _category(s: Slice) -> str:
    return "missing" if s.value is None else str(s.value)


def _weakest(model: Evaluation) -> str:
    known = [(s.roc_auc, s) for s in model.slices if s.roc_auc is not None]
    if not known:
        return "No category holds both users who left and users who stayed."
    value, s = min(known, key=lambda pair: pair[0])
    overall = model.metrics.get("roc_auc")
    beside = f", against {words.number(overall)} overall" if overall is not None else ""
    return (
        f"The order of risk is least sure where {s.by} is {_category(s)}: ROC{SPACE}AUC"
        f" {words.number(value)}{beside}."
    )
