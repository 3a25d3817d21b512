"""Charts as SVG: scales, round ticks, axes, lines, bands, dots with whiskers, columns.

A plot is drawn in a box of 400 units, the width of a phone, so that its text stays readable
there. Colours and fonts come from the page's style sheet by class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from churn_mlops.report.markup import tag
from churn_mlops.report.words import Show

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 400, 310
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 30, 48
MOST_POINTS = 240


@dataclass(frozen=True)
class Scale:
    """A straight map from values to units of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value lies."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values from `low` to `high`, roughly `about` of them: steps of 1, 2 or 5."""
    raw = (high - low) / max(about, 1)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * nice for nice in (1, 2, 5, 10) if size * nice >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def extent(values: Sequence[float]) -> tuple[float, float]:
    """A range around the values with a little air; never empty."""
    low, high = min(values), max(values)
    air = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return low - air, high + air


def thinned(points: Points, most: int = MOST_POINTS) -> Points:
    """At most so many of the points, evenly taken, with both ends."""
    if len(points) <= most:
        return points
    places = [round(n * (len(points) - 1) / (most - 1)) for n in range(most)]
    return [points[place] for place in places]


class Plot:
    """A chart under construction; things drawn later lie on top.

    Parameters
    ----------
    x, y : tuple of float
        Range of the axes.
    height : int
        Of the drawing; `floor` units above the x axis labels are left free of the y axis.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        height: int = HEIGHT,
        floor: int = 0,
    ) -> None:
        self.height = height
        self.x = Scale(*x, LEFT, WIDTH - RIGHT)
        self.y = Scale(*y, height - BOTTOM - floor, TOP)
        self._parts: list[Markup] = []

    def axes(
        self,
        x_title: str,
        y_title: str,
        x_show: Show,
        y_show: Show,
        x_ticks: Sequence[float] | None = None,
    ) -> Plot:
        """Draw horizontal grid lines, tick labels and titles; the y title stands on top."""
        base = self.height - BOTTOM
        for value in ticks(self.y.low, self.y.high):
            at = self.y(value)
            self._add("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at)
            self.text(y_show(value), LEFT - 8, at + 4.5, "tick", "end")
        for value in ticks(self.x.low, self.x.high) if x_ticks is None else x_ticks:
            at = self.x(value)
            self._add("line", class_="axis", x1=at, x2=at, y1=base, y2=base + 5)
            self.text(x_show(value), at, base + 19, "tick", "middle")
        self._add("line", class_="axis", x1=LEFT, x2=WIDTH - RIGHT, y1=base, y2=base)
        self.text(x_title, (LEFT + WIDTH - RIGHT) / 2, self.height - 7, "title", "middle")
        self.text(y_title, 4, 15, "title", "start")
        return self

    def line(self, points: Points, style: str) -> Plot:
        """Join the points."""
        where = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in thinned(points))
        self._add("polyline", class_=f"line {style}", points=where)
        return self

    def area(self, points: Points, base: float, style: str) -> Plot:
        """Fill between the points and a level."""
        if points:
            shown = thinned(points)
            closed = [(shown[0][0], base), *shown, (shown[-1][0], base)]
            where = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in closed)
            self._add("polygon", class_=f"area {style}", points=where)
        return self

    def band(self, lows: Points, highs: Points, style: str = "strong") -> Plot:
        """Fill between two lines over the same places."""
        around = [*thinned(highs), *reversed(thinned(lows))]
        where = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in around)
        self._add("polygon", class_=f"area {style}", points=where)
        return self

    def level(self, y: float, style: str) -> Plot:
        """Draw a horizontal line across the plot."""
        at = self.y(y)
        self._add("line", class_=f"line {style}", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at)
        return self

    def drop(self, x: float, y: float, base: float, style: str) -> Plot:
        """Draw a vertical line from a point to a level."""
        at = self.x(x)
        self._add("line", class_=f"line {style}", x1=at, x2=at, y1=self.y(y), y2=self.y(base))
        return self

    def dot(self, x: float, y: float, style: str, hint: str, radius: float = 5) -> Plot:
        """Draw one point; the hint is its tooltip."""
        circle = tag(
            "circle", tag("title", hint), class_=f"dot {style}",
            cx=self.x(x), cy=self.y(y), r=radius,
        )  # fmt: skip
        self._parts.append(circle)
        return self

    def square(self, x: float, y: float, style: str, hint: str, radius: float = 4.5) -> Plot:
        """Draw one point as a square."""
        square = tag(
            "rect", tag("title", hint), class_=f"dot {style}",
            x=self.x(x) - radius, y=self.y(y) - radius, width=2 * radius, height=2 * radius,
        )  # fmt: skip
        self._parts.append(square)
        return self

    def whisker(self, x: float, low: float, high: float, style: str) -> Plot:
        """Draw a vertical interval."""
        at = self.x(x)
        self._add("line", class_=f"whisker {style}", x1=at, x2=at, y1=self.y(low), y2=self.y(high))
        return self

    def column(self, x: float, share: float, room: float, style: str, hint: str) -> Plot:
        """Draw a column of `share` of the `room` on the x axis."""
        size = max(share * room, 1)
        column = tag(
            "rect", tag("title", hint), class_=f"column {style}",
            x=self.x(x) - 5, y=self.height - BOTTOM - size, width=10, height=size,
        )  # fmt: skip
        self._parts.append(column)
        return self

    def note(self, text: str, x: float, y: float, shift: float = -10) -> Plot:
        """Write a word beside a place of the plot, on the side where there is room."""
        at = self.x(x)
        right_half = at > (LEFT + WIDTH) / 2
        anchor = "end" if right_half else "start"
        return self.text(text, at + (-8 if right_half else 8), self.y(y) + shift, "note", anchor)

    def text(self, text: str, x: float, y: float, style: str, anchor: str) -> Plot:
        """Write a word at a place of the drawing."""
        self._parts.append(tag("text", text, class_=style, x=x, y=y, text_anchor=anchor))
        return self

    def svg(self, title: str) -> Markup:
        """Finish the drawing; the title says what it shows to whoever does not see it."""
        return tag(
            "svg", tag("title", title), *self._parts,
            class_="plot", viewBox=f"0 0 {WIDTH} {self.height}", role="img", aria_label=title,
        )  # fmt: skip

    def _add(self, name: str, **attributes: str | float | None) -> None:
        self._parts.append(tag(name, **attributes))
