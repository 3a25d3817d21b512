"""Lines over orders of magnitude, as SVG: what was measured as dots, the laws as lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 176, 40, 44
# Colours that also people who confuse red and green can tell apart (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7f7f7f")
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Series:
    """One line: its name, the measured dots and the points of its law; beyond them it is dashed."""

    name: str
    dots: Sequence[tuple[float, float]]
    law: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = math.log10(value / self.low) / math.log10(self.high / self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**power for power in range(first, last + 1)]


def drawing(title: str, x_name: str, y_name: str, series: Sequence[Series]) -> str:
    """A chart with both axes logarithmic.

    Parameters
    ----------
    title, x_name, y_name : str
    series : sequence of Series
        With one dot at least; all values positive.
    """
    points = [point for one in series for point in (*one.dots, *one.law)]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    across = _Scale(min(xs) / 1.3, max(xs) * 1.3, LEFT, WIDTH - RIGHT)
    up = _Scale(min(ys) / 1.5, max(ys) * 1.5, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, title, size=15),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_name, anchor="middle"),
        _text(LEFT - 56, TOP - 8, y_name),
        *_grid(across, up),
    ]
    for place, one in enumerate(series):
        colour = COLOURS[place % len(COLOURS)]
        parts += _one(one, across, up, colour)
        height = TOP + 14 + 20 * place
        parts.append(f'<circle cx="{WIDTH - RIGHT + 16}" cy="{height - 4}" r="4" fill="{colour}"/>')
        parts.append(_text(WIDTH - RIGHT + 26, height, one.name))
    return "\n".join([*parts, "</svg>\n"])


def _grid(across: _Scale, up: _Scale) -> list[str]:
    parts = []
    for tick in across.ticks():
        x = across(tick)
        parts.append(_line(x, TOP, x, HEIGHT - BOTTOM))
        parts.append(_text(x, HEIGHT - BOTTOM + 16, short(tick), anchor="middle"))
    for tick in up.ticks():
        y = up(tick)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 6, y + 4, short(tick), anchor="end"))
    return parts


def _one(series: Series, across: _Scale, up: _Scale, colour: str) -> list[str]:
    largest = max(x for x, _ in series.dots)
    parts = []
    within = [point for point in series.law if point[0] <= largest]
    beyond = [point for point in series.law if point[0] >= largest]
    for points, dashes in ((within, ""), (beyond, ' stroke-dasharray="5 4"')):
        if len(points) > 1:
            path = " ".join(f"{across(x)},{up(y)}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"{dashes}/>')
    dots = ((across(x), up(y)) for x, y in series.dots)
    return parts + [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in dots]


def short(value: float) -> str:
    """``10k`` for 10,000; ``0.1`` for a tenth."""
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#dddddd"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> str:
    attributes = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" fill="#222222"'
    return f"<text {attributes}>{escape(text)}</text>"
