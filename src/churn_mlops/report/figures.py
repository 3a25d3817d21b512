"""The report's charts: precision-recall, ROC, calibration, profit, the metric through time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from markupsafe import Markup

from churn_mlops.report import words
from churn_mlops.report.charts import LEFT, TOP, Plot, Points, extent
from churn_mlops.report.metrics import metric
from churn_mlops.report.shapes import Backtest, Bins, Evaluation, Numbers, Profit

UNIT = (0.0, 1.0)
# One look per model, told apart without colour, too.
STYLES = ("strong", "weak dashed", "weak dotted")
_ONE = partial(words.number, decimals=1)


def pairs(xs: Numbers, ys: Numbers) -> Points:
    """The points that have both coordinates."""
    both = zip(xs, ys, strict=False)
    return [(x, y) for x, y in both if words.known(x) and words.known(y) and x is not None
            and y is not None]  # fmt: skip


def precision_recall(models: Sequence[Evaluation]) -> Markup | None:
    """Precision against recall of every model, with the base rate."""
    curves = [pairs(m.curves.pr.recall, m.curves.pr.precision) for m in models]
    if not any(curves):
        return None
    plot = Plot(UNIT, UNIT).axes(
        "leavers found (recall)", "right ones on the list (precision)", words.percent, words.percent
    )
    base = models[0].metrics.get("base_rate")
    if base is not None:
        plot.level(base, "chance").note(f"by chance: {words.percent(base)}", 0.0, base, 18)
    _models(plot, curves)
    return plot.svg(f"Precision-recall curves of {_names(models)}")


def roc(models: Sequence[Evaluation]) -> Markup | None:
    """Leavers found against stayers bothered, of every model."""
    curves = [
        pairs(m.curves.roc.false_positive_rate, m.curves.roc.true_positive_rate) for m in models
    ]
    if not any(curves):
        return None
    plot = Plot(UNIT, UNIT).axes(
        "stayers on the list (false positives)",
        "leavers on the list (true positives)",
        words.percent,
        words.percent,
    )
    plot.line([(0, 0), (1, 1)], "chance")
    plot.text("by chance", plot.x(0.97), plot.y(0.55), "note", "end")
    _models(plot, curves)
    return plot.svg(f"ROC curves of {_names(models)}")


def _models(plot: Plot, curves: Sequence[Points]) -> None:
    looks = list(zip(curves, STYLES, strict=False))
    for curve, style in reversed(looks):
        if curve:
            plot.line(curve, style)


def calibration(bins: Bins) -> Markup | None:
    """Share who left against predicted risk per bin; columns below are the bins' rows."""
    points = pairs(bins.predicted, bins.observed)
    if not points:
        return None
    room = 44
    plot = Plot(UNIT, UNIT, height=360, floor=room + 12).axes(
        "predicted risk", "share who left", words.percent, words.percent
    )
    plot.line([(0, 0), (1, 1)], "chance")
    plot.text("dotted: exactly right", LEFT + 8, TOP + 18, "note", "start")
    most = max(bins.rows, default=0)
    for n, (x, y) in enumerate(points):
        rows = bins.rows[n] if n < len(bins.rows) else None
        size = f"; {words.count(rows)} rows" if rows is not None else ""
        hint = f"predicted {words.percent(x)}, left {words.percent(y)}{size}"
        if rows is not None and most:
            plot.column(x, rows / most, room, "weak", hint)
    if most:
        plot.text(f"rows per bin (up to {words.count(most)})", 386, 252, "note", "end")
    plot.line(points, "strong thin")
    for x, y in points:
        plot.dot(x, y, "strong", f"predicted {words.percent(x)}, left {words.percent(y)}")
    gaps = "; ".join(f"{words.percent(x)}: {words.percent(y)}" for x, y in points)
    return plot.svg(f"Predicted risk against the share who left, by bin: {gaps}")


def profit(curve: Profit) -> Markup | None:
    """Profit per user against the share of users contacted, the best marked."""
    points = pairs(curve.share, curve.profit_per_user)
    if not points:
        return None
    low, high = extent([0.0, curve.best_profit_per_user, *(y for _, y in points)])
    high += 0.1 * (high - low)
    decimals = 0 if high - low > 20 else 1 if high - low > 2 else 2
    show = partial(words.number, decimals=decimals)
    plot = Plot(UNIT, (low, high)).axes(
        "share of users contacted", "profit per user", words.percent, show
    )
    best_x, best_y = curve.best_share, curve.best_profit_per_user
    plot.level(0, "zero").area(points, 0, "strong").line(points, "strong")
    plot.drop(best_x, best_y, 0, "chance")
    best = f"best: {words.percent(best_x)}, {words.number(best_y, 2)} per user"
    plot.dot(best_x, best_y, "strong", best).note(best, best_x, best_y)
    return plot.svg(f"Profit per user by the share of users contacted; {best}")


def through_time(backtest: Backtest, models: Sequence[str]) -> Markup | None:
    """The metric of these models after each cutoff; the recency rule as a line of its own."""
    points = [p for p in backtest.points if p.value is not None and words.known(p.value)]
    if not points:
        return None
    cutoffs = sorted({p.cutoff for p in points})
    place = {cutoff: float(n) for n, cutoff in enumerate(cutoffs)}
    bounds = [b for p in points for b in (p.value, p.low, p.high, p.recency) if b is not None]
    low, high = extent(bounds)
    about = metric(backtest.metric)
    plot = Plot((-0.4, len(cutoffs) - 0.6), (max(low, 0.0), min(high, 1.0))).axes(
        "tested from",
        about.name,
        lambda n: words.short_day(cutoffs[round(n or 0)]),
        partial(words.number, decimals=2),
        _every(len(cutoffs)),
    )
    rule = {p.cutoff: p.recency for p in points if p.recency is not None}
    plot.line([(place[c], rule[c]) for c in cutoffs if c in rule], "chance")
    for n, model in reversed(list(enumerate(models[: len(STYLES)]))):
        shift = 0.0 if len(models) == 1 else 0.06 * (1 if n else -1)
        own = sorted((p for p in points if p.model == model), key=lambda p: p.cutoff)
        plot.line([(place[p.cutoff] + shift, p.value or 0) for p in own], f"{STYLES[n]} thin")
        for p in own:
            at, style, value = place[p.cutoff] + shift, STYLES[n].split()[0], p.value or 0
            if p.low is not None and p.high is not None:
                plot.whisker(at, p.low, p.high, style)
            hint = f"{model}, {words.day(p.cutoff)}: {about.show(value)}"
            (plot.square if n else plot.dot)(at, value, style, hint)
    return plot.svg(f"{about.name} of {words.listed(models)} after each of {len(cutoffs)} cutoffs")


def _every(n: int) -> list[float]:
    step = -(-n // 6)
    return [float(place) for place in range(0, n, step)]


def _names(models: Sequence[Evaluation]) -> str:
    return words.listed([f"{m.name} ({m.family})" for m in models])
