"""The chart of promises: what each day's list was said to be worth, and what it was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from itertools import groupby

from markupsafe import Markup

from churn_mlops.report import words
from churn_mlops.report.charts import Plot, extent
from churn_mlops.report.metrics import metric
from churn_mlops.report.watched import Batch

MOST_BATCHES = 120
# From so many batches on, points are drawn smaller.
CROWDED = 40


def forecast(history: Sequence[Batch], key: str, floor: float | None) -> Markup | None:
    """Draw a metric: estimates with their interval, the truth as points, the floor as a line.

    Parameters
    ----------
    history : sequence of Batch
        The oldest first; the last `MOST_BATCHES` are drawn.
    key : str
        The metric.
    floor : float or None
    """
    shown = [batch for batch in history[-MOST_BATCHES:] if _numbers(batch, key)]
    if not shown:
        return None
    about, days = metric(key), [batch.as_of_date.toordinal() for batch in shown]
    bounds = [number for batch in shown for number in _numbers(batch, key)]
    low, high = extent([*bounds, *([] if floor is None else [floor])])
    air = max(1.0, 0.03 * (days[-1] - days[0]))
    plot = Plot((days[0] - air, days[-1] + air), (max(low, 0.0), min(high, 1.0))).axes(
        "day of the list",
        about.name,
        lambda day: words.short_day(date.fromordinal(round(day or 1))),
        partial(words.number, decimals=2),
        _some(days),
    )
    if floor is not None:
        plot.level(floor, "weak dashed")
        plot.text(f"floor {about.show(floor)}", 386, plot.y(floor) - 6, "note", "end")
    # A band for each model, so that it breaks off where another one took over.
    for _, batches in groupby(shown, key=lambda batch: batch.model_version):
        _band(plot, list(batches), key)
    radius = 5.0 if len(shown) < CROWDED else 3.0
    for batch in shown:
        _truth(plot, batch, key, radius)
    span = f"{words.day(shown[0].as_of_date)} to {words.day(shown[-1].as_of_date)}"
    return plot.svg(
        f"{about.name} of {words.some(len(shown), 'list')}, {span}: {_told(shown, key)}"
    )


def _band(plot: Plot, batches: Sequence[Batch], key: str) -> None:
    points = [
        (float(batch.as_of_date.toordinal()), said.value, said.low, said.high)
        for batch in batches
        if (said := (batch.estimated or {}).get(key)) is not None
        and said.value is not None
        and said.low is not None
        and said.high is not None
    ]
    if len(points) == 1:
        x, value, low, high = points[0]
        plot.whisker(x, low, high, "strong").dot(x, value, "weak", "estimated")
        return
    if points:
        plot.band([(x, low) for x, _, low, _ in points], [(x, top) for x, _, _, top in points])
        plot.line([(x, value) for x, value, _, _ in points], "strong thin")


def _truth(plot: Plot, batch: Batch, key: str, radius: float) -> None:
    found = batch.realised.metrics.get(key) if batch.realised else None
    if found is None or found.value is None:
        return
    promised = words.between(_bounds(found.low, found.high))
    said = f", promised {promised}" if promised else ""
    hint = f"{words.day(batch.as_of_date)}: {words.number(found.value)}{said}"
    x = float(batch.as_of_date.toordinal())
    if found.kept is False:
        plot.square(x, found.value, "bad", hint, radius)
    else:
        plot.dot(x, found.value, "strong", hint, radius)


def _told(shown: Sequence[Batch], key: str) -> str:
    """The chart in words."""
    grades = [
        b.realised.metrics[key].kept for b in shown if b.realised and key in b.realised.metrics
    ]
    known = [kept for kept in grades if kept is not None]
    return f"{sum(known)} of {len(known)} intervals held the truth" if known else "none graded yet"


def _numbers(batch: Batch, key: str) -> list[float]:
    said = (batch.estimated or {}).get(key)
    found = batch.realised.metrics.get(key) if batch.realised else None
    numbers = [said.low, said.high, said.value] if said else []
    numbers += [found.value] if found else []
    return [number for number in numbers if number is not None and words.known(number)]


def _bounds(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def _some(days: Sequence[int]) -> list[float]:
    """At most five of the days, both ends among them."""
    places = sorted({round(n * (len(days) - 1) / 4) for n in range(5)})
    return [float(days[place]) for place in places]
