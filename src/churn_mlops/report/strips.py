"""Small graphics for a table's cells: bars, and dots with whiskers on a common scale.

They are placed by percentages, so they are as wide as their cell and nothing is distorted.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from churn_mlops.report.charts import Scale, ticks
from churn_mlops.report.markup import tag
from churn_mlops.report.words import Show

HEIGHT, MIDDLE = 24, 12


def bar(share: float, label: str, style: str = "strong") -> Markup:
    """Draw a horizontal bar that fills `share` of its cell."""
    width = f"{100 * min(max(share, 0.0), 1.0):.2f}%"
    return _svg(
        label, 12,
        tag("rect", class_="track", x="0", y=3, width="100%", height=6, rx=3),
        tag("rect", class_=f"fill {style}", x="0", y=3, width=width, height=6, rx=3),
    )  # fmt: skip


def dots(
    low: float,
    high: float,
    label: str,
    value: float | None,
    interval: tuple[float, float] | None = None,
    mark: float | None = None,
    style: str = "strong",
) -> Markup:
    """Draw a value with its interval on a scale from `low` to `high`.

    Parameters
    ----------
    low, high : float
        Ends of the scale.
    label : str
        Says the same in words.
    value : float or None
    interval : tuple of float, optional
    mark : float, optional
        Something to compare with, drawn as an upright line.
    style : str
        A class of the style sheet: ``strong`` or ``weak``.
    """
    scale = Scale(low, high, 2, 98)
    parts = [tag("line", class_="rail", x1="0", x2="100%", y1=MIDDLE, y2=MIDDLE)]
    if mark is not None:
        at = _percent(scale, mark)
        parts.append(tag("line", class_="mark", x1=at, x2=at, y1=3, y2=HEIGHT - 3))
    if value is not None:
        if interval is not None:
            ends = [_percent(scale, bound) for bound in interval]
            parts.append(
                tag("line", class_=f"whisker {style}", x1=ends[0], x2=ends[1], y1=MIDDLE, y2=MIDDLE)
            )
        at = _percent(scale, value)
        parts.append(tag("circle", class_=f"dot {style}", cx=at, cy=MIDDLE, r=5))
    return _svg(label, HEIGHT, *parts)


def axis(low: float, high: float, show: Show, about: int = 4) -> Markup:
    """Draw the scale that `dots` are placed on."""
    scale = Scale(low, high, 2, 98)
    parts = [tag("line", class_="axis", x1="0", x2="100%", y1=3, y2=3)]
    values: Sequence[float] = ticks(low, high, about)
    for value in values:
        at = _percent(scale, value)
        anchor = "start" if scale(value) < 8 else "end" if scale(value) > 92 else "middle"
        parts.append(tag("line", class_="axis", x1=at, x2=at, y1=3, y2=7))
        parts.append(tag("text", show(value), class_="tick", x=at, y=20, text_anchor=anchor))
    title = f"Scale from {show(low)} to {show(high)}"
    return _svg(title, HEIGHT, *parts)


def _percent(scale: Scale, value: float) -> str:
    return f"{min(max(scale(value), 0.0), 100.0):.2f}%"


def _svg(label: str, height: int, *parts: Markup) -> Markup:
    return tag(
        "svg", tag("title", label), *parts,
        class_="strip", width="100%", height=height, role="img", aria_label=label,
    )  # fmt: skip
